"""Odd rows into one destination, and what is to be seen of them there."""

from __future__ import annotations

from typing import Any

from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.tables import PEOPLE
from tests.transform.harness import Bench, Warehouse, page, person_row, rejects_of

Json = Any


def load(bench: Bench, *loads: list[Json]) -> Warehouse:
    """Rows of one page for each load, into one destination."""
    memory, warehouse = ColumnRegistry(), Warehouse()
    for rows in loads:
        answer = bench.answer([page(rows)], leads=len(rows))
        warehouse.apply(bench.load([answer], memory))
    return warehouse


def person(bench: Bench, **fields: Json) -> tuple[dict[str, Json], dict[str, str]]:
    """The row of a person with ``fields`` beside one without, and the rejects."""
    rows = [person_row({"id": "p", **fields}), person_row({"id": "q"}, 1)]
    warehouse = load(bench, rows)
    assert {row["id"] for row in warehouse["people"]} == {"p", "q"}
    found = next(row for row in warehouse["people"] if row["id"] == "p")
    return {k: v for k, v in found.items() if v is not None}, rejects_of(warehouse)


def columns_of(warehouse: Warehouse, table: str = "people") -> dict[str, dict[str, Json]]:
    return {
        row["_dlt_id"]: {
            name: value
            for name, value in row.items()
            if value is not None and ColumnRegistry().type_of(PEOPLE, name) is None
        }
        for row in warehouse[table]
    }
