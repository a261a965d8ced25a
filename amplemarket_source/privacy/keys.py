"""Under which keys a person is known and suppressed, by whatever spelling of an identifier.

Made by the macros of `amplemarket_source.identity`, as the keys of leads are: a lead with one
identifier and nothing else has the key of that identifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from amplemarket_source.identity import identifier_keys_sql, quoted_keys_sql, rows_with_identity

__all__ = [
    "IDENTIFIERS",
    "Name",
    "Pair",
    "identifier_keys",
    "identifier_keys_of",
    "keys_quoted",
    "names",
    "person_key",
]

IDENTIFIERS = ("email", "linkedin_url")
"""The fields that name one person all by themselves."""

Pair = tuple[str | None, str | None]
"""``(email, linkedin_url)`` of somebody, in some spelling."""


@dataclass(frozen=True)
class Name:
    """One identifier of a person, whatever the spelling.

    Attributes:
        normal: what all spellings of it have in common; text in lower case.
        keys: under which a lead with it, and nothing else, is known or suppressed.
        is_of_one: it is of the form of what one person has: an e-mail address, the URL of a
            profile. ``n/a`` in a column of addresses names everybody who has none.
        may_be_profile: the URL of a profile, or the last part of one alone.
    """

    field: str
    normal: str
    keys: frozenset[str]
    is_of_one: bool
    may_be_profile: bool = False


def names(pairs: Iterable[Pair]) -> list[Name]:
    """The identifiers in ``pairs``, each once; what says nothing is left out.

    Example::

        >>> spelt = (" Ada@Example.com ", "https://de.linkedin.com/in/Ada/#about")
        >>> [name.normal for name in names([spelt])]
        ['ada@example.com', 'linkedin.com/in/ada']
    """
    distinct = list(set(pairs))
    emails, urls = (_texts(pair[place] for pair in distinct) for place in (0, 1))
    found = rows_with_identity(
        pa.table({"email": emails, "url": urls}),
        """
        SELECT 'email', normal_email(email), email_key(email), NULL, is_email(email), false
        FROM given WHERE normal_email(email) IS NOT NULL
        UNION
        SELECT 'linkedin_url', coalesce(linkedin_profile(url), normal_linkedin(url)),
            linkedin_key(url), profile_key(url), is_linkedin(url),
            is_linkedin(url) OR linkedin_profile(url) IS NOT NULL
        FROM given WHERE normal_linkedin(url) IS NOT NULL
        ORDER BY ALL
        """,
    )
    return [
        Name(field, normal, frozenset(filter(None, keys)), is_of_one, may_be_profile)
        for field, normal, *keys, is_of_one, may_be_profile in found
    ]


def identifier_keys(email: str | None, linkedin_url: str | None) -> list[str]:
    """The keys of each identifier of a person alone, as `lead_key` makes them.

    A LinkedIn URL has a second one, of the profile that it means (``profile_key``).
    """
    return sorted(identifier_keys_of([(email, linkedin_url)])[0])


def identifier_keys_of(pairs: Sequence[Pair]) -> list[set[str]]:
    """The same for many at once, in their order."""
    given = pa.table(
        {
            "place": pa.array(range(len(pairs)), pa.int64()),
            "email": _texts(email for email, _ in pairs),
            "linkedin_url": _texts(url for _, url in pairs),
        }
    )
    keys = ", ".join(identifier_keys_sql())
    rows = rows_with_identity(given, f"SELECT {keys} FROM given ORDER BY place")
    return [set(filter(None, row)) for row in rows]


def keys_quoted(texts: Sequence[str]) -> list[set[str]]:
    """The keys of the identifiers that stand anywhere in each text.

    Example::

        >>> keys_quoted(["Ada <ADA@x.example>"]) == [set(identifier_keys("ada@x.example", None))]
        True
    """
    table = pa.table({"place": pa.array(range(len(texts)), pa.int64()), "text": _texts(texts)})
    found = rows_with_identity(table, f"SELECT {quoted_keys_sql('text')} FROM given ORDER BY place")
    return [set(keys) for (keys,) in found]


def _texts(values: Iterable[str | None]) -> pa.Array:
    # A lone surrogate is in nobody's key, and no column takes it.
    return pa.array(
        [None if value is None else value.encode(errors="replace").decode() for value in values],
        pa.string(),
    )


def person_key(person_id: str) -> str:
    """The key under which an API person id is suppressed."""
    return hashlib.sha256(f"person\x1e{person_id}".encode(errors="replace")).hexdigest()[:32]
