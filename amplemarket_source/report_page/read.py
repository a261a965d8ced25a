"""Reads the figures through dlt's dataset, at whatever destination, and changes nothing there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import dlt

from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.report_page.figures import (
    Erasures,
    Figures,
    Fill,
    JobChanges,
    NewField,
    Outcome,
    Rejects,
    Request,
    Run,
)
from amplemarket_source.report_page.queries import AGES, DIALECT, queries
from amplemarket_source.schema.bookkeeping import BOOKKEEPING
from amplemarket_source.schema.table import Table, as_dlt_knows
from amplemarket_source.schema.tables import DATA_TABLES, DECLARED
from amplemarket_source.settings import SECTIONS
from amplemarket_source.upgrade import make_ledger
from amplemarket_source.warehouse.capabilities import name_of
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.refusals import translated
from amplemarket_source.warehouse.tables import columns_at, has_ledger, lacking_at

__all__ = ["figures"]

Row = Mapping[str, Any]
Rows = Callable[[str], list[Row]]
"""The rows of a figure's query, by its name; none where its table is not there."""

_VERSIONS = f"""
SELECT version_hash, inserted_at
FROM _dlt_version
WHERE schema_name = '{SECTIONS[-1]}'
ORDER BY inserted_at
"""


def figures(pipeline: dlt.Pipeline, *, clock: Clock | None = None) -> Figures:
    """What was bought, found, held and spent, as ``amplemarket report`` shows it.

    The API is not asked. Makes no database where there is none.

    Args:
        clock: what time it is; ages are counted back from then.

    Raises:
        Busy: another process has the DuckDB file open.
        DestinationError: the tables cannot be read.

    Example::

        found = figures(pipeline)
        found.spent()[None].email_credits      # 110.0
        found.needs_a_person                   # requests that wait for a decision
    """
    now = (clock or SystemClock()).now()
    nothing = Figures(now, name_of(pipeline), str(pipeline.dataset_name))
    with run_environment():
        if not has_ledger(pipeline):
            return nothing
        if lacking_at(pipeline, BOOKKEEPING):
            # Of an earlier version: what it lacks is made, as every other command does.
            with Warehouse(pipeline) as warehouse:
                make_ledger(warehouse)
        with translated("read", "the tables", pipeline):
            return _read(pipeline, now)


def _read(pipeline: dlt.Pipeline, now: datetime) -> Figures:
    dataset = pipeline.dataset(schema=_schema())
    client: Any = pipeline.destination_client()
    with client:
        there = columns_at(client, {*(t.name for t in DECLARED), "_dlt_loads", "_dlt_version"})
    asked = queries(there, now)
    with dataset:

        def run(sql: str) -> list[Row]:
            relation = dataset.query(sql, query_dialect=DIALECT)
            names = [name.lower() for name in relation.columns]
            return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]

        def rows(name: str) -> list[Row]:
            return run(asked[name]) if name in asked else []

        requests = tuple(_request(row) for row in rows("requests"))
        versions = run(_VERSIONS) if there.get("_dlt_version") else []
        leads = rows("leads")
        changes = rows("job_changes") if "job_changes" in asked else None
        return Figures(
            made_at=now,
            destination=name_of(pipeline),
            dataset=str(pipeline.dataset_name),
            exists=True,
            requests=requests,
            runs=tuple(_run(row) for row in rows("runs")),
            leads_not_bought=_whole(rows("not_bought")[0]["leads"]),
            input_rows={str(row["kind"]): int(row["input_rows"]) for row in leads},
            distinct_leads={str(row["kind"]): int(row["leads"]) for row in leads},
            outcomes=tuple(
                Outcome(row["kind"], row["input_kind"], row["status"], int(row["leads"]))
                for row in rows("outcomes")
            ),
            people_with_phone=sum(int(row["people"]) for row in rows("phones")),
            verdicts={row["result"]: int(row["addresses"]) for row in rows("verdicts")},
            ages={table: _ages(rows(f"ages of {table}")) for table in ("people", "companies")},
            fill=tuple(
                fill
                for table in ("people", "companies")
                for fill in _fill(table, rows(f"fill of {table}"))
            ),
            rejects=tuple(
                sorted(
                    (
                        Rejects(
                            row["stage"],
                            row["reason"],
                            int(row["reject_rows"]),
                            _utc(row["first_at"]),
                            _utc(row["last_at"]),
                        )
                        for row in rows("rejects")
                    ),
                    key=lambda one: -one.rows,
                )
            ),
            erasures=tuple(
                Erasures(row["key_of"], row["reason"], int(row["erasures"]), _utc(row["last_at"]))
                for row in rows("erasures")
            ),
            rows={row["table_name"]: int(row["table_rows"]) for row in rows("rows")},
            new_fields=tuple(_new_fields(client, there, versions)),
            job_changes=None if changes is None else tuple(_changes(changes, requests)),
        )


def _schema() -> dlt.Schema:
    """The declared tables: what the queries may name, whatever the working folder knows of."""
    schema = dlt.Schema(SECTIONS[-1])
    for table in DECLARED:
        schema.update_table(as_dlt_knows(table))
    return schema


def _request(row: Row) -> Request:
    moments = ("submitted_at", "completed_at", "loaded_at")
    known = {**row, **{name: _utc(row[name]) for name in moments}}
    return Request(**{**known, "is_loaded": bool(row["is_loaded"])})


def _run(row: Row) -> Run:
    moments = ("started_at", "finished_at")
    return Run(**{**row, **{name: _utc(row[name]) for name in moments}})


def _ages(rows: list[Row]) -> dict[int | None, int]:
    return {
        days: _whole(row["older" if days is None else f"to_{days}"])
        for row in rows
        for days in (*AGES, None)
    }


def _fill(table: str, rows: list[Row]) -> Iterable[Fill]:
    for row in rows:
        for column, filled in row.items():
            if column != "all_rows":
                yield Fill(table, column, int(filled), int(row["all_rows"]))


def _new_fields(
    client: Any, there: Mapping[str, set[str]], versions: list[Row]
) -> Iterable[NewField]:
    """Columns of the tables that nobody declared, with the day on which dlt noted them first."""
    first: dict[tuple[str, str], tuple[str, datetime | None]] = {}
    with client:
        for version in versions:
            stored = client.get_stored_schema_by_hash(version["version_hash"])
            tables = json.loads(stored.schema)["tables"] if stored else {}
            for table in DATA_TABLES:
                for name, column in tables.get(table.name, {}).get("columns", {}).items():
                    if _is_new(table, name, there):
                        kind = str(column.get("data_type", "text"))
                        first.setdefault((table.name, name), (kind, _utc(version["inserted_at"])))
    for (table_name, name), (data_type, at) in first.items():
        yield NewField(table_name, name, data_type, at)


def _is_new(table: Table, name: str, there: Mapping[str, set[str]]) -> bool:
    is_ours = table.column(name) is not None or name.startswith("_dlt_")
    return not is_ours and name.lower() in there.get(table.name, ())


def _changes(rows: list[Row], requests: Iterable[Request]) -> Iterable[JobChanges]:
    taken = {request.request_key: request.submitted_at for request in requests}
    for row in rows:
        if at := taken.get(row["request_key"]):
            counts = (_whole(row[name]) for name in ("seen_again", "new_company", "new_title"))
            yield JobChanges(at, *counts)


def _whole(value: Any) -> int:
    return int(value or 0)


def _utc(moment: datetime | None) -> datetime | None:
    """In UTC, also where a driver gives the time without its zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)
