"""What has to be in the destination before the first POST: leads, rejects, and the batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from amplemarket_source.footprint import give_back
from amplemarket_source.leads.workbench import folder_of, let_workbench_rest
from amplemarket_source.plan.plan import Plan
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.tables.columns import Table
from amplemarket_source.tables.contract import LEADS, REJECTS, REQUEST_LEADS

__all__ = ["record_plans"]

_ROWS_AT_ONCE, _ROWS_IN_GROUP = 100_000, 10_000


def record_plans(
    plans: list[Plan], ledger: Ledger, work: duckdb.DuckDBPyConnection, now: datetime
) -> dict[str, int]:
    """Load the input rows not seen before, the invalid ones, and which lead goes where.

    An erased person's lead is recorded by its hashes alone. Where there is nothing new, nothing
    is loaded, so a run with nothing to buy costs no load.

    Returns:
        The rows that went into ``leads`` and ``rejects``.

    Raises:
        DestinationError: it could not be recorded; nothing was bought.
    """
    keys = [batch.request_key for plan in plans for batch in plan.batches]
    given = ("email", "linkedin_url", "company_domain", "company_name", "name", "title", "domain")
    unless_erased = ", ".join(
        f"CASE WHEN d.decision = 'suppressed' THEN NULL ELSE l.{name} END AS {name}"
        for name in given
    )
    queries: dict[Table, tuple[str, dict[str, object]]] = {
        LEADS: (
            f"""
            SELECT l.lead_id, l.lead_key, l.external_id, l.kind, {unless_erased},
                l.first_seen_at, '' AS _dlt_load_id, l.lead_id AS _dlt_id
            FROM leads l LEFT JOIN decided d USING (kind, lead_key)
            WHERE l.lead_id NOT IN (SELECT lead_id FROM known_leads)
            """,
            {},
        ),
        REJECTS: (
            """
            SELECT DISTINCT ON (reject_id) * FROM (
                SELECT substr(sha256('lead' || chr(31) || reason || chr(31) || raw), 1, 32)
                    AS reject_id, 'lead' AS stage, reason, lead_key, NULL::TEXT AS entity_id, raw,
                    $now::TIMESTAMPTZ AS rejected_at, '' AS _dlt_load_id, reject_id AS _dlt_id
                FROM lead_rejects)
            """,
            {"now": now},
        ),
        REQUEST_LEADS: (
            """
            SELECT request_key, lead_key, '' AS _dlt_load_id,
                request_key || ':' || lead_key AS _dlt_id
            FROM request_leads WHERE list_contains($keys, request_key)
            """,
            {"keys": keys},
        ),
    }
    counts = {table: _count(work, *query) for table, query in queries.items()}
    with tempfile.TemporaryDirectory(prefix="plan-", dir=folder_of(work)) as folder:
        files = {
            table: _written(work, *queries[table], Path(folder) / f"{table.name}.parquet")
            for table, count in counts.items()
            if count
        }
        let_workbench_rest(work)
        found = {table: _read(table, file) for table, file in files.items()}
        # In parts, each merged by itself: the merge of a million rows takes a gigabyte. A part that
        # is there without the next is harmless: a lead counts once a request asks for it.
        while part := {
            table: [rows] for table, parts in found.items() if (rows := next(parts, None))
        }:
            ledger.load(part)
            give_back()
    return {table.name: counts[table] for table in (LEADS, REJECTS)}


def _count(work: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object]) -> int:
    count: int = work.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchall()[0][0]
    return count


def _written(
    work: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object], file: Path
) -> Path:
    """The rows of a query in a file, so that the workbench is at rest while they are loaded."""
    # DuckDB holds a row group for each thread until it is full.
    options = f"FORMAT parquet, ROW_GROUP_SIZE {_ROWS_IN_GROUP}"
    work.execute(f"COPY ({sql}) TO '{file}' ({options})", parameters)
    return file


def _read(table: Table, file: Path) -> Iterator[pa.Table]:
    schema = table.arrow_schema
    with pq.ParquetFile(file) as rows:
        # By groups: `iter_batches` keeps what it has read until the file is closed.
        groups = range(rows.num_row_groups)
        for first in groups[:: _ROWS_AT_ONCE // _ROWS_IN_GROUP]:
            some = groups[first : first + _ROWS_AT_ONCE // _ROWS_IN_GROUP]
            yield rows.read_row_groups(list(some)).select(schema.names).cast(schema)
