"""Retention: everyone whose latest answer is too old, at once and by a few statements.

Unlike somebody who asks to be forgotten they are not kept out: a later run may buy them again. The
ledger keeps its rows, so that what was paid stays countable: an outcome's key, status and times
stay, without the person. A lead goes with the person it found, and so does one that found nobody,
by the age of that answer; one that an unfinished request asks for stays, or its answer could not be
told from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa

from amplemarket_source.kinds import EMAILS, OF_PEOPLE, PEOPLE
from amplemarket_source.ledger import Ledger
from amplemarket_source.privacy.erase import delete_people, untold_columns
from amplemarket_source.privacy.identifiers import marks
from amplemarket_source.privacy.keys import person_key
from amplemarket_source.schema.bookkeeping import (
    ENRICHMENT_RESULTS,
    ERASURES,
    LEADS,
    REJECTS,
    REQUEST_LEADS,
)
from amplemarket_source.schema.tables import PEOPLE as PEOPLE_TABLE
from amplemarket_source.schema.tables import PEOPLE_HISTORY, VALIDATION_TABLES

__all__ = ["erase_older"]


def erase_older(ledger: Ledger, *, before: datetime, at: datetime) -> int:
    """Erase everyone whose latest answer was fetched before a moment.

    As with every erasure, what leads to a person goes last: killed and repeated, it is finished.

    Returns:
        How many leads were told of and are not any more.

    Raises:
        DestinationError: the destination refused; running it again finishes the work.
    """
    warehouse = ledger.warehouse
    results, leads, rejects, people = (
        warehouse.name(table.name) for table in (ENRICHMENT_RESULTS, LEADS, REJECTS, PEOPLE_TABLE)
    )
    has_people = warehouse.has_table(PEOPLE_TABLE.name)
    old_people = f"SELECT id FROM {people} WHERE enriched_at < %s"
    old_leads = (
        f"SELECT lead_key FROM {results} WHERE {OF_PEOPLE} AND status <> 'gdpr_removed' "
        "AND enriched_at < %s"
    )
    times: list[object] = [before]
    if open_keys := [record.request_key for record in ledger.open_requests()]:
        old_leads += (
            f" AND lead_key NOT IN (SELECT lead_key FROM {warehouse.name(REQUEST_LEADS.name)} "
            f"WHERE request_key IN ({marks(open_keys)}))"
        )
        times += open_keys
    if has_people:
        old_leads += (
            " AND (person_id IS NULL OR person_id NOT IN "
            f"(SELECT id FROM {people} WHERE enriched_at >= %s))"
        )
        times.append(before)
    told = " OR ".join(f"{name} IS NOT NULL" for name in PEOPLE.identifying)
    told_leads = f"{OF_PEOPLE} AND ({told}) AND lead_key IN ({old_leads})"
    ((count,),) = warehouse.rows(f"SELECT count(*) FROM {leads} WHERE {told_leads}", *times)

    _record(ledger, "lead", f"SELECT DISTINCT lead_key FROM {leads} WHERE {told_leads}", times, at)
    if has_people:
        _record(ledger, "person", old_people, [before], at)
        warehouse.rows(
            f"UPDATE {rejects} SET raw = NULL, entity_id = NULL WHERE entity_id IN ({old_people})",
            before,
        )
    # Also what was refused before it had a lead.
    warehouse.rows(
        f"UPDATE {rejects} SET raw = NULL WHERE raw IS NOT NULL "
        f"AND (rejected_at < %s OR lead_key IN ({old_leads}))",
        before,
        *times,
    )
    warehouse.rows(
        f"UPDATE {leads} SET external_id = NULL WHERE {told_leads} "
        "AND (external_id LIKE %s OR lower(external_id) LIKE %s)",
        *times,
        "%@%",
        "%linkedin.com/%",
    )
    warehouse.rows(
        f"UPDATE {leads} SET erased_at = %s, "
        f"{untold_columns(warehouse, LEADS, *PEOPLE.identifying)} WHERE {told_leads}",
        at,
        *times,
    )
    # A verdict has no person who tells how old it is: its outcome goes with its own.
    warehouse.rows(
        f"UPDATE {results} SET erased_at = %s WHERE kind = '{EMAILS.name}' AND erased_at IS NULL "
        f"AND enriched_at < %s AND lead_key IN (SELECT lead_key FROM {leads} "
        f"WHERE kind = '{EMAILS.name}' AND erased_at IS NOT NULL)",
        at,
        before,
    )
    if has_people:
        untold = untold_columns(warehouse, ENRICHMENT_RESULTS, "person_id", "result_id")
        warehouse.rows(
            f"UPDATE {results} SET erased_at = %s, {untold} "
            f"WHERE kind = 'people' AND person_id IN ({old_people})",
            at,
            before,
        )
        delete_people(warehouse, f"IN ({old_people})", before)
    # What an old answer said is as old, also of somebody who was bought again since.
    for table in (PEOPLE_HISTORY, *VALIDATION_TABLES):
        warehouse.rows(f"DELETE FROM {warehouse.name(table.name)} WHERE enriched_at < %s", before)
    return int(count)


def _record(ledger: Ledger, key_of: str, sql: str, values: Sequence[object], at: datetime) -> None:
    """Rows of ``erasures``, as many as there are: one load, merged by the key."""

    schema = ERASURES.arrow_schema
    found = []
    for chunk in ledger.warehouse.read(sql, *values):
        given = chunk.column(0).to_pylist()
        keys = [person_key(one) for one in given] if key_of == "person" else given
        row = {"key_of": key_of, "erased_at": at, "reason": "retention", "_dlt_load_id": ""}
        rows = [{**row, "erasure_key": key, "_dlt_id": key} for key in keys]
        found.append(pa.Table.from_pylist(rows, schema=schema))
    if any(table.num_rows for table in found):
        ledger.load({ERASURES: found})
