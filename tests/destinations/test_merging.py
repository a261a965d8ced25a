"""The destinations of ours for warehouses load what dlt's do, and ask for less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dlt.common.destination.client import LoadJob
from dlt.pipeline.exceptions import PipelineStepFailed

from amplemarket_source.destination import inline, postgres_client
from amplemarket_source.schema.bookkeeping import LEADS
from amplemarket_source.schema.table import resource_for
from amplemarket_source.schema.tables import COMPANIES, DECLARED
from benchmarks.__main__ import server
from benchmarks.asked import ask
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.recount import differences
from tests.destinations.warehouses import OF_DLT, TestedWarehouse
from tests.support.deployment import Deployment, email_leads

pytestmark = pytest.mark.timeout(400)
on_postgres = pytest.mark.parametrize("warehouse", on("postgres"), indirect=True)
inlining = pytest.mark.parametrize("warehouse", on("snowflake", "bigquery"), indirect=True)

ODD = ["", " ", "NULL", "\\N", 'a "quote"', "two\nlines", "a,b", "%s %", "'; --", "\\u0000", "ö 𝄞"]


@pytest.fixture
def deployed(warehouse: TestedWarehouse, tmp_path: Path) -> Iterator[Deployment]:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        yield deployment


def _leads(names: list[str | None]) -> Iterator[pa.Table]:
    rows = [
        {
            "lead_id": f"l{at}",
            "lead_key": f"k{at}",
            "kind": "people",
            "name": name,
            "first_seen_at": f"2026-11-30T10:00:{at:02d}+00:00",
            "_dlt_load_id": "-",
            "_dlt_id": f"l{at}",
        }
        for at, name in enumerate(names)
    ]
    schema = LEADS.arrow_schema
    text = schema.set(
        schema.get_field_index("first_seen_at"), pa.field("first_seen_at", pa.string())
    )
    yield pa.Table.from_pylist(rows, schema=text).cast(schema)


@on_postgres
@pytest.mark.parametrize("small", [0, 1_000_000], ids=["by COPY", "as a parameter"])
@pytest.mark.parametrize("adbc", [False, True], ids=["csv", "parquet"])
def test_text_arrives_as_it_is(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch, small: int, adbc: bool
) -> None:
    monkeypatch.setattr(postgres_client, "_SMALL", small)
    monkeypatch.setenv("DISABLE_ADBC_DETECTION", str(not adbc))
    pipeline = deployed.pipeline()
    pipeline.run(resource_for(LEADS, _leads(["old", None]))).raise_on_failed_jobs()
    pipeline.run(resource_for(LEADS, _leads([*ODD, None]))).raise_on_failed_jobs()
    found = deployed.rows("SELECT name, first_seen_at FROM leads ORDER BY first_seen_at")
    assert [name for name, _ in found] == [*ODD, None]
    assert found[1][1].isoformat() == "2026-11-30T10:00:01+00:00"


def _companies(names: list[str | None]) -> Iterator[pa.Table]:
    rows = [
        {
            "id": f"c{at}",
            "name": name,
            "enriched_at": datetime(2026, 11, 30, 10, at, tzinfo=timezone.utc),
            "founded_year": at,
            "_dlt_load_id": "-",
            "_dlt_id": f"c{at}",
        }
        for at, name in enumerate(names)
    ]
    yield pa.Table.from_pylist(rows, schema=COMPANIES.arrow_schema)


@inlining
def test_values_arrive_as_they_are_in_a_statement(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inline, "_ROWS_OF_JSON", 2_000)  # of these few rows several texts
    monkeypatch.setattr(inline, "_MOST_TEXTS", 100)
    pipeline = deployed.pipeline()
    pipeline.run(resource_for(COMPANIES, _companies(["old", None]))).raise_on_failed_jobs()
    pipeline.run(resource_for(COMPANIES, _companies([*ODD, None]))).raise_on_failed_jobs()
    found = deployed.rows("SELECT name, enriched_at FROM companies ORDER BY enriched_at")
    assert [name for name, _ in found] == [*ODD, None]
    assert found[1][1].isoformat() == "2026-11-30T10:01:00+00:00"
    with pipeline.sql_client() as client, client.with_staging_dataset():
        assert not client.has_dataset()


@pytest.mark.parametrize("warehouse", on("snowflake"), indirect=True)
def test_no_statement_says_anything_of_a_person(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warehouse keeps statements for months, where no erasure reaches."""
    from snowflake.connector.cursor import SnowflakeCursor

    asked: list[str] = []
    execute = SnowflakeCursor.execute

    def noting(cursor: Any, command: str, *given: Any, **named: Any) -> Any:
        asked.append(f"{command} {given} {named}")
        return execute(cursor, command, *given, **named)

    monkeypatch.setattr(SnowflakeCursor, "execute", noting)
    deployed.run([{"email": "ada@acme.example", "external_id": "crm-4711"}])
    assert deployed.people() == 1
    assert any("acme.example" in one for one in asked)  # of the company
    for value in ("ada@", "crm-4711", *map(str, deployed.rows("SELECT name FROM people")[0])):
        assert not [one for one in asked if value in one], value


def _runs(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, most: int) -> Iterator[None]:
    """Three, the last of which replaces what the others loaded.

    Args:
        most: bytes of rows that go into a statement; more of them are staged.
    """
    monkeypatch.setattr(inline, "_ROWS_OF_JSON", most)
    deployment.run(email_leads("ada", "bob"))
    yield
    deployment.sandbox.configure(generation=1, children="fewer")
    with monkeypatch.context() as patch:
        patch.setattr(inline, "_ROWS_OF_JSON", 400_000)
        deployment.run(email_leads("cy"))  # companies at once, beside tables that are staged
    yield
    deployment.run(email_leads("ada", "bob", "cy"), refresh_after="0s")
    assert deployment.people() == 3
    assert isinstance(deployment, WarehouseDeployment)
    assert differences(deployment) == []
    yield


@pytest.mark.parametrize("warehouse", on("snowflake"), indirect=True)
def test_what_is_too_large_for_a_statement_is_merged_all_the_same(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len([*_runs(deployed, monkeypatch, most=0)]) == 3


@pytest.mark.long
@pytest.mark.parametrize("warehouse", on("bigquery"), indirect=True)
def test_bigquery_deletes_only_where_a_row_is_replaced(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DELETE is billed, whatever it finds. Tables of few rows are not staged."""
    merges = _Merges(deployed)
    new, beside, again = (merges.since() for _ in _runs(deployed, monkeypatch, most=1_000))
    assert ("people", False) in new
    assert not any(deleted for table, deleted in new if table.startswith("people"))
    assert not any(table.startswith("companies") for table, _ in beside)
    assert ("people", True) in again
    assert {table for table, _ in again} <= {table.name for table in DECLARED}


class _Merges:
    """BigQuery's own list of jobs, of which one is a merge through a staging table."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._seen: set[str] = set()
        self.since()

    def since(self) -> list[tuple[str, bool]]:
        """The table of each new merge, and whether it deleted."""
        with self._deployment.pipeline().sql_client() as client:
            bigquery: Any = client.native_connection
            jobs = [job for job in bigquery.list_jobs() if job.job_id not in self._seen]
            self._seen |= {job.job_id for job in jobs}
            queries = {job.job_id: job.query for job in jobs if job.job_type == "query"}
            return [
                (found[1], self._deleted(bigquery, job))
                for job, query in queries.items()
                if (found := re.match(r"IF EXISTS \(SELECT 1 FROM \S*\.`?(\w+)`? ", query))
            ]

    @staticmethod
    def _deleted(bigquery: Any, job: str) -> bool:
        steps = bigquery.list_jobs(parent_job=job)
        return any(step.statement_type == "DELETE" for step in steps)


def test_rows_are_cut_into_texts_that_hold_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "_ROWS_OF_JSON", 40)
    rows = pa.table({"a": ["x" * 10, "y" * 50, "z", None], "b": [1, 2, 3, 4]})
    texts = [*inline._texts(rows)]
    assert [json.loads(text) for text in texts] == [
        [["x" * 10, 1]],
        [["y" * 50, 2]],  # more than a text has, and alone
        [["z", 3], [None, 4]],
    ]
    assert not inline.fits(rows)
    assert inline.fits(rows.slice(2))


@on_postgres
@pytest.mark.parametrize("begun", [OF_DLT, "postgres"])
def test_a_load_that_one_destination_began_is_finished_by_the_other(
    warehouse: TestedWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str
) -> None:
    def ends(*_: Any, **__: Any) -> LoadJob:
        raise KeyboardInterrupt

    monkeypatch.setenv("DISABLE_ADBC_DETECTION", "true")

    with WarehouseDeployment.settled(replace(warehouse, name=begun), tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        pipeline = deployment.pipeline()
        pipeline.run(resource_for(LEADS, _leads(["first"]))).raise_on_failed_jobs()
        pipeline.extract(resource_for(LEADS, _leads(["second", "third"])))
        pipeline.normalize()
        client: Any = pipeline.destination.client_class  # type: ignore[union-attr]
        with monkeypatch.context() as patch:
            patch.setattr(client, "complete_load", ends)
            with pytest.raises(PipelineStepFailed):
                pipeline.load()
        deployment.warehouse = replace(warehouse, name="postgres")
        deployment.pipeline().run()
        found = deployment.rows("SELECT name FROM leads ORDER BY lead_id")
    assert found == [("second",), ("third",)]


@on_postgres
def test_no_copy_of_anybody_is_left_in_a_second_dataset(deployed: Deployment) -> None:
    deployed.run(email_leads("ada"))
    places = deployed.rows(
        "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = 'people'"
    )
    assert places == [(deployed.dataset,)]


@pytest.mark.xdist_group("postgres")
def test_postgresql_is_asked_no_more_than_by_a_plain_resource(tmp_path: Path) -> None:
    with server() as url:
        measured = ask("postgres", url, tmp_path)
    assert all(one.statements and one.megabytes for one in measured)
    found = {(one.way, one.run): one.statements for one in measured}
    assert len(found) == 6
    assert found["ours", "100 new beside others"] <= found["plain", "100 new beside others"]
    assert found["ours", "nothing to buy"] <= 8
