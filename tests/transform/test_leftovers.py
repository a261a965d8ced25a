"""Rows that answer no lead are in ``rejects`` as the API sent them, wherever they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from amplemarket_source.pages import Spool
from amplemarket_source.privacy.redact import Suppressions, person_key
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.transform.match import ROWS_OF_A_PAGE, leftover_rejects
from tests.transform.harness import Bench, Warehouse, page, person_row

Row = dict[str, Any]


def load(bench: Bench, pages: list[list[Any]], leads: int) -> Warehouse:
    answer = bench.answer([page(rows) for rows in pages], leads=leads)
    return Warehouse().apply(bench.load([answer], ColumnRegistry()))


def stranger(number: int) -> Row:
    return {
        "id": 1000 + number,
        "status": "enriched",
        "email": f"stranger{number}@other.example",
        "result": {"id": f"s{number}", "name": "Eve", "founded": 2**70 + number},
        "note": {"of": [number, None, 1.5]},
    }


@pytest.mark.parametrize("odd", ["no page", "some pages"])
def test_the_whole_row_is_found_among_many_pages_read_together(bench: Bench, odd: str) -> None:
    # 60 pages of different lengths: read in portions of 25, the odd ones alone.
    pages: list[list[Any]] = []
    for number in range(60):
        pages.append([person_row({"id": f"p{number}"}, number)])
        if number % 7 == 0:
            pages[-1] += [
                {"id": 500 + number, "status": "not_found", "email": f"{number}@x.example"}
            ]
        if number % 11 == 0:
            pages[-1].insert(0, {**stranger(number), "result": {"id": f"s{number}"}})
        if odd == "some pages" and number % 5 == 0:
            pages[-1] = ["no object", stranger(number), None, *pages[-1]]
    sent = [row for rows in pages for row in rows if isinstance(row, dict)]
    warehouse = load(bench, pages, leads=60)
    left = [row for row in warehouse["rejects"] if row["reason"] == "answers_no_lead"]
    expected = [row for row in sent if row["id"] >= 500]
    assert sorted((json.loads(row["raw"]) for row in left), key=str) == sorted(expected, key=str)


def test_a_lead_answered_twice_keeps_the_other_row_with_its_lead(bench: Bench) -> None:
    first, second = person_row({"id": "p"}), person_row({"id": "q"})
    warehouse = load(bench, [[first], [second]], leads=1)
    (reject,) = warehouse["rejects"]
    assert (reject["reason"], reject["entity_id"]) == ("lead_answered_twice", "p")
    assert json.loads(reject["raw"]) == first
    (result,) = warehouse["enrichment_results"]
    assert (reject["lead_key"], result["person_id"]) == (result["lead_key"], "q")


def test_a_row_of_unknown_status_names_its_person_so_that_an_erasure_finds_it(
    bench: Bench,
) -> None:
    row = {**person_row({"id": "p", "name": "Ada"}), "status": "pending"}
    rejects = load(bench, [[row]], leads=1)["rejects"]
    whole = next(reject for reject in rejects if reject["reason"] == "unknown_status")
    assert (json.loads(whole["raw"]), whole["entity_id"]) == (row, "p")
    assert whole["lead_key"]


def test_of_a_removed_person_nobody_asked_for_only_the_status_is_kept(bench: Bench) -> None:
    row = {"id": 9, "status": "gdpr_removed", "email": "eve@gone.example", "name": "Eve"}
    (reject,) = load(bench, [[row]], leads=0)["rejects"]
    assert json.loads(reject["raw"]) == {"id": 9, "status": "gdpr_removed"}


def test_someone_erased_while_the_pages_are_read_is_not_in_rejects(tmp_path: Path) -> None:
    pages = Spool(tmp_path, Suppressions([person_key("s1")]).redact).request("key")
    pages.start()
    pages.add(1, page([stranger(1)]))
    known = {"reason": "answers_no_lead", "status": "enriched", "entity_id": "s1", "lead_key": None}
    leftover = pa.Table.from_pylist([{**known, "position": ROWS_OF_A_PAGE}])
    (reject,) = leftover_rejects(leftover, pages)
    assert json.loads(reject.raw) == {"id": 1001, "status": "gdpr_removed"}
    assert reject.entity_id is None
