"""Erasing a person: out of every table, out of the pages on disk, and kept out.

What stays is hashes: the keys of the leads that found the person, of each identifier alone, and of
the API's person id, as ``enrichment_results`` rows with status ``gdpr_removed``. A lead with one of
them is never sent. An answer about one of them, however late, is read as what the API says of a
removed person: status ``gdpr_removed`` and no result (`pages.suppressions`), so that nothing that
comes after needs to know.

The statements run at once, not with the next load: an erasure must not wait, and running it twice
changes nothing. Packages that dlt has not loaded yet hold people as well, so they are loaded before
(`amplemarket_source.load.waves.load_pending`); the ledger loads its own when it is opened. Three
settings of dlt keep copies out of the files and tables it leaves behind, and the command line sets
them: ``load.delete_completed_jobs``, ``load.truncate_staging_dataset``, and, for the files that
Snowflake copies from, ``destination.snowflake.keep_staged_files = false``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import dlt

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.pages.spool import Spool
from amplemarket_source.pages.suppressions import (
    Suppressions,
    identifier_keys,
    person_key,
)
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.tables.contract import (
    ENRICHMENT_RESULTS,
    LEADS,
    PEOPLE_TABLES,
    REJECTS,
)
from amplemarket_source.workdir import WorkDir

__all__ = ["erase", "identifier_keys", "person_key", "scrub_pages"]

_AT_ONCE = 500  # keys in one statement; warehouses limit the length of a statement
_PATTERNS_AT_ONCE = 100

Identifiers = set[tuple[str | None, str | None]]
"""``(email, linkedin_url)`` of somebody, in some spelling."""


def erase(
    ledger: Ledger, *, lead_keys: Iterable[str], person_ids: Iterable[str], at: datetime
) -> set[str]:
    """Erase the people behind leads and ids, with everything that any table says of them.

    Example::

        keys = identifier_keys("ada@example.com", None)
        suppressed = erase(ledger, lead_keys=keys, person_ids=[], at=clock.now())

    Returns:
        Every key that is suppressed from now on.

    Raises:
        DestinationError: the destination refused; running it again finishes the work.
    """
    keys, people = _everyone(ledger, set(lead_keys), set(person_ids))
    identifiers = _identifiers(ledger, keys, people)
    keys |= {key for email, url in identifiers for key in identifier_keys(email, url)}
    keys |= _leads_of(ledger, identifiers, keys)
    keys |= {person_key(person) for person in people}
    # What keeps a person out comes first: whatever interrupts the rest, it can be done again.
    _suppress(ledger, keys, at)
    _delete(ledger, people)
    _blank(ledger, keys, people, _rejects_of(ledger, identifiers, keys))
    return keys


def scrub_pages(pipeline: dlt.Pipeline, keys: Iterable[str]) -> None:
    """Remove the pages waiting on this disk that hold one of the people with these keys.

    They are read again from the API, which is free, and redacted on the way to the tables. Only
    while no run of the pipeline is going on (`purchase.lease.exclusive_ledger`).
    """
    Spool(WorkDir.of(pipeline).spool, Suppressions(keys).redact).scrub()


def _everyone(ledger: Ledger, keys: set[str], people: set[str]) -> tuple[set[str], set[str]]:
    """The people that were found by the leads, and all the leads that found them."""
    results = ledger.name(ENRICHMENT_RESULTS.name)
    found = set(people)
    for some in _portions(keys):
        found |= {
            row[0]
            for row in ledger.rows(
                f"SELECT person_id FROM {results} WHERE kind = 'people' "
                f"AND person_id IS NOT NULL AND lead_key IN ({_marks(some)})",
                *some,
            )
        }
    by = set(keys)
    for some in _portions(found):
        by |= {
            row[0]
            for row in ledger.rows(
                f"SELECT lead_key FROM {results} WHERE kind = 'people' "
                f"AND person_id IN ({_marks(some)})",
                *some,
            )
        }
    return by, found


def _identifiers(ledger: Ledger, keys: set[str], people: set[str]) -> Identifiers:
    """What the people and their leads are called, in every spelling that a table has."""
    sources = [(LEADS.name, "kind = 'people' AND lead_key", keys)]
    if ledger.has_table("people"):
        sources.append(("people", "id", people))
    return {
        (row[0], row[1])
        for table, column, values in sources
        for some in _portions(values)
        for row in ledger.rows(
            f"SELECT email, linkedin_url FROM {ledger.name(table)} "
            f"WHERE {column} IN ({_marks(some)})",
            *some,
        )
        if any(row)
    }


def _leads_of(ledger: Ledger, identifiers: Identifiers, keys: set[str]) -> set[str]:
    """Keys of leads that name one of the identifiers beside other fields."""
    # The destination only narrows it down; the key of the identifier alone decides.
    columns = f"SELECT lead_key, email, linkedin_url FROM {ledger.name(LEADS.name)} WHERE "
    emails = {email.strip().lower() for email, _ in identifiers if email}
    rows = [
        row
        for some in _portions(emails)
        for row in ledger.rows(f"{columns} lower(trim(email)) IN ({_marks(some)})", *some)
    ] + [
        row
        for some in _portions({_slug(url) for _, url in identifiers if url}, _PATTERNS_AT_ONCE)
        for row in ledger.rows(f"{columns} {_contains('linkedin_url', some)}", *some)
    ]
    return {row[0] for row in rows if not keys.isdisjoint(identifier_keys(row[1], row[2]))}


def _rejects_of(ledger: Ledger, identifiers: Identifiers, keys: set[str]) -> set[str]:
    """Rejects that quote one of the identifiers; an input row that could not be read has no key."""
    patterns = {f"%{email.strip().lower()}%" for email, _ in identifiers if email}
    patterns |= {_slug(url) for _, url in identifiers if url}
    return {
        row[0]
        for some in _portions(patterns, _PATTERNS_AT_ONCE)
        for row in ledger.rows(
            f"SELECT reject_id, raw FROM {ledger.name(REJECTS.name)} "
            f"WHERE {_contains('raw', some)}",
            *some,
        )
        if not keys.isdisjoint(_quoted(row[1]))
    }


def _slug(url: str) -> str:
    """A LIKE pattern for what every spelling of a URL has in common, its last part."""
    path = url.strip().lower().split("?")[0].split("#")[0]
    return f"%{path.rstrip('/ ').split('/')[-1]}%"


def _contains(column: str, patterns: Sequence[str]) -> str:
    return "(" + " OR ".join([f"lower({column}) LIKE %s"] * len(patterns)) + ")"


def _quoted(raw: str) -> list[str]:
    """The keys of the identifiers in a reject's JSON text."""
    try:
        fields: Any = json.loads(raw)
    except ValueError:
        return []
    if not isinstance(fields, dict):
        return []
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    url = texts.get("linkedin_url") or texts.get("linkedin_id")
    return identifier_keys(texts.get("email"), url)


def _suppress(ledger: Ledger, keys: set[str], at: datetime) -> None:
    results = ledger.name(ENRICHMENT_RESULTS.name)
    for some in _portions(keys):
        marks = _marks(some)
        known = {
            row[0]
            for row in ledger.rows(
                f"SELECT lead_key FROM {results} WHERE kind = 'people' AND lead_key IN ({marks})",
                *some,
            )
        }
        for key in sorted(set(some) - known):
            ledger.insert(
                ENRICHMENT_RESULTS,
                {
                    "kind": "people",
                    "lead_key": key,
                    "status": "gdpr_removed",
                    "enriched_at": at,
                    "_dlt_id": f"people:{key}",
                },
            )


def _delete(ledger: Ledger, people: set[str]) -> None:
    # Children first: a parent that is left can be found again.
    tables = [table for table in reversed(PEOPLE_TABLES) if ledger.has_table(table.name)]
    for some in _portions(people):
        for table in tables:
            column = "id" if table.child is None else table.child.key
            ledger.rows(
                f"DELETE FROM {ledger.name(table.name)} WHERE {column} IN ({_marks(some)})", *some
            )


def _blank(ledger: Ledger, keys: set[str], people: set[str], rejected: set[str]) -> None:
    rejects, results = ledger.name(REJECTS.name), ledger.name(ENRICHMENT_RESULTS.name)
    for some in _portions(people):
        ledger.rows(
            f"UPDATE {rejects} SET raw = NULL, entity_id = NULL "
            f"WHERE entity_id IN ({_marks(some)})",
            *some,
        )
    for some in _portions(rejected):
        ledger.rows(f"UPDATE {rejects} SET raw = NULL WHERE reject_id IN ({_marks(some)})", *some)
    nothing = ", ".join(f"{name} = NULL" for name in PEOPLE.identifying)
    told = ["person_id", "result_id", *ledger.undocumented(ENRICHMENT_RESULTS)]
    untold = ", ".join(f"{name} = NULL" for name in told)
    for some in _portions(keys):
        marks = _marks(some)
        ledger.rows(f"UPDATE {rejects} SET raw = NULL WHERE lead_key IN ({marks})", *some)
        ledger.rows(
            f"UPDATE {ledger.name(LEADS.name)} SET {nothing} "
            f"WHERE kind = 'people' AND lead_key IN ({marks})",
            *some,
        )
        # Last: until here the row says whose leads they are.
        ledger.rows(
            f"UPDATE {results} SET status = 'gdpr_removed', {untold} "
            f"WHERE kind = 'people' AND lead_key IN ({marks})",
            *some,
        )


def _portions(keys: Iterable[str], size: int = _AT_ONCE) -> Iterator[Sequence[str]]:
    ordered = sorted(keys)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))
