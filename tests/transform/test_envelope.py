"""What a request object says beside its rows is kept and named, once for each request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amplemarket_source.sandbox import Fault
from amplemarket_source.schema.registry import ColumnRegistry
from tests.support.deployment import Deployment, email_leads
from tests.transform.documents import Pairs, encode
from tests.transform.harness import Bench, Warehouse, person_row

REASON = "enrichment_requests.{}: not documented"


def body(number: int, *, odd: bool, **members: Any) -> bytes:
    """A page about one lead; an odd one takes the tolerant way."""
    person = {"id": f"p{number}", "name": {"first": "Ada"} if odd else "Ada"}
    rows = [person_row(person, number)]
    known = {"id": 18, "object": "x", "status": "completed", "results": rows, "_links": {}}
    return encode({**known, **members})


def loaded(bench: Bench, *pages: bytes) -> tuple[dict[str, Any], ColumnRegistry]:
    """The rejects of the pages' own members by reason, and the columns."""
    registry = ColumnRegistry()
    answer = bench.answer(pages, leads=len(pages))
    warehouse = Warehouse().apply(bench.load([answer], registry))
    assert len(warehouse["people"]) == len(pages)
    found: dict[str, Any] = {}
    for row in warehouse["rejects"]:
        if row["reason"].startswith("enrichment_requests."):
            assert (row["stage"], row["entity_id"], row["lead_key"]) == ("field", None, None)
            found.setdefault(row["reason"], []).append(json.loads(row["raw"]))
    return found, registry


@pytest.mark.parametrize("odd", [False, True], ids=["strict", "tolerant"])
def test_an_undocumented_member_is_in_rejects_once_and_named(bench: Bench, odd: bool) -> None:
    members = {"total": 3, "leads": [{"email": "ada@example.com"}], "since": "2020-01-01"}
    pages = [body(number, odd=odd, **members) for number in range(3)]
    found, registry = loaded(bench, *pages)
    assert found == {
        REASON.format(name): [{"id": "18", name: value}] for name, value in members.items()
    }
    for name in members:
        assert registry.new_fields[f"enrichment_requests.{name}"] == "in rejects"


def test_a_member_that_differs_from_page_to_page_is_kept_from_each(bench: Bench) -> None:
    pages = [body(number, odd=number == 1, page=number) for number in range(3)]
    found, _ = loaded(bench, *pages)
    said = found[REASON.format("page")]
    assert sorted(said, key=str) == [{"id": "18", "page": number} for number in range(3)]


@pytest.mark.parametrize("odd", [False, True], ids=["strict", "tolerant"])
def test_what_is_documented_or_null_is_no_reject(bench: Bench, odd: bool) -> None:
    found, registry = loaded(bench, body(0, odd=odd, total=None, _errors=[]))
    assert (found, registry.new_fields) == ({}, {})


def test_a_member_that_comes_twice_is_kept_twice(bench: Bench) -> None:
    known = [("id", 18), ("status", "completed"), ("results", [person_row({"id": "p"})])]
    found, _ = loaded(bench, encode(Pairs([*known, ("total", 1), ("total", 2)])))
    assert sorted(one["total"] for one in found[REASON.format("total")]) == [1, 2]


@pytest.mark.parametrize("key", ["\ud83d", "a\x00b", "", "loaded_at", "Ключ"])
def test_a_member_of_any_name_is_kept(bench: Bench, key: str) -> None:
    found, registry = loaded(bench, body(0, odd=False, **{key: "x"}))
    ((reason, (raw,)),) = found.items()
    assert raw[key] == "x"
    assert reason.isascii()
    (name,) = registry.new_fields
    assert name != "enrichment_requests.loaded_at"


def test_the_run_s_summary_names_it_and_the_rows_land(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("page_set", {"total": 2, "credits": {"used": 1.5}}))
    report = deployment.run(email_leads("ada", "bob"))
    assert (report.exit_code, deployment.people()) == (0, 2)
    assert report.new_fields["enrichment_requests.total"] == "in rejects"
    assert report.new_fields["enrichment_requests.credits"] == "in rejects"
    raws = deployment.rows("SELECT raw FROM rejects WHERE stage = 'field' ORDER BY raw")
    assert [json.loads(raw) for (raw,) in raws] == [
        {"id": "1", "credits": {"used": 1.5}},
        {"id": "1", "total": 2},
    ]
