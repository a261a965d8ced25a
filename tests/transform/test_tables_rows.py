"""One documented outcome for each odd row, person and company; the load goes on."""

from __future__ import annotations

import json

import pytest

from amplemarket_source.kinds import COMPANIES
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.schema.registry import ColumnRegistry
from tests.transform.harness import Bench, Warehouse, lead, page, person_row, rejects_of
from tests.transform.oddities import Json, load


@pytest.mark.parametrize("identity", [None, "", 1.5, True, [], {}, "a\x00"])
def test_an_entity_without_a_usable_id_is_in_rejects_as_a_whole(
    bench: Bench, identity: Json
) -> None:
    whole = {"id": identity, "name": "Ada"}
    warehouse = load(bench, [person_row(whole), person_row({"id": "q"}, 1)])
    assert [row["id"] for row in warehouse["people"]] == ["q"]
    (reject,) = warehouse["rejects"]
    assert (reject["stage"], reject["reason"]) == ("result", "people_without_id")
    assert json.loads(reject["raw"]) == whole
    assert reject["lead_key"] in {row["lead_key"] for row in warehouse["enrichment_results"]}


def test_an_id_that_is_a_number_is_text(bench: Bench) -> None:
    warehouse = load(bench, [person_row({"id": 42, "languages": [{"name": "x"}]})])
    assert [row["id"] for row in warehouse["people"]] == ["42"]
    assert [row["person_id"] for row in warehouse["people__languages"]] == ["42"]
    assert [row["person_id"] for row in warehouse["enrichment_results"]] == ["42"]


@pytest.mark.parametrize("result", ["text", ["list"], 7, True])
def test_a_result_that_is_no_object_is_in_rejects(bench: Bench, result: Json) -> None:
    warehouse = load(bench, [person_row(result), person_row({"id": "q"}, 1)])
    assert [row["id"] for row in warehouse["people"]] == ["q"]
    assert [row["raw"] for row in warehouse["rejects"]] == [json.dumps(result)]


@pytest.mark.parametrize("row", ["text", 7, ["list"], True, None])
def test_a_row_that_is_no_object_is_in_rejects(bench: Bench, row: Json) -> None:
    warehouse = load(bench, [row, person_row({"id": "q"}, 1)])
    assert [person["id"] for person in warehouse["people"]] == ["q"]
    assert rejects_of(warehouse) == {"row_is_no_object": json.dumps(row)}


def test_an_undocumented_field_of_a_row_is_a_column_of_enrichment_results(bench: Bench) -> None:
    more = {"confidence": 0.9, "source": {"name": "x"}, "status2": None, "kind": "k"}
    rows = [person_row({"id": "p"}, 0, **more), {"id": 1, "status": "not_found", **lead(1)}]
    results = load(bench, rows)["enrichment_results"]
    found = {row["result_id"]: row for row in results}
    assert (found["0"]["confidence"], found["0"]["source__name"]) == (0.9, "x")
    assert (found["0"]["kind"], found["1"]["confidence"]) == ("people", None)
    assert "k" in found["0"].values()


def test_a_row_that_answers_no_lead_is_in_rejects_whole(bench: Bench) -> None:
    stranger = {"id": 9, "status": "not_found", "email": "no@other.example", "confidence": 0.9}
    other = {"id": 8, "status": "not_found", "email": "yes@other.example"}
    warehouse = load(bench, [person_row({"id": "p"}), person_row({"id": "q"}, 1), other, stranger])
    assert json.loads(rejects_of(warehouse)["answers_no_lead"]) == stranger
    assert {row.get("confidence") for row in warehouse["enrichment_results"]} == {None}


def test_undocumented_fields_of_a_removed_person_are_dropped(bench: Bench) -> None:
    removed = {"id": 1, "status": "gdpr_removed", "result": None, "note": "Eve", **lead(1)}
    warehouse = load(bench, [person_row({"id": "p"}, note="Ada"), removed])
    assert bench.tolerated_pages == 0
    # Nor does the id of the answer stay, which no erasure leaves either.
    assert {row["result_id"] for row in warehouse["enrichment_results"]} == {"0", None}
    assert {row["note"] for row in warehouse["enrichment_results"]} == {"Ada", None}
    assert "Eve" not in repr(warehouse.content())


def test_undocumented_fields_of_a_row_without_an_id_stay_with_its_lead(bench: Bench) -> None:
    rows = [{**person_row({"id": "p"}), "id": None, "note": "Ada"}, None]
    warehouse = load(bench, rows)  # the second lead stays unanswered: its row has no id either
    notes = {row["status"]: row["note"] for row in warehouse["enrichment_results"]}
    assert notes == {"enriched": "Ada", "unanswered": None}


def test_what_comes_with_a_miss_is_in_rejects_and_nothing_with_a_removed_person(
    bench: Bench,
) -> None:
    missed = {"id": 0, "status": "not_found", "result": {"id": "p", "name": "Ada"}, **lead(0)}
    removed = {"id": 1, "status": "gdpr_removed", "result": {"id": "q", "name": "Eve"}, "x": "Eve"}
    empty = {"id": 2, "status": "not_found", "result": {}, **lead(2)}
    warehouse = load(bench, [missed, {**removed, **lead(1)}, empty])
    assert warehouse["people"] == []
    assert list(rejects_of(warehouse)) == ["result_of_status_not_found"]
    assert "Eve" not in repr(warehouse.content())


def test_one_object_for_a_list_of_objects_is_a_list_of_one(bench: Bench) -> None:
    warehouse = load(bench, [person_row({"id": "p", "experiences": {"title": "Engineer"}})])
    assert [row["title"] for row in warehouse["people__experiences"]] == ["Engineer"]


def test_a_list_of_texts_for_a_list_of_objects_keeps_positions(bench: Bench) -> None:
    items = [{"title": "Engineer"}, "Chef", None]
    warehouse = load(bench, [person_row({"id": "p", "experiences": items})])
    rows = warehouse["people__experiences"]
    assert [(row["_dlt_list_idx"], row["title"]) for row in rows] == [
        (0, "Engineer"),
        (1, None),
        (2, None),
    ]
    assert [row["raw"] for row in warehouse["rejects"]] == ['"Chef"']


def test_of_a_person_twice_in_a_request_the_last_counts_with_its_children(bench: Bench) -> None:
    one = {"id": "p", "name": "Old", "languages": [{"name": "a"}, {"name": "b"}]}
    two = {"id": "p", "name": "New", "languages": [{"name": "c"}]}
    warehouse = load(bench, [person_row(one), person_row(two, 1)])
    assert [row["name"] for row in warehouse["people"]] == ["New"]
    assert [row["name"] for row in warehouse["people__languages"]] == ["c"]


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_a_person_in_two_requests_the_newest_counts(bench: Bench, newest_first: bool) -> None:
    def answered(name: str, age: int) -> CompletedRequest:
        who = {"id": name, "name": name, "company": {"id": "c", "name": name}}
        rows = [person_row({**who, "id": "p"}), person_row(who, 1), "no object"]
        return bench.answer([page(rows)], leads=2, age=age)

    answers = [answered("New", 0), answered("Old", 1)]
    order = answers if newest_first else answers[::-1]
    warehouse = Warehouse().apply(bench.load(order, ColumnRegistry()))
    found = {row["id"]: row["name"] for row in warehouse["people"] + warehouse["companies"]}
    assert found == {"p": "New", "New": "New", "Old": "Old", "c": "New"}
    results = {row["person_id"] for row in warehouse["enrichment_results"]}
    assert results == {"p", "New"}
    assert len(warehouse["rejects"]) == 1


def test_company_id_follows_a_company_that_changes_or_vanishes(bench: Bench) -> None:
    def at(company: Json) -> list[Json]:
        return [person_row({"id": "p", "company": company})]

    warehouse = load(bench, at({"id": "c"}), at({"id": "d"}))
    assert [row["company_id"] for row in warehouse["people"]] == ["d"]
    assert {row["id"] for row in warehouse["companies"]} == {"c", "d"}
    for gone in (None, "a text", {"name": "no id"}):
        assert [row["company_id"] for row in load(bench, at({"id": "c"}), at(gone))["people"]] == [
            None
        ]


def test_children_follow_the_latest_answer_also_when_there_are_none(bench: Bench) -> None:
    def with_items(count: int) -> list[Json]:
        return [person_row({"id": "p", "experiences": [{"n": i} for i in range(count)]})]

    for count in (3, 1, 0):
        warehouse = load(bench, with_items(2), with_items(count))
        assert len(warehouse["people__experiences"]) == count


def test_companies_are_enriched_into_the_same_tables(bench: Bench) -> None:
    company = {"id": "c", "sic_codes": [1], "department_headcount": {"Sales & Co": 3, "x": None}}
    row = {"id": 0, "status": "enriched", "result": company, **lead(0, COMPANIES)}
    answer = bench.answer([page([row])], leads=1, kind=COMPANIES)
    warehouse = Warehouse().apply(bench.load([answer], ColumnRegistry()))
    assert [row["id"] for row in warehouse["companies"]] == ["c"]
    labels = warehouse["companies__department_headcount"]
    assert [(row["label"], row["headcount"]) for row in labels] == [("Sales & Co", 3)]
    assert [row["company_id"] for row in warehouse["enrichment_results"]] == ["c"]


def test_only_the_odd_page_takes_the_tolerant_way(bench: Bench) -> None:
    odd = {"id": "odd", "name": {"first": "Ada"}}
    pages = [page([person_row({"id": str(n)}, n)]) for n in range(30)]
    pages[17] = page([person_row(odd, 17)])
    answer = bench.answer(pages, leads=30)
    warehouse = Warehouse().apply(bench.load([answer], ColumnRegistry()))
    assert bench.tolerated_pages == 1
    assert len(warehouse["people"]) == 30
