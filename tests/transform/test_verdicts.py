"""A row that is the answer itself: whatever stands in it is in a column or in a reject."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amplemarket_source.kinds import EMAILS
from amplemarket_source.schema.registry import ColumnRegistry, SchemaContract
from tests.support.keys import lead_key
from tests.transform.documents import Pairs, encode
from tests.transform.harness import Bench, Warehouse, lead, page

REDACTED = {"id": None, "status": "gdpr_removed", "result": None}


def row(number: int = 0, **more: Any) -> dict[str, Any]:
    verdict = {"object": "email_validation_result", "result": "deliverable", "catch_all": False}
    return {**verdict, **lead(number, EMAILS), **more}


def loaded(bench: Bench, *bodies: bytes, leads: int = 3, **contract: Any) -> Warehouse:
    registry = ColumnRegistry(contract=SchemaContract(**contract))
    answer = bench.answer(bodies, leads=leads, kind=EMAILS)
    return Warehouse().apply(bench.load([answer], registry))


@pytest.mark.parametrize(
    "rows",
    [
        [row(0), row(1, result="undeliverable", catch_all=True)],
        [row(0, sub_result="mailbox", score=0.5, checks={"mx": True, "hosts": ["a", "b"]})],
        [row(0, id=7, checked_at="2026-01-01T00:00:00Z"), row(1, id=8, status="checked")],
        [{**REDACTED, **lead(0, EMAILS)}, row(1)],
        [row(0), row(0, result="risky")],
        [row(0, email="  LEAD0@site.example")],
        [row(0, result=None), row(1, email="asked@nobody.example")],
        [],
    ],
    ids=["plain", "more", "ids", "removed", "twice", "spelt", "none", "empty"],
)
def test_the_strict_and_the_tolerant_way_make_the_same_of_a_verdict(
    bench: Bench, rows: list[dict[str, Any]]
) -> None:
    strictly = loaded(bench, page(rows))
    assert bench.tolerated_pages == 0
    # NUL in the envelope concerns no row, but sends the page the tolerant way.
    tolerantly = loaded(bench, encode({"results": rows, "status": "\x00"}))
    assert bench.tolerated_pages == 1
    assert tolerantly.content() == strictly.content()


def test_a_verdict_has_the_key_of_its_lead_and_the_row_keeps_its_id(bench: Bench) -> None:
    found = loaded(
        bench,
        page([row(0, id=7, status="new"), row(1, result=None), {**REDACTED, **lead(2, EMAILS)}]),
    )
    (verdict,) = found["email_validations"]
    key = lead_key(EMAILS, lead(0, EMAILS))
    assert (verdict["lead_key"], verdict["result"]) == (key, "deliverable")
    assert (verdict["catch_all"], verdict["status"]) == (False, "new")
    results = {one["lead_key"]: one for one in found["enrichment_results"]}
    assert (results[key]["status"], results[key]["result_id"]) == ("enriched", "7")
    assert {one["status"] for one in results.values()} == {
        "enriched",
        "unanswered",
        "gdpr_removed",
    }
    assert {(one["person_id"], one["company_id"]) for one in results.values()} == {(None, None)}
    (history,) = found["email_validations_history"]
    assert "email" not in history
    assert history["lead_key"] == key


def test_what_does_not_fit_is_rejected_beside_the_verdict(bench: Bench) -> None:
    odd = Pairs([*row(0, catch_all={"is": "perhaps"}).items(), ("object", ["twice"])])
    found = loaded(bench, page([odd, 5, row(1, email=None), row(2, email="\udc80@site.example")]))
    (verdict,) = found["email_validations"]
    assert (verdict["result"], verdict["catch_all"]) == ("deliverable", None)
    rejects = {(one["reason"], one["lead_key"] is not None): one for one in found["rejects"]}
    assert {reason for reason, _ in rejects} >= {
        "email_validations: key given twice",
        "row_is_no_object",
        "email_validations_without_email",
    }
    key = lead_key(EMAILS, lead(0, EMAILS))
    of_lead = [one for one in found["rejects"] if one["lead_key"] == key]
    assert {json.loads(one["raw"]).popitem()[0] for one in of_lead if one["raw"][0] == "{"} >= {
        "object"
    }
    assert [one["entity_id"] for one in found["rejects"] if one["entity_id"] == key] == []


def test_a_new_field_follows_the_schema_contract(bench: Bench) -> None:
    body = page([row(0, sub_result="mailbox")])
    kept = loaded(bench, body, columns="discard_value")
    assert kept["email_validations"][0].get("sub_result") is None
    assert [one["raw"] for one in kept["rejects"]] == ['"mailbox"']
    whole = loaded(bench, body, columns="discard_row")
    assert whole["email_validations"] == []
    results = {one["lead_key"]: one["status"] for one in whole["enrichment_results"]}
    assert results[lead_key(EMAILS, lead(0, EMAILS))] == "enriched", "it is paid for all the same"
