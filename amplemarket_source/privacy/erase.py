"""Erasing a person: out of every table, out of the pages on disk, and kept out.

What stays is hashes: the keys of the leads that found the person, of each identifier alone, and of
the API's person id, as ``enrichment_results`` rows with status ``gdpr_removed``. A lead with one of
them is never sent. An answer about one of them, however late, is read as what the API says of a
removed person: status ``gdpr_removed`` and no result (`amplemarket_source.privacy.redact`), so that
nothing that comes after needs to know.

The statements run at once, not with the next load: an erasure must not wait, and running it twice
changes nothing. Packages that dlt has not loaded yet hold people as well, so they are loaded before
(`amplemarket_source.load.waves.load_pending`); the warehouse loads its own when it is opened. Three
settings of dlt keep copies out of the files and tables it leaves behind, and every command and its
Python twin set them (`amplemarket_source.environment`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from amplemarket_source.identity import identifier_keys, person_key
from amplemarket_source.model import PEOPLE
from amplemarket_source.privacy.identifiers import (
    identifiers_of,
    leads_naming,
    marks,
    people_and_leads,
    people_named,
    portions,
    rejects_quoting,
)
from amplemarket_source.schema.tables import ENRICHMENT_RESULTS, LEADS, PEOPLE_TABLES, REJECTS
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["erase", "erase_named"]


def erase_named(
    warehouse: Warehouse,
    *,
    email: str | None,
    linkedin_url: str | None,
    person_id: str | None,
    at: datetime,
) -> set[str]:
    """Erase whoever has one of the identifiers, in ``people`` or in ``leads``, and suppress them.

    An identifier that nobody has is suppressed all the same, so that it is never sent.

    Returns:
        The keys that are suppressed from now on.

    Raises:
        DestinationError: the destination refused; running it again finishes the work.
    """
    wanted = set(identifier_keys(email, linkedin_url))
    named = {(email, None), (None, linkedin_url)}
    people = people_named(warehouse, named, wanted) | ({person_id} if person_id else set())
    leads = leads_naming(warehouse, named, wanted)
    return erase(warehouse, lead_keys=wanted | leads, person_ids=people, at=at)


def erase(
    warehouse: Warehouse, *, lead_keys: Iterable[str], person_ids: Iterable[str], at: datetime
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
    keys, people = people_and_leads(warehouse, set(lead_keys), set(person_ids))
    identifiers = identifiers_of(warehouse, keys, people)
    keys |= {key for email, url in identifiers for key in identifier_keys(email, url)}
    keys |= leads_naming(warehouse, identifiers, keys)
    keys |= {person_key(person) for person in people}
    # What keeps a person out comes first: whatever interrupts the rest, it can be done again.
    _suppress(warehouse, keys, at)
    _delete(warehouse, people)
    _blank(warehouse, keys, people, rejects_quoting(warehouse, identifiers, keys))
    return keys


def _suppress(warehouse: Warehouse, keys: set[str], at: datetime) -> None:
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    for some in portions(keys):
        places = marks(some)
        known = {
            row[0]
            for row in warehouse.rows(
                f"SELECT lead_key FROM {results} WHERE kind = 'people' AND lead_key IN ({places})",
                *some,
            )
        }
        for key in sorted(set(some) - known):
            warehouse.insert(
                ENRICHMENT_RESULTS,
                {
                    "kind": "people",
                    "lead_key": key,
                    "status": "gdpr_removed",
                    "enriched_at": at,
                    "_dlt_id": f"people:{key}",
                },
            )


def _delete(warehouse: Warehouse, people: set[str]) -> None:
    # Children first: a parent that is left can be found again.
    tables = [table for table in reversed(PEOPLE_TABLES) if warehouse.has_table(table.name)]
    for some in portions(people):
        for table in tables:
            column = "id" if table.child is None else table.child.key
            warehouse.rows(
                f"DELETE FROM {warehouse.name(table.name)} WHERE {column} IN ({marks(some)})", *some
            )


def _blank(warehouse: Warehouse, keys: set[str], people: set[str], rejected: set[str]) -> None:
    rejects, results = warehouse.name(REJECTS.name), warehouse.name(ENRICHMENT_RESULTS.name)
    for some in portions(people):
        warehouse.rows(
            f"UPDATE {rejects} SET raw = NULL, entity_id = NULL WHERE entity_id IN ({marks(some)})",
            *some,
        )
    for some in portions(rejected):
        warehouse.rows(f"UPDATE {rejects} SET raw = NULL WHERE reject_id IN ({marks(some)})", *some)
    nothing = ", ".join(f"{name} = NULL" for name in PEOPLE.identifying)
    told = ["person_id", "result_id", *warehouse.undocumented(ENRICHMENT_RESULTS)]
    untold = ", ".join(f"{name} = NULL" for name in told)
    for some in portions(keys):
        places = marks(some)
        warehouse.rows(f"UPDATE {rejects} SET raw = NULL WHERE lead_key IN ({places})", *some)
        warehouse.rows(
            f"UPDATE {warehouse.name(LEADS.name)} SET {nothing} "
            f"WHERE kind = 'people' AND lead_key IN ({places})",
            *some,
        )
        # Last: until here the row says whose leads they are.
        warehouse.rows(
            f"UPDATE {results} SET status = 'gdpr_removed', {untold} "
            f"WHERE kind = 'people' AND lead_key IN ({places})",
            *some,
        )
