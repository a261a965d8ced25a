"""Who is meant: the leads, people and rejects behind an identifier, in whatever spelling.

A person is named by an e-mail address, a LinkedIn URL or the API's id, stands in many rows under
many spellings, and may have two ids at the API. So who is meant is found step by step: from leads
to the people they found, from people to what they are called, from that to other leads and other
people, until nothing new is found.

The destination only narrows a search down, by what all spellings have in common; whether two
spellings are one is for the key to say (`amplemarket_source.identity`). What cannot be one person's
own, such as ``n/a`` in a column of addresses, leads to nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from amplemarket_source.kinds import OF_PEOPLE
from amplemarket_source.kinds import PEOPLE as PEOPLE_KIND
from amplemarket_source.privacy.keys import (
    Name,
    Pair,
    identifier_keys_of,
    keys_quoted,
    names,
    person_key,
)
from amplemarket_source.schema.bookkeeping import (
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ERASURES,
    LEADS,
    REJECTS,
)
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import PEOPLE, TABLES
from amplemarket_source.warehouse.client import Warehouse

__all__ = [
    "Meant",
    "everyone_meant",
    "is_known",
    "leads_quoting",
    "leads_told",
    "marks",
    "people_at",
    "people_named_by",
    "portions",
    "quotes_of",
    "rejects_quoting",
    "requests_quoting",
    "suppressed_keys",
    "tables_of_people",
    "was_erased",
]

_AT_ONCE = 500  # keys in one statement; warehouses limit the length of a statement
_PATTERNS_AT_ONCE = 100


@dataclass
class Meant:
    """Everything that leads to the people who are meant.

    Attributes:
        lead_keys: of their leads.
        identifier_keys: of each of their identifiers alone.
        people: ids at the API.
        names: their identifiers.
    """

    lead_keys: set[str] = field(default_factory=set)
    identifier_keys: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    names: set[Name] = field(default_factory=set)

    @property
    def person_keys(self) -> dict[str, str]:
        """The keys of their ids, and of which id each is."""
        return {person_key(person): person for person in self.people}

    @property
    def keys(self) -> set[str]:
        """Every key under which they are kept out."""
        return self.lead_keys | self.identifier_keys | set(self.person_keys)


def everyone_meant(
    warehouse: Warehouse, *, keys: Iterable[str], pairs: Iterable[Pair], people: Iterable[str]
) -> Meant:
    """All that is known of the people behind some leads, identifiers and ids.

    Args:
        keys: of leads, or of identifiers alone.
        pairs: e-mail addresses and LinkedIn URLs, as somebody spells them.

    Raises:
        DestinationError: the destination refused.
    """
    meant = Meant()
    new_keys, new_people, asked_for = set(keys), set(people), set(names(pairs))
    while new_keys or new_people or asked_for:
        meant.lead_keys |= new_keys
        meant.people |= new_people
        called = {name for name in _called(warehouse, new_keys, new_people) if name.is_of_one}
        new_names = (called | asked_for) - meant.names
        meant.names |= new_names
        alone = {key for name in new_names for key in name.keys}
        meant.identifier_keys |= alone
        leads = _leads_called(warehouse, new_names) | _leads_that_found(warehouse, new_people)
        # A lead that says nothing but an identifier has the key of that alone.
        ids = _people_called(warehouse, new_names)
        ids |= _found_by(warehouse, new_keys | leads | alone)
        new_keys, new_people, asked_for = leads - meant.lead_keys, ids - meant.people, set()
    return meant


def is_known(warehouse: Warehouse, meant: Meant) -> bool:
    """Whether any table says something of the people, or of a lead of theirs."""
    if meant.lead_keys or rejects_quoting(warehouse, meant) or leads_quoting(warehouse, meant):
        return True
    return warehouse.has_table(PEOPLE.name) and any(
        warehouse.rows(
            f"SELECT 1 FROM {warehouse.name(PEOPLE.name)} WHERE id IN ({marks(some)})", *some
        )
        for some in portions(meant.people)
    )


def leads_told(warehouse: Warehouse, meant: Meant) -> int:
    """How many input rows say something of the people."""
    told = " OR ".join(f"{name} IS NOT NULL" for name in PEOPLE_KIND.identifying)
    return sum(
        int(
            warehouse.rows(
                f"SELECT count(*) FROM {warehouse.name(LEADS.name)} "
                f"WHERE {OF_PEOPLE} AND ({told}) AND lead_key IN ({marks(some)})",
                *some,
            )[0][0]
        )
        for some in portions(meant.keys)
    )


def was_erased(warehouse: Warehouse, meant: Meant) -> bool:
    """Whether the people are kept out already."""
    return any(
        warehouse.rows(
            f"SELECT 1 FROM {warehouse.name(ERASURES.name)} "
            f"WHERE reason <> 'retention' AND erasure_key IN ({marks(some)})",
            *some,
        )
        for some in portions(meant.keys)
    )


def suppressed_keys(warehouse: Warehouse) -> set[str]:
    """The keys of everyone who is kept out."""
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    rows = warehouse.rows(
        f"SELECT lead_key FROM {results} WHERE kind = 'people' AND status = 'gdpr_removed'"
    )
    return {row[0] for row in rows}


def tables_of_people() -> list[Table]:
    """The tables with rows about a person, in the order in which they are emptied.

    ``people`` last: a person that is left can be found again.
    """
    others = [
        table
        for table in TABLES.values()
        if table.column("person_id") is not None and table is not ENRICHMENT_RESULTS
    ]
    return [*others, PEOPLE]


def people_at(warehouse: Warehouse, load_id: str | None = None) -> Iterator[pa.Table]:
    """``id, email, linkedin_url`` of everyone in the tables, or of those whom a load wrote."""
    if not warehouse.has_table(PEOPLE.name):
        return
    everyone = f"SELECT id, email, linkedin_url FROM {warehouse.name(PEOPLE.name)}"
    if load_id is None:
        yield from warehouse.read(everyone)
    else:
        yield from warehouse.read(f"{everyone} WHERE _dlt_load_id = %s", load_id)


def people_named_by(keys: set[str], people: Iterable[pa.Table]) -> Iterator[str]:
    """The ids of the people whom a key names: by their id, or by one identifier alone."""
    for some in people:
        # By place: warehouses differ in the case of the names they give back.
        ids, emails, urls = (column.to_pylist() for column in some.columns)
        alone = identifier_keys_of(list(zip(emails, urls, strict=True)))
        for person, identifiers in zip(ids, alone, strict=True):
            if person_key(person) in keys or not keys.isdisjoint(identifiers):
                yield person


def _found_by(warehouse: Warehouse, keys: set[str]) -> set[str]:
    """The people that leads have found."""
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    return {
        row[0]
        for some in portions(keys)
        for row in warehouse.rows(
            f"SELECT person_id FROM {results} WHERE kind = 'people' "
            f"AND person_id IS NOT NULL AND lead_key IN ({marks(some)})",
            *some,
        )
    }


def _leads_that_found(warehouse: Warehouse, people: set[str]) -> set[str]:
    results = warehouse.name(ENRICHMENT_RESULTS.name)
    return {
        row[0]
        for some in portions(people)
        for row in warehouse.rows(
            f"SELECT lead_key FROM {results} WHERE kind = 'people' "
            f"AND person_id IN ({marks(some)})",
            *some,
        )
    }


def _called(warehouse: Warehouse, keys: set[str], people: set[str]) -> set[Name]:
    """What leads and people are called, in every spelling that a table has."""
    sources = [(LEADS.name, f"{OF_PEOPLE} AND lead_key", keys)]
    if people and warehouse.has_table(PEOPLE.name):
        sources.append((PEOPLE.name, "id", people))
    pairs = {
        (row[0], row[1])
        for table, column, values in sources
        for some in portions(values)
        for row in warehouse.rows(
            f"SELECT email, linkedin_url FROM {warehouse.name(table)} "
            f"WHERE {column} IN ({marks(some)})",
            *some,
        )
    }
    return set(names(pairs))


def _leads_called(warehouse: Warehouse, called: set[Name]) -> set[str]:
    """Keys of the leads that have one of the names, also beside other fields."""
    return _owners(warehouse, LEADS.name, "lead_key", called)


def _people_called(warehouse: Warehouse, called: set[Name]) -> set[str]:
    """Ids of the people who have one of the names."""
    if not called or not warehouse.has_table(PEOPLE.name):
        return set()
    return _owners(warehouse, PEOPLE.name, "id", called)


def _owners(warehouse: Warehouse, table: str, owner: str, called: set[Name]) -> set[str]:
    found: dict[Pair, set[str]] = {}
    for column in ("email", "linkedin_url"):
        patterns = {_pattern(name) for name in called if name.field == column}
        for some in portions(patterns, _PATTERNS_AT_ONCE):
            for row in warehouse.rows(
                f"SELECT {owner}, email, linkedin_url FROM {warehouse.name(table)} "
                f"WHERE {_contains(column, some)}",
                *some,
            ):
                found.setdefault((row[1], row[2]), set()).add(row[0])
    wanted = {key for name in called for key in name.keys}
    keys_of_pairs = identifier_keys_of(list(found))
    return {
        one
        for ids, keys in zip(found.values(), keys_of_pairs, strict=True)
        if not wanted.isdisjoint(keys)
        for one in ids
    }


def rejects_quoting(warehouse: Warehouse, meant: Meant) -> set[str]:
    """``reject_id`` of what quotes one of the people; an input row that was refused has no key."""
    return _quoting(warehouse, REJECTS.name, "reject_id", "raw", meant)


def leads_quoting(warehouse: Warehouse, meant: Meant) -> set[str]:
    """``lead_id`` of the input rows whose ``external_id`` quotes one of the people."""
    return _quoting(warehouse, LEADS.name, "lead_id", "external_id", meant)


def requests_quoting(warehouse: Warehouse, meant: Meant) -> set[str]:
    """``request_key`` of the requests whose ``error_detail`` quotes one of the people."""
    table = ENRICHMENT_REQUESTS.name
    return _quoting(warehouse, table, "request_key", "error_detail", meant)


def _quoting(warehouse: Warehouse, table: str, key: str, column: str, meant: Meant) -> set[str]:
    patterns = {_pattern(name) for name in meant.names}
    patterns |= {f"%{_common(person.lower())}%" for person in meant.people}
    rows = {
        row[0]: row[1]
        for some in portions(patterns, _PATTERNS_AT_ONCE)
        for row in warehouse.rows(
            f"SELECT {key}, {column} FROM {warehouse.name(table)} WHERE {_contains(column, some)}",
            *some,
        )
    }
    wanted = meant.identifier_keys | set(meant.person_keys)
    return {
        one
        for one, keys in zip(rows, quotes_of(list(rows.values())), strict=True)
        if not wanted.isdisjoint(keys)
    }


def quotes_of(raws: Sequence[str]) -> list[set[str]]:
    """The keys of the identifiers, and of the ids, that stand anywhere in each JSON text."""
    said = [list(_said(raw)) for raw in raws]
    fields = [dict(texts) for texts in said]
    pairs = [(f.get("email"), f.get("linkedin_url") or f.get("linkedin_id")) for f in fields]
    quoted = keys_quoted(["\n".join(text for _, text in texts) for texts in said])
    return [
        keys | alone | {person_key(text) for key, text in texts if key == "id"}
        for keys, alone, texts in zip(quoted, identifier_keys_of(pairs), said, strict=True)
    ]


def _said(raw: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON text with the key it stands under, and every key."""
    try:
        waiting: list[tuple[str, Any]] = [("", json.loads(raw))]
    except (ValueError, RecursionError):
        yield "", raw
        return
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            yield from (("", name) for name in value)
            # A row of an input has its columns as its header spells them.
            waiting += ((name.lower().replace(" ", "_"), item) for name, item in value.items())
        elif isinstance(value, list):
            waiting += ((key, item) for item in value)
        elif isinstance(value, (str, int)):
            yield key, str(value)


def _pattern(name: Name) -> str:
    """A LIKE pattern for what every spelling of an identifier has in common."""
    # Of a profile the last part: it may stand on any host, or alone.
    return f"%{_common(name.normal.removeprefix('linkedin.com/in/'))}%"


def _common(normal: str) -> str:
    """What the spellings of a text in lower case have in common, in lower case.

    A letter beyond ASCII may be written composed or not, or percent-encoded, and has another lower
    case at each destination; the letter before it may be a part of it. Four letters of ASCII have
    a twin beyond it. A backslash is an escape to some destinations, and JSON may have one before a
    slash.
    """
    common = re.sub(r"[ -~]?[^ -~]+|[ /]+", "%", normal)
    return re.sub(r"[ik;`\\]", "_", common)


def _contains(column: str, patterns: Sequence[str]) -> str:
    return "(" + " OR ".join([f"lower({column}) LIKE %s"] * len(patterns)) + ")"


def portions(keys: Iterable[str], size: int = _AT_ONCE) -> Iterator[Sequence[str]]:
    """``keys``, as many at a time as one statement may hold."""
    ordered = sorted(keys)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def marks(values: Sequence[str]) -> str:
    """A parameter's place for each value."""
    return ", ".join(["%s"] * len(values))
