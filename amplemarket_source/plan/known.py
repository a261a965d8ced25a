"""What the destination already knows, copied into the workbench.

Everything moves as Arrow tables and is compared in DuckDB on disk: a million outcomes are never a
million Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.kinds import Kind
from amplemarket_source.purchase.ledger import Ledger

__all__ = ["keep_known", "read_known"]

_TABLES = {
    "known": "kind TEXT, lead_key TEXT, status TEXT, enriched_at TIMESTAMPTZ, "
    "reveal_email BOOLEAN, reveal_phone_numbers BOOLEAN, person_id TEXT",
    "known_leads": "lead_id TEXT",
    "request_leads": "request_key TEXT, lead_key TEXT",
}

_ROWS_AT_ONCE = 10_000  # DuckDB sets memory aside for a million if it is not told


def read_known(ledger: Ledger, kinds: Iterable[Kind], work: duckdb.DuckDBPyConnection) -> None:
    """Fill ``known``, ``known_leads`` and ``request_leads`` of the workbench.

    Raises:
        DestinationError: the ledger cannot be read.
    """
    for name, columns in _TABLES.items():
        work.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    for kind in kinds:
        for chunk in ledger.known_outcomes(kind):
            _append(work, "known", chunk, f"'{kind.name}' AS kind, *")
        for chunk in ledger.known_lead_ids(kind):
            _append(work, "known_leads", chunk, "*")
    for chunk in ledger.request_leads():
        _append(work, "request_leads", chunk, "*")


def _append(work: duckdb.DuckDBPyConnection, table: str, chunk: pa.Table, columns: str) -> None:
    # Warehouses differ in the case of the names they give back, not in the order.
    work.register("chunk", chunk.rename_columns([name.lower() for name in chunk.column_names]))
    work.execute(f"INSERT INTO {table} SELECT {columns} FROM chunk")
    work.unregister("chunk")


def keep_known(results: pa.Table, work: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rows for ``enrichment_results`` without those that would replace an answer by nothing.

    A lead that was enriched, was bought again and got no answer keeps the person it had, and the
    old ``enriched_at``, so that it is asked again; one that was erased stays erased. What was
    unanswered all the same counts in ``enrichment_requests``.

    Args:
        results: rows of ``enrichment_results``.
        work: the workbench, with ``known``.
    """
    if not pc.any(pc.equal(results.column("status"), "unanswered")).as_py():
        return results
    work.register("new_results", results)
    kept: pa.Table = work.execute(
        """
        SELECT n.* FROM new_results n WHERE n.status <> 'unanswered' OR NOT EXISTS (
            SELECT 1 FROM known k WHERE k.kind = n.kind AND k.lead_key = n.lead_key
            AND k.status IN ('enriched', 'gdpr_removed'))
        """
    ).to_arrow_table(_ROWS_AT_ONCE)
    work.unregister("new_results")
    return kept.cast(results.schema)
