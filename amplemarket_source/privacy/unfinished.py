"""Erasures that are not through: those that died half-way, and whom a load has brought back.

A load holds what was read before it, and may end after an erasure that knew nothing of it: dlt
loads a plain run outside of the lock, and a package can wait in a folder that nobody else sees. It
then writes the person's rows, and the outcome of their lead over the row that kept them out. So
every session begins with a look at the loads since the one before, and a plain run ends with it
(`amplemarket_source.load.follow`).
"""

from __future__ import annotations

from datetime import datetime

from amplemarket_source.kinds import OF_PEOPLE
from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.identifiers import people_at, people_named_by
from amplemarket_source.schema.bookkeeping import (
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ERASURES,
    REQUEST_LEADS,
)
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["finish_erasures"]


def finish_erasures(warehouse: Warehouse, at: datetime) -> None:
    """Finish what died half-way, and erase again whoever a load that has ended brought back.

    Looks at the loads whose requests the ledger has not let go of, which the next run does when it
    has looked. An erasure for its age alone keeps nobody out, so it is not repeated.

    Raises:
        DestinationError: the destination refused; the next session does it.
    """
    found = warehouse.rows(_statement(warehouse))
    begun = [(reason, key) for reason, key, load_id in found if not load_id]
    for reason in sorted({reason for reason, _ in begun}):
        keys = {key for its_reason, key in begun if its_reason == reason}
        # An id is found by its hash, which only those that are left can be compared with.
        found_by = people_named_by(keys, people_at(warehouse))
        erase(warehouse, lead_keys=keys, person_ids=found_by, at=at, reason=reason)
    brought_back = [(key, load_id) for _, key, load_id in found if load_id]
    if brought_back:
        keys = {key for key, _ in brought_back}
        people = {
            person
            for load_id in {load_id for _, load_id in brought_back}
            for person in people_named_by(keys, people_at(warehouse, load_id))
        }
        erase(warehouse, lead_keys=keys, person_ids=people, at=at)


def _statement(warehouse: Warehouse) -> str:
    """``reason, key, load``: of an erasure without an end, or of a load that brought a key back."""
    # ``loaded_at`` is when the load began to hold the answers, ``inserted_at`` when it had ended.
    erasures, results = (warehouse.name(t.name) for t in (ERASURES, ENRICHMENT_RESULTS))
    requests, members = (warehouse.name(t.name) for t in (ENRICHMENT_REQUESTS, REQUEST_LEADS))
    return (
        f"SELECT reason, erasure_key, '' AS load_id FROM {erasures} WHERE erased_at IS NULL "
        "UNION ALL SELECT DISTINCT '', erased.erased_key, request._dlt_load_id "
        f"FROM {requests} AS request "
        f"JOIN {warehouse.name('_dlt_loads')} AS ended ON ended.load_id = request._dlt_load_id "
        "JOIN ("
        f"SELECT erasure_key AS erased_key, erased_at FROM {erasures} "
        "WHERE reason IS NULL OR reason <> 'retention' UNION ALL "
        f"SELECT lead_key, enriched_at FROM {results} "
        f"WHERE {OF_PEOPLE} AND status = 'gdpr_removed'"
        ") AS erased ON erased.erased_at BETWEEN request.loaded_at AND ended.inserted_at "
        f"WHERE request.{OF_PEOPLE} AND request.request_key IN "
        f"(SELECT request_key FROM {members})"
    )
