"""Erasing a person: out of every table, and kept out.

What stays is hashes: the keys of the leads that found the person, of each identifier alone, and of
the API's person id, as ``enrichment_results`` rows with status ``gdpr_removed``, and as a record in
``erasures``. A lead with one of them is never sent. An answer about one of them, however late, is
read as what the API says of a removed person: status ``gdpr_removed`` and no result
(`amplemarket_source.privacy.redact`), so that nothing that comes after needs to know.

The hashes have no salt, because a lead's key has none: the same input must give the same key on
every machine and in every year, or it is bought again. So whoever has the tables and a list of
addresses can find out which of them were erased; the tables are for those who may know it.

The statements run at once, not with the next load: an erasure must not wait, and running it twice
changes nothing. A process may die between any two of them, so an erasure is recorded first, without
the time that it has when it is through. Then come the rows that keep the person out. What leads to
them goes last: what quotes them, then the fields of their leads, their rows in ``people``, and at
the very end the ids that say whose rows these were. The next session of anybody goes on with what
somebody began (`amplemarket_source.privacy.unfinished`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import pyarrow as pa

from amplemarket_source.identity import address_keys
from amplemarket_source.kinds import OF_PEOPLE, PEOPLE
from amplemarket_source.privacy.identifiers import (
    Meant,
    everyone_meant,
    leads_quoting,
    marks,
    portions,
    rejects_quoting,
    requests_quoting,
    tables_of_people,
)
from amplemarket_source.schema.bookkeeping import (
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ERASURES,
    LEADS,
    REJECTS,
)
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import PEOPLE as PEOPLE_TABLE
from amplemarket_source.schema.tables import VALIDATION_TABLES
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["Reason", "delete_people", "erase", "erase_meant", "untold_columns"]

Reason = Literal["api", "request", "retention"]
"""Who wanted an erasure: the API, which removed the person; a person; an age."""

_ROWS_AT_ONCE = 200  # in one INSERT; warehouses limit the number of parameters


def erase(
    warehouse: Warehouse,
    *,
    lead_keys: Iterable[str],
    person_ids: Iterable[str],
    at: datetime,
    reason: Reason = "api",
) -> set[str]:
    """Erase the people behind leads and ids, with everything that any table says of them.

    Example::

        keys = identifier_keys("ada@example.com", None)
        suppressed = erase(warehouse, lead_keys=keys, person_ids=[], at=clock.now())

    Returns:
        Every key that is suppressed from now on.

    Raises:
        DestinationError: the destination refused; running it again finishes the work.
    """
    meant = everyone_meant(warehouse, keys=lead_keys, pairs=(), people=person_ids)
    erase_meant(warehouse, meant, at=at, reason=reason)
    return meant.keys


def erase_meant(warehouse: Warehouse, meant: Meant, *, at: datetime, reason: Reason | None) -> None:
    """Erase people that are found already.

    Args:
        reason: None to keep out somebody whom no table knows, of whom nothing is to be recorded.

    Raises:
        DestinationError: the destination refused; finding and erasing them again finishes the work,
            and so does the next session.
    """
    if reason is not None:
        _begin(warehouse, meant, reason)
    _suppress(warehouse, meant, at)
    _mark(warehouse, meant, at)
    _blank_quotes(warehouse, meant)
    _delete_validations(warehouse, meant)
    _blank_leads(warehouse, meant, at)
    for some in portions(meant.people):
        delete_people(warehouse, f"IN ({marks(some)})", *some)
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    for some in portions(meant.keys):
        warehouse.rows(
            f"UPDATE {results} SET person_id = NULL "
            f"WHERE kind = 'people' AND lead_key IN ({marks(some)})",
            *some,
        )
    for some in portions(meant.keys):
        warehouse.rows(
            f"UPDATE {warehouse.name(ERASURES.name)} SET erased_at = %s "
            f"WHERE erased_at IS NULL AND erasure_key IN ({marks(some)})",
            at,
            *some,
        )


def _suppress(warehouse: Warehouse, meant: Meant, at: datetime) -> None:
    """Keep people out who may be nobody the tables know; rows that are there are left.

    The row of a person's id has that id until the erasure is through.
    """
    results, people = warehouse.name(ENRICHMENT_RESULTS.name), meant.person_keys
    for some in portions(meant.keys, _ROWS_AT_ONCE):
        known = {
            row[0]
            for row in warehouse.rows(
                f"SELECT lead_key FROM {results} WHERE {OF_PEOPLE} AND lead_key IN ({marks(some)})",
                *some,
            )
        }
        rows = [
            {
                "kind": "people",
                "lead_key": key,
                "status": "gdpr_removed",
                "person_id": people.get(key),
                "enriched_at": at,
                "erased_at": at,
                "_dlt_id": f"people:{key}",
            }
            for key in some
            if key not in known
        ]
        if rows:
            warehouse.insert(ENRICHMENT_RESULTS, *rows)


def untold_columns(warehouse: Warehouse, table: Table, *names: str) -> str:
    """The assignments that empty some columns, and all that undocumented fields have made."""
    columns = [*names, *warehouse.undocumented(table)]
    return ", ".join(f"{name} = NULL" for name in columns)


_FIRST_TIME = "erased_at = coalesce(erased_at, %s)"  # an erasure may be finished, or repeated


def _mark(warehouse: Warehouse, meant: Meant, at: datetime) -> None:
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    untold = untold_columns(warehouse, ENRICHMENT_RESULTS, "result_id")
    for some in portions(meant.keys):
        warehouse.rows(
            f"UPDATE {results} SET status = 'gdpr_removed', {untold}, {_FIRST_TIME} "
            f"WHERE {OF_PEOPLE} AND lead_key IN ({marks(some)})",
            at,
            *some,
        )


def _begin(warehouse: Warehouse, meant: Meant, reason: Reason) -> None:
    """Rows of ``erasures`` without a time; what was erased by age becomes one that keeps out."""
    erasures = warehouse.name(ERASURES.name)
    for some in portions(meant.keys, _ROWS_AT_ONCE):
        found = f"erasure_key IN ({marks(some)})"
        known = {
            row[0]
            for row in warehouse.rows(f"SELECT erasure_key FROM {erasures} WHERE {found}", *some)
        }
        if known:
            warehouse.rows(
                f"UPDATE {erasures} SET reason = %s, erased_at = NULL "
                f"WHERE reason = 'retention' AND {found}",
                reason,
                *some,
            )
        rows = [
            {"erasure_key": key, "key_of": _key_of(key, meant), "reason": reason, "_dlt_id": key}
            for key in some
            if key not in known
        ]
        if rows:
            warehouse.insert(ERASURES, *rows)


def _key_of(key: str, meant: Meant) -> str:
    if key in meant.lead_keys:
        return "lead"
    return "identifier" if key in meant.identifier_keys else "person"


def _blank_quotes(warehouse: Warehouse, meant: Meant) -> None:
    """Empty what was kept as it came, wherever it names one of the people."""
    rejects, requests = warehouse.name(REJECTS.name), warehouse.name(ENRICHMENT_REQUESTS.name)
    leads = warehouse.name(LEADS.name)
    for some in portions(rejects_quoting(warehouse, meant)):
        warehouse.rows(
            f"UPDATE {rejects} SET raw = NULL, external_id = NULL "
            f"WHERE reject_id IN ({marks(some)})",
            *some,
        )
    for some in portions(meant.keys):
        warehouse.rows(f"UPDATE {rejects} SET raw = NULL WHERE lead_key IN ({marks(some)})", *some)
    for some in portions(meant.people):
        warehouse.rows(
            f"UPDATE {rejects} SET raw = NULL, entity_id = NULL WHERE entity_id IN ({marks(some)})",
            *some,
        )
    for some in portions(requests_quoting(warehouse, meant)):
        warehouse.rows(
            f"UPDATE {requests} SET error_detail = NULL WHERE request_key IN ({marks(some)})", *some
        )
    for some in portions(leads_quoting(warehouse, meant)):
        # A user's own key may be the address itself.
        warehouse.rows(
            f"UPDATE {leads} SET external_id = NULL WHERE lead_id IN ({marks(some)})", *some
        )


def _blank_leads(warehouse: Warehouse, meant: Meant, at: datetime) -> None:
    leads, untold = (
        warehouse.name(LEADS.name),
        untold_columns(warehouse, LEADS, *PEOPLE.identifying),
    )
    for some in portions(meant.keys):
        warehouse.rows(
            f"UPDATE {leads} SET {untold}, {_FIRST_TIME} "
            f"WHERE {OF_PEOPLE} AND lead_key IN ({marks(some)})",
            at,
            *some,
        )


def _delete_validations(warehouse: Warehouse, meant: Meant) -> None:
    addresses = pa.array([n.normal for n in meant.names if n.field == "email"], pa.string())
    # Also of an address that an answer spelt otherwise than it was asked for.
    keys = meant.keys | set(address_keys(addresses).to_pylist())
    for table in VALIDATION_TABLES:
        for some in portions(keys):
            warehouse.rows(
                f"DELETE FROM {warehouse.name(table.name)} WHERE lead_key IN ({marks(some)})", *some
            )


def delete_people(warehouse: Warehouse, which: str, *values: object) -> None:
    """Delete people with everything that hangs on them.

    Args:
        which: a condition on a person's id, without the id: ``IN (%s, %s)``.
        values: of its parameters.
    """
    for table in tables_of_people():
        if warehouse.has_table(table.name):
            key = "id" if table is PEOPLE_TABLE else "person_id"
            warehouse.rows(f"DELETE FROM {warehouse.name(table.name)} WHERE {key} {which}", *values)
