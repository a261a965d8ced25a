"""Someone erased does not survive on a page, however odd the page is; all others do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amplemarket_source.lenient_json import read_rows
from amplemarket_source.privacy.keys import identifier_keys, person_key
from amplemarket_source.privacy.redact import Suppressions
from tests.transform.documents import Deep, Literal, Pairs, encode

_ERASED = {"id": "erased", "name": "Ada Gone", "email": "ada@gone.example"}
_KEYS = [*identifier_keys("ada@gone.example", None), person_key("erased")]
_LEAD = {"email": "lead1@site.example"}


def _page(*rows: Any, **more: Any) -> bytes:
    return encode({"id": 18, "status": "completed", "results": list(rows), "_links": {}, **more})


def _row(person: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "status": "enriched", "result": person, **_LEAD, **more}


_OTHER = _row({"id": "stays", "name": "Eve", "big": 2**70, "ratio": 1.10}, 2)
_ODD: dict[str, Any] = {
    "nothing": 1,
    "2,000_levels": Deep(2_000),
    "100,000_levels": Deep(100_000),
    "not_a_number": Literal("NaN"),
    "an_integer_of_5,000_digits": Literal("9" * 5_000),
    "a_lone_surrogate": "\ud800",
    "nul": "\x00",
}


@pytest.mark.parametrize("odd", _ODD.values(), ids=_ODD.keys())
@pytest.mark.parametrize("whose", ["the_erased_person", "another_person"])
def test_the_erased_are_gone_from_a_page_with(odd: Any, whose: str) -> None:
    mine, other = {**_ERASED}, {**_OTHER["result"]}
    (mine if whose == "the_erased_person" else other)["odd"] = odd
    body = _page(_row(mine), {**_OTHER, "result": other})
    redacted = Suppressions(_KEYS).redact(body)
    assert b"Gone" not in redacted
    assert b"ada@gone" not in redacted
    removed, kept = read_rows(redacted)
    assert removed == {"id": 1, **_LEAD, "status": "gdpr_removed", "result": None}
    assert repr(kept) == repr(read_rows(body)[1])
    assert Suppressions(_KEYS).redact(redacted) == redacted


_HIDDEN = {
    "first_of_two_results_lists": Pairs(
        [("status", "completed"), ("results", [_row(_ERASED)]), ("results", [_OTHER])]
    ),
    "first_of_two_results_of_a_row": {
        "results": [Pairs([("id", 1), ("result", _ERASED), ("result", {"id": "x"})]), _OTHER]
    },
    "first_of_two_addresses_on_a_page_that_is_not_strict": {
        "results": [
            _row(Pairs([("id", "x"), ("email", "ada@gone.example"), ("email", "y@z.example"),
                        ("name", "Gone"), ("odd", Literal("NaN"))])),
            _OTHER,
        ]
    },
    "list_of_people_for_a_person": {"results": [_row([_ERASED]), _OTHER]},
    "rows_that_are_no_objects": {"results": [5, None, _row(_ERASED), "x", _OTHER]},
    "fields_beside_the_person": {"results": [_row(_ERASED, matched_name="Gone"), _OTHER]},
}  # fmt: skip


@pytest.mark.parametrize("page", _HIDDEN.values(), ids=_HIDDEN.keys())
def test_the_erased_are_found_in_the(page: Any) -> None:
    body = encode(page)
    redacted = Suppressions(_KEYS).redact(body)
    assert b"Gone" not in redacted
    assert b"ada@gone" not in redacted
    assert read_rows(redacted)[-1] == _OTHER


def test_other_rows_stay_byte_for_byte_and_bytes_that_are_no_utf8_too() -> None:
    other = b'{"id" : 2,\t"status":"enriched", "result":{"id":"q","x":1.10,"x":2,"y":"\xff"}}'
    body = b'{"results": [%s, %s]}' % (json.dumps(_row(_ERASED)).encode(), other)
    redacted = Suppressions(_KEYS).redact(body)
    assert other in redacted
    assert b"Gone" not in redacted


@pytest.mark.parametrize("body", [_page(_OTHER), b'{"results": null}', b'{"results": [NaN]}'])
def test_a_page_without_anyone_erased_is_the_same(body: bytes) -> None:
    assert Suppressions(_KEYS).redact(body) is body
