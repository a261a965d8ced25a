"""Erasing again whom a load has brought back.

A load holds what was read before it, and may end after an erasure that knew nothing of it: dlt
loads a plain run outside of the lock, and a package can wait in a folder that nobody else sees. It
then writes the person's rows, and the outcome of their lead over the row that kept them out. So
every session begins with a look at the loads since the one before, and a plain run ends with it
(`amplemarket_source.load.follow`).
"""

from __future__ import annotations

from datetime import datetime

from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.identifiers import people_at, people_named_by
from amplemarket_source.schema.tables import (
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ERASURES,
    REQUEST_LEADS,
)
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["erase_again"]


def erase_again(warehouse: Warehouse, at: datetime) -> set[str]:
    """Erase whoever was erased while a load was under way that has ended by now.

    Looks at the loads whose requests the ledger has not let go of, which the next run does when it
    has looked. An erasure for its age alone keeps nobody out, so it is not repeated.

    Returns:
        The keys that are suppressed, of those who were erased again; mostly none.

    Raises:
        DestinationError: the destination refused; the next session does it.
    """
    found = warehouse.rows(_statement(warehouse))
    if not found:
        return set()
    keys = {row[1] for row in found}
    people = {
        person
        for load_id in {row[0] for row in found}
        for person in people_named_by(keys, people_at(warehouse, load_id))
    }
    return erase(warehouse, lead_keys=keys, person_ids=people, at=at)


def _statement(warehouse: Warehouse) -> str:
    # ``loaded_at`` is when the load began to hold the answers, ``inserted_at`` when it had ended.
    requests, results = ENRICHMENT_REQUESTS.name, ENRICHMENT_RESULTS.name
    return (
        "SELECT DISTINCT request._dlt_load_id, erased.erased_key "
        f"FROM {warehouse.name(requests)} AS request "
        f"JOIN {warehouse.name('_dlt_loads')} AS ended ON ended.load_id = request._dlt_load_id "
        "JOIN ("
        f"SELECT erasure_key AS erased_key, erased_at FROM {warehouse.name(ERASURES.name)} "
        "WHERE reason IS NULL OR reason <> 'retention' UNION ALL "
        f"SELECT lead_key, enriched_at FROM {warehouse.name(results)} "
        "WHERE kind = 'people' AND status = 'gdpr_removed'"
        ") AS erased ON erased.erased_at BETWEEN request.loaded_at AND ended.inserted_at "
        "WHERE request.kind = 'people' AND request.request_key IN "
        f"(SELECT request_key FROM {warehouse.name(REQUEST_LEADS.name)})"
    )
