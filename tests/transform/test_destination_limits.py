"""What a destination cannot hold is in ``rejects`` as it came; the rest lands."""

from __future__ import annotations

import json
from typing import Any

import dlt
import pytest

from amplemarket_source.schema.registry import MOST_COLUMNS, ColumnRegistry, Limits
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.warehouse.capabilities import limits_of
from tests.transform.harness import Bench, Warehouse, page, person_row

NARROW = Limits(columns=len(PEOPLE.columns) + 3)
SHORT = Limits(text_bytes=1_000)


def loaded(bench: Bench, limits: Limits, *people: Any) -> tuple[Warehouse, ColumnRegistry]:
    registry = ColumnRegistry()
    registry.limits = limits
    rows = [person_row(person, number) for number, person in enumerate(people)]
    answer = bench.answer([page(rows)], leads=len(rows))
    return Warehouse().apply(bench.load([answer], registry)), registry


def person_of(warehouse: Warehouse, identity: str) -> dict[str, Any]:
    return next(row for row in warehouse["people"] if row["id"] == identity)


def test_fields_beyond_the_most_columns_are_in_rejects_and_named(bench: Bench) -> None:
    fields = {f"f{number}": f"text {number}" for number in range(5)}
    warehouse, registry = loaded(bench, NARROW, {"id": "p", **fields}, {"id": "q", "name": "Bob"})
    person = person_of(warehouse, "p")
    assert {name for name in fields if name in person} == {"f0", "f1", "f2"}
    rejects = [
        (row["stage"], row["reason"], json.loads(row["raw"])) for row in warehouse["rejects"]
    ]
    reason = f"people: {NARROW.columns} columns"
    assert sorted(rejects, key=repr) == [
        ("field", reason, {"f3": "text 3"}),
        ("field", reason, {"f4": "text 4"}),
    ]
    assert {row["entity_id"] for row in warehouse["rejects"]} == {"p"}
    assert registry.new_fields["people.f3"] == registry.new_fields["people.f4"] == "in rejects"
    assert registry.new_fields["people.f2"] == "text"


LONG = "x" * 1_001


@pytest.mark.parametrize(
    ("fields", "column", "reason"),
    [
        ({"about": LONG}, "about", "people.about: longer than 1000 bytes"),
        ({"about": "é" * 501}, "about", "people.about: longer than 1000 bytes"),
        ({"new": LONG}, "new", "people.new: longer than 1000 bytes"),
        ({"new": [LONG]}, "new", "people.new: longer than 1000 bytes"),
        ({"new": {"deep": LONG}}, "new__deep", "people.new__deep: longer than 1000 bytes"),
        ({"about": LONG + "\x00"}, "about", "people.about: characters removed"),
    ],
    ids=["documented", "in_bytes", "new", "list", "nested", "unclean"],
)
def test_a_text_that_is_too_long_is_in_rejects_whole(
    bench: Bench, fields: dict[str, Any], column: str, reason: str
) -> None:
    warehouse, _ = loaded(bench, SHORT, {"id": "p", "name": "Ada", **fields}, {"id": "q"})
    person = person_of(warehouse, "p")
    assert (person["name"], person.get(column)) == ("Ada", None)
    parts = sorted((row["reason"], row["raw"]) for row in warehouse["rejects"])
    assert all(len(raw) <= 1_000 for _, raw in parts)
    assert [said.partition(" (part ")[0] for said, _ in parts] == [reason] * len(parts)
    original = next(iter(fields.values()))
    expected = original["deep"] if isinstance(original, dict) else original
    assert json.loads("".join(raw for _, raw in parts)) == expected


def test_a_text_that_is_just_short_enough_lands(bench: Bench) -> None:
    warehouse, _ = loaded(bench, SHORT, {"id": "p", "about": "é" * 500, "new": "x" * 1_000})
    person = person_of(warehouse, "p")
    assert (person["about"], person["new"]) == ("é" * 500, "x" * 1_000)
    assert warehouse["rejects"] == []


@pytest.mark.parametrize(
    "person",
    [
        {"id": LONG},
        {"id": "p", "company": {"id": "c", "department_headcount": {LONG: 3}}},
        {"id": "p", "company": {"id": "c", "keywords": [LONG, "crm"]}},
        {"id": "p", "experiences": [{"title": LONG}, {"title": "CTO"}]},
    ],
    ids=["id", "label", "element", "item"],
)
def test_a_long_text_anywhere_leaves_the_rest_alone(bench: Bench, person: Any) -> None:
    warehouse, _ = loaded(bench, SHORT, person, {"id": "q"})
    assert person_of(warehouse, "q")
    cells = [cell for rows in warehouse.tables.values() for row in rows for cell in row.values()]
    assert all(len(cell) <= 1_000 for cell in cells if isinstance(cell, str))
    raws = "".join(row["raw"] for row in sorted(warehouse["rejects"], key=lambda r: r["reason"]))
    assert LONG in raws


def test_the_limits_are_those_of_the_destination() -> None:
    def limits(destination: Any) -> Limits:
        return limits_of(dlt.pipeline("limits", destination=destination))

    assert limits(dlt.destinations.duckdb(":memory:")).columns == MOST_COLUMNS
    assert limits(dlt.destinations.bigquery()) == Limits(MOST_COLUMNS, 10 * 1024**2)
    assert limits(dlt.destinations.snowflake()) == Limits(MOST_COLUMNS, 16 * 1024**2)
    # 8,160 bytes of a block, 24 for each text and a bit to say whether it is null.
    columns = limits(dlt.destinations.postgres()).columns
    assert 24 + columns * 24 + columns / 8 < 8_160
