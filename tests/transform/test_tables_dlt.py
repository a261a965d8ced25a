"""The tables in a real destination: what dlt itself would make, and what the batches say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import dlt
import pyarrow as pa
import pytest

from amplemarket_source.destination import duckdb
from amplemarket_source.load.resources import resources
from amplemarket_source.sandbox.identity import subject_of
from amplemarket_source.sandbox.options import Variant
from amplemarket_source.sandbox.people import person
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.tables import COMPANY_TABLES, PEOPLE_TABLES, TABLES
from amplemarket_source.warehouse.tables import lacking_at
from tests.transform.generate import Generator
from tests.transform.harness import Bench, Warehouse, page, person_row

pytestmark = pytest.mark.slow

Row = dict[str, Any]

_MAPS = ("department_headcount", "job_function_headcount")


@pytest.fixture(params=[duckdb, dlt.destinations.duckdb], ids=["merged at once", "staged"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> dlt.Pipeline:
    return pipeline_in(tmp_path, "ours", request.param)


def pipeline_in(
    folder: Path, name: str, destination: type[dlt.destinations.duckdb] = dlt.destinations.duckdb
) -> dlt.Pipeline:
    return dlt.pipeline(
        name,
        destination=destination(str(folder / f"{name}.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / "pipelines"),
    )


def load(bench: Bench, pipeline: dlt.Pipeline, pages: Sequence[Sequence[Any]]) -> ColumnRegistry:
    """Pages through dlt into the destination; gives the columns that were known before."""
    used: list[ColumnRegistry] = []

    def read(memory: ColumnRegistry, load_id: str) -> Iterator[dict[str, pa.Table]]:
        rows = sum(map(len, pages))
        used.append(ColumnRegistry.of(dlt.current.source_schema()))
        yield from bench.load(
            [bench.answer([page(rows) for rows in pages], leads=rows)], memory, load_id
        )

    factory = dlt.source(
        lambda: resources(read, lambda tables: lacking_at(dlt.current.pipeline(), tables)),
        name="amplemarket",
        max_table_nesting=0,
    )
    pipeline.run(factory()).raise_on_failed_jobs()
    return used[0]


def rows_of(pipeline: dlt.Pipeline, table: str) -> list[Row]:
    with pipeline.sql_client() as client, client.execute_query(f"SELECT * FROM {table}") as cursor:
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def people(count: int) -> list[Row]:
    """Well-formed people, some with fewer children, some with none, some with nothing."""
    variants = [Variant(), Variant(children="fewer"), Variant(children="none"), Variant(nulls=True)]
    return [
        person(
            subject_of("people", {"email": f"ada{number}@site{number}.example"}),
            variants[number % len(variants)],
            reveal_email=True,
            reveal_phone_numbers=number % 2 == 0,
        )
        for number in range(count)
    ]


def test_for_well_formed_answers_the_tables_hold_what_dlt_makes_of_the_dicts(
    bench: Bench, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    found = people(24)
    load(bench, pipeline, [[person_row(one, i) for i, one in enumerate(found)]])

    companies = {one["company"]["id"]: one["company"] for one in found}
    theirs = pipeline_in(tmp_path, "theirs")
    theirs.run(
        [
            dlt.resource(
                [{k: v for k, v in one.items() if k != "company"} for one in found], name="people"
            ),
            dlt.resource(
                [{k: v for k, v in one.items() if k not in _MAPS} for one in companies.values()],
                name="companies",
            ),
        ]
    )
    made = [name for name in theirs.default_schema.data_table_names() if "_dlt" not in name]
    assert len(made) == len((*PEOPLE_TABLES, *COMPANY_TABLES)) - len(_MAPS)
    for table in made:
        expected = keyed(rows_of(theirs, table), rows_of(theirs, table.partition("__")[0]))
        ours = keyed(rows_of(pipeline, table), rows_of(pipeline, table.partition("__")[0]))
        assert ours.keys() == expected.keys()
        for key, row in expected.items():
            for column, value in row.items():
                assert ours[key][column] == value, (table, column)
            more = {name for name, value in ours[key].items() if value is not None} - row.keys()
            assert {name for name in more if not name.startswith("_dlt")} <= {
                *("person_id", "company_id", "request_key", "enrichment_request_id", "enriched_at")
            }


def keyed(rows: list[Row], parents: list[Row]) -> dict[tuple[Any, ...], Row]:
    """Rows by parent's id and position, without dlt's own columns."""
    ids = {parent["_dlt_id"]: parent["id"] for parent in parents}
    return {
        (ids.get(row.get("_dlt_parent_id")), row.get("_dlt_list_idx", row.get("id"))): {
            name: value for name, value in row.items() if not name.startswith("_dlt")
        }
        for row in rows
    }


@pytest.mark.parametrize("oddity", [0.2, 1.0])
def test_hostile_answers_are_in_the_destination_as_the_batches_say(
    bench: Bench, pipeline: dlt.Pipeline, oddity: float
) -> None:
    generator = Generator(Random(5), oddity)
    warehouse = Warehouse()
    for _ in range(2):
        pages = [[generator.row(10 * p + r) for r in range(5)] for p in range(3)]
        memory = load(bench, pipeline, pages)
        answer = bench.answer([page(rows) for rows in pages], leads=15)
        warehouse.apply(bench.load([answer], memory))
    loaded = Warehouse()
    loaded.tables = {name: rows_of(pipeline, name) for name in TABLES}
    for name, rows in warehouse.content().items():
        assert loaded.content()[name] == rows, name
    columns = {name for table in TABLES for row in rows_of(pipeline, table)[:1] for name in row}
    assert not [name for name in columns if "__v_" in name]


def test_a_column_keeps_its_name_and_type_from_run_to_run(
    bench: Bench, pipeline: dlt.Pipeline
) -> None:
    runs: list[Row] = [
        {"id": "0", "fullName": "a", "x": 1},
        {"id": "1", "full_name": "b", "x": "2"},
        {"id": "2", "fullName": "c", "x": "soon"},
    ]
    for found in runs:
        load(bench, pipeline, [[person_row(found)]])
    rows = {row["id"]: row for row in rows_of(pipeline, "people")}
    (marked,) = {name for name in rows["0"] if name.startswith("full_name_x")}
    assert [(rows[n][marked], rows[n]["full_name"], rows[n]["x"]) for n in "012"] == [
        ("a", None, 1),
        (None, "b", 2),
        ("c", None, None),
    ]
    assert [row["raw"] for row in rows_of(pipeline, "rejects")] == ['"soon"']


def test_every_table_and_column_exists_when_nothing_came(
    bench: Bench, pipeline: dlt.Pipeline
) -> None:
    load(bench, pipeline, [])
    for table in TABLES.values():
        with pipeline.sql_client() as client:
            client.execute_sql(f"SELECT {', '.join(table.arrow_schema.names)} FROM {table.name}")


def test_a_field_that_appears_in_the_middle_of_a_load_is_a_column(
    bench: Bench, pipeline: dlt.Pipeline
) -> None:
    rows = [person_row({"id": str(number)}, number) for number in range(60)]
    rows[3]["result"]["late"] = 7  # pages are read from the last to the first
    load(bench, pipeline, [[row] for row in rows])
    assert {row["id"]: row["late"] for row in rows_of(pipeline, "people")}["3"] == 7
