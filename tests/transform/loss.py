"""What of an answer is neither in a table nor in ``rejects``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amplemarket_source.schema.tables import TABLES
from tests.transform.documents import leaves, missing
from tests.transform.harness import Warehouse, lead

_OURS = {
    *("company_id", "person_id", "enrichment_request_id", "enriched_at", "kind", "lead_key"),
    *("request_id", "reveal_email", "reveal_phone_numbers", "reject_id", "rejected_at", "stage"),
    *("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_list_idx"),
}


def lost(rows: Sequence[Any], warehouse: Warehouse) -> list[Any]:
    """The leaves of ``rows`` that cannot be found; the echo of what was asked does not count.

    Of the row of a person who was removed only the status and the row's id are to be found.
    """
    documents = [_told(row) for row in rows]
    cells = [
        value
        for name, table in warehouse.tables.items()
        if name not in ("rejects", "enrichment_requests", "leads")
        for row in table
        for column, value in row.items()
        if value is not None and not (column in _OURS and TABLES[name].column(column))
    ]
    rejected = [row["raw"] for row in warehouse["rejects"]]
    return missing(documents, cells, rejected)


def _told(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    if row.get("status") == "gdpr_removed":
        return {"id": row.get("id"), "status": "gdpr_removed"}
    asked = lead(row["id"]) if isinstance(row.get("id"), int) else {}
    # Blank is how a field that was not asked for may be echoed.
    return {key: value for key, value in row.items() if value not in (asked.get(key), "", " ")}


def count(rows: Sequence[Any]) -> int:
    """How many leaves ``rows`` have."""
    return sum(1 for _ in leaves(list(rows)))
