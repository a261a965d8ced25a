"""Who is meant: the leads, people and rejects behind an identifier, in whatever spelling.

A person is named by an e-mail address, a LinkedIn URL or the API's id, and stands in many rows
under many spellings. The destination only narrows a search down, by what all spellings have in
common; whether two spellings are one is for the key to say (`amplemarket_source.identity`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from amplemarket_source.identity import identifier_keys
from amplemarket_source.schema.tables import ENRICHMENT_RESULTS, LEADS, PEOPLE, REJECTS
from amplemarket_source.warehouse.client import Warehouse

__all__ = [
    "Identifiers",
    "identifiers_of",
    "leads_naming",
    "marks",
    "people_and_leads",
    "people_named",
    "portions",
    "rejects_quoting",
]

_AT_ONCE = 500  # keys in one statement; warehouses limit the length of a statement
_PATTERNS_AT_ONCE = 100

Identifiers = set[tuple[str | None, str | None]]
"""``(email, linkedin_url)`` of somebody, in some spelling."""


def people_and_leads(
    warehouse: Warehouse, keys: set[str], people: set[str]
) -> tuple[set[str], set[str]]:
    """The people that were found by the leads, and all the leads that found them."""
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    found = set(people)
    for some in portions(keys):
        found |= {
            row[0]
            for row in warehouse.rows(
                f"SELECT person_id FROM {results} WHERE kind = 'people' "
                f"AND person_id IS NOT NULL AND lead_key IN ({marks(some)})",
                *some,
            )
        }
    by = set(keys)
    for some in portions(found):
        by |= {
            row[0]
            for row in warehouse.rows(
                f"SELECT lead_key FROM {results} WHERE kind = 'people' "
                f"AND person_id IN ({marks(some)})",
                *some,
            )
        }
    return by, found


def identifiers_of(warehouse: Warehouse, keys: set[str], people: set[str]) -> Identifiers:
    """What the people and their leads are called, in every spelling that a table has."""
    sources = [(LEADS.name, "kind = 'people' AND lead_key", keys)]
    if warehouse.has_table(PEOPLE.name):
        sources.append((PEOPLE.name, "id", people))
    return {
        (row[0], row[1])
        for table, column, values in sources
        for some in portions(values)
        for row in warehouse.rows(
            f"SELECT email, linkedin_url FROM {warehouse.name(table)} "
            f"WHERE {column} IN ({marks(some)})",
            *some,
        )
        if any(row)
    }


def leads_naming(warehouse: Warehouse, identifiers: Identifiers, keys: set[str]) -> set[str]:
    """Keys of the leads that name one of the identifiers, also beside other fields.

    Args:
        keys: of the identifiers, each alone.
    """
    return _owners(warehouse, LEADS.name, "lead_key", identifiers, keys)


def people_named(warehouse: Warehouse, identifiers: Identifiers, keys: set[str]) -> set[str]:
    """Ids of the people who have one of the identifiers; ``keys`` as for `leads_naming`."""
    if not warehouse.has_table(PEOPLE.name):
        return set()
    return _owners(warehouse, PEOPLE.name, "id", identifiers, keys)


def _owners(
    warehouse: Warehouse, table: str, owner: str, identifiers: Identifiers, keys: set[str]
) -> set[str]:
    columns = f"SELECT {owner}, email, linkedin_url FROM {warehouse.name(table)} WHERE "
    emails = {email.strip().lower() for email, _ in identifiers if email}
    rows = [
        row
        for some in portions(emails)
        for row in warehouse.rows(f"{columns} lower(trim(email)) IN ({marks(some)})", *some)
    ] + [
        row
        for some in portions({_slug(url) for _, url in identifiers if url}, _PATTERNS_AT_ONCE)
        for row in warehouse.rows(f"{columns} {_contains('linkedin_url', some)}", *some)
    ]
    return {row[0] for row in rows if not keys.isdisjoint(identifier_keys(row[1], row[2]))}


def rejects_quoting(warehouse: Warehouse, identifiers: Identifiers, keys: set[str]) -> set[str]:
    """Rejects that quote one of the identifiers; an input row that could not be read has no key."""
    patterns = {f"%{email.strip().lower()}%" for email, _ in identifiers if email}
    patterns |= {_slug(url) for _, url in identifiers if url}
    return {
        row[0]
        for some in portions(patterns, _PATTERNS_AT_ONCE)
        for row in warehouse.rows(
            f"SELECT reject_id, raw FROM {warehouse.name(REJECTS.name)} "
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


def portions(keys: Iterable[str], size: int = _AT_ONCE) -> Iterator[Sequence[str]]:
    """``keys``, as many at a time as one statement may hold."""
    ordered = sorted(keys)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def marks(values: Sequence[str]) -> str:
    """A parameter's place for each value."""
    return ", ".join(["%s"] * len(values))
