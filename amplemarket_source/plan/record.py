"""What has to be in the destination before the first POST: leads, rejects, and the batches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pyarrow as pa

from amplemarket_source.plan.plan import Plan
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.tables.columns import Table
from amplemarket_source.tables.contract import LEADS, REJECTS, REQUEST_LEADS

__all__ = ["record_plans"]

_ROWS_AT_ONCE = 100_000


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
    found = {table: _read(work, table, *queries[table]) for table, n in counts.items() if n}
    if found:
        ledger.load(found)
    return {table.name: counts[table] for table in (LEADS, REJECTS)}


def _count(work: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, object]) -> int:
    count: int = work.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchall()[0][0]
    return count


def _read(
    work: duckdb.DuckDBPyConnection, table: Table, sql: str, parameters: dict[str, object]
) -> Iterator[pa.Table]:
    """The rows of a query, some at a time; read while others are read, so on its own cursor."""
    schema = table.arrow_schema
    with work.cursor() as cursor:
        for batch in cursor.execute(sql, parameters).to_arrow_reader(_ROWS_AT_ONCE):
            yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)
