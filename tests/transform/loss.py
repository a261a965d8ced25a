"""What of an answer is neither in a table nor in ``rejects``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from amplemarket_source.api.pages import page_from
from amplemarket_source.api.responses import Response
from amplemarket_source.clock import SystemClock
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.storable import is_clean
from amplemarket_source.transform.envelope import MEMBERS
from tests.transform.documents import leaves, missing
from tests.transform.harness import Warehouse, lead

_OURS = {
    *("company_id", "person_id", "enrichment_request_id", "enriched_at", "kind", "lead_key"),
    *("request_id", "reveal_email", "reveal_phone_numbers", "reject_id", "rejected_at", "stage"),
    *("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_list_idx"),
}


_PART = re.compile(r"(.*) \(part \d+ of \d+ of ([0-9a-f]{8})\)", re.DOTALL)


def lost(
    rows: Sequence[Any], warehouse: Warehouse, envelopes: Sequence[dict[str, Any]] = ()
) -> list[Any]:
    """The leaves of ``rows`` that cannot be found; the echo of what was asked does not count.

    Of the pages' ``envelopes`` what is undocumented is to be found in ``rejects``.
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
    rejected = _originals(warehouse["rejects"])
    members = [{k: v for k, v in one.items() if k not in MEMBERS} for one in envelopes]
    return missing(documents, cells, rejected) + missing(members, (), rejected)


def _originals(rejects: Sequence[dict[str, Any]]) -> list[str]:
    """The raw texts, joined where they are in parts."""
    whole: list[str] = []
    parts: defaultdict[tuple[Any, ...], str] = defaultdict(str)
    for row in rejects:
        part = _PART.fullmatch(row["reason"])
        if part is None:
            whole.append(row["raw"])
        else:
            parts[(*part.groups(), row["entity_id"], row["lead_key"])] += row["raw"]
    return [*whole, *parts.values()]


def _told(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    if row.get("status") == "gdpr_removed":
        return {"id": row.get("id"), "status": "gdpr_removed"}
    asked = lead(row["id"]) if isinstance(row.get("id"), int) else {}
    return {
        key: value
        for key, value in row.items()
        # Blank is how a field that was not asked for may be echoed.
        if value != asked.get(key) and not (isinstance(value, str) and not value.strip())
    }


def count(rows: Sequence[Any]) -> int:
    """How many leaves ``rows`` have."""
    return sum(1 for _ in leaves(list(rows)))


def check_envelope(body: bytes) -> None:
    """The API's client takes a page for one of request 18, and what it says can be kept."""
    response = Response("GET", "/", 200, {}, body, None, 0.0)
    found = page_from(response, PEOPLE, "18", SystemClock())
    said = [text for one in found.problems for text in (one.code, one.title, one.detail)]
    assert all(map(is_clean, said)), said
