"""When two leads are the same lead: normalisation and ``lead_key``, defined once.

The definitions are DuckDB macros, because a million inputs, the rows the API echoes and a single
lookup must get the same key from the same expression. What is folded:

==================  ===============================================================
field               two spellings are one when they differ in
==================  ===============================================================
e-mail              case, white space around it
LinkedIn URL        scheme, ``www.``, query, fragment, trailing slash, case
domain              scheme, ``www.``, path, port, case, trailing dot
names and titles    white space (also of the Unicode kind), case, composed accents
==================  ===============================================================

A bare LinkedIn slug stays a slug: ``jane-doe`` and ``linkedin.com/in/jane-doe`` are two keys.
A stored key outlives the version that made it, so a change to any expression here makes every
lead of every user look new, and be paid for again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from functools import lru_cache

import duckdb

from amplemarket_source.model import COMPANIES, PEOPLE, Kind

__all__ = [
    "IDENTIFIERS",
    "identifier_key_sql",
    "identifier_keys",
    "install_identity",
    "lead_key",
    "lead_key_sql",
    "normal_columns_sql",
    "person_key",
]

IDENTIFIERS = ("email", "linkedin_url")
"""The fields that name one person all by themselves."""

# RE2's \s knows ASCII only. U+FEFF and U+200B are not white space to Unicode, but they arrive as
# invisible leftovers of copying from a web page or a spreadsheet.
_SPACE = r"\x09-\x0D\x1C-\x20\x{85}\x{200B}\x{FEFF}\p{Z}"
# U+FFFD is what is left of a character that something upstream could not decode.
_UNPRINTABLE = r"[\x00-\x08\x0E-\x1F\x7F-\x{84}\x{86}-\x{9F}\x{FFFD}]"
_SCHEME_AND_WWW = r"^( |([a-z][a-z0-9+.-]*:)?//|www\.)+"
# No RFC 5322: its quoted local parts and comments are nobody's address, and the API refuses a
# whole batch for one value that is not of format "email" (api-notes: lead-keys).
_ATOM = rf"[^@<>(),;:\"\[\]\\{_SPACE}]"
_LABEL = rf"[^@<>(),;:\"\[\]\\.{_SPACE}]+"
_EMAIL = rf"{_ATOM}+@{_LABEL}(\.{_LABEL})+"

_LONGEST_VALUE = 2_000

_NORMAL_FORM = {
    "email": "normal_email",
    "linkedin_url": "normal_linkedin",
    "company_domain": "normal_domain",
    "company_name": "normal_name",
    "name": "normal_name",
    "title": "normal_name",
    "domain": "normal_domain",
}
_ENOUGH = {
    "people": """(normal_email IS NOT NULL OR normal_linkedin_url IS NOT NULL
            OR (coalesce(normal_name, normal_title) IS NOT NULL
                AND coalesce(normal_company_domain, normal_company_name) IS NOT NULL))""",
    "companies": "(normal_domain IS NOT NULL OR normal_linkedin_url IS NOT NULL)",
}


def _literal(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"


def _key_of_normal(kind: Kind) -> str:
    # chr(31) and chr(30) cannot occur in a normalised value (they fold to a space), so they keep
    # the fields of a key apart; concat leaves out the fields that are null.
    parts = ", ".join(
        f"'{field}' || chr(31) || normal_{field} || chr(30)" for field in kind.identifying
    )
    return f"substr(sha256(concat('{kind.name}', chr(30), {parts})), 1, 32)"


def _problem_of(kind: Kind) -> str:
    lengths = ", ".join(f"length({field})" for field in kind.identifying)
    malformed_email = f"""
            WHEN email IS NOT NULL
                AND NOT coalesce(regexp_full_match(normal_email, {_literal(_EMAIL)}), false)
                THEN 'email_malformed'"""
    return f"""
        CASE
            WHEN greatest({lengths}) > {_LONGEST_VALUE} THEN 'value_too_long'
            WHEN regexp_matches(concat({", ".join(kind.identifying)}), {_literal(_UNPRINTABLE)})
                THEN 'unprintable_character'
            {malformed_email if "email" in kind.identifying else ""}
            WHEN contains(normal_linkedin_url, ' ') THEN 'linkedin_url_malformed'
            WHEN NOT {_ENOUGH[kind.name]} THEN 'not_enough_to_identify'
        END"""


def _kind_macros(kind: Kind) -> dict[str, str]:
    fields = ", ".join(kind.identifying)
    normal = ", ".join(f"normal_{field}" for field in kind.identifying)
    normalised = ", ".join(f"{_NORMAL_FORM[field]}({field})" for field in kind.identifying)
    return {
        f"{kind.name}_key_of_normal({normal})": _key_of_normal(kind),
        f"{kind.name}_lead_key({fields})": f"{kind.name}_key_of_normal({normalised})",
        f"{kind.name}_lead_problem({fields}, {normal})": _problem_of(kind),
    }


_MACROS: dict[str, str] = {
    "folded(value)": f"""
        trim(regexp_replace(nfc_normalize(value), {_literal(f"[{_SPACE}]+")}, ' ', 'g'))""",
    "trimmed(value)": f"""
        nullif(regexp_replace(value, {_literal(f"^[{_SPACE}]+|[{_SPACE}]+$")}, '', 'g'), '')""",
    "normal_email(value)": "nullif(nfc_normalize(lower(folded(value))), '')",
    "normal_linkedin(value)": rf"""
        nullif(regexp_replace(regexp_replace(regexp_replace(
            nfc_normalize(lower(folded(value))),
            '{_SCHEME_AND_WWW}', ''), '[?#].*$', ''), '[/ ]+$', ''), '')""",
    # A URL is no domain to the API (api-notes: domains).
    "normal_domain(value)": rf"""
        nullif(regexp_replace(regexp_replace(regexp_replace(
            nfc_normalize(lower(folded(value))),
            '{_SCHEME_AND_WWW}', ''), '[/?#:].*$', ''), '[. ]+$', ''), '')""",
    # upper before lower folds what lower alone leaves apart (final sigma, long s); full case
    # folding, which DuckDB does not have, would also write the sharp s as ss
    # (api-notes: duckdb-case).
    "normal_name(value)": """
        nullif(nfc_normalize(replace(lower(upper(folded(value))), 'ß', 'ss')), '')""",
    "lead_id(lead_key, external_id)": """
        substr(sha256(lead_key || coalesce(chr(31) || external_id, '')), 1, 32)""",
    **_kind_macros(PEOPLE),
    **_kind_macros(COMPANIES),
}


def install_identity(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB connection the macros of this module.

    They are temporary: every connection (also a ``cursor()``, which is one) needs its own call,
    a read-only database takes them too, and no file keeps them.

    ``normal_email``, ``normal_linkedin``, ``normal_domain``, ``normal_name`` take text and give
    the normal form, null where nothing is left. ``people_lead_key(email, linkedin_url,
    company_domain, company_name, name, title)`` and ``companies_lead_key(domain, linkedin_url)``
    give 32 hexadecimal characters; null and ``''`` count the same. ``lead_id(lead_key,
    external_id)`` tells null from ``''``.

    Where many leads pass, :func:`normal_columns_sql` computes the normal forms once, and
    ``people_key_of_normal`` and ``companies_key_of_normal`` take them. ``people_lead_problem``
    and ``companies_lead_problem`` take the fields and then the normal forms; they give null for a
    lead that can be sent and else a reason: ``value_too_long`` (2,000 characters),
    ``unprintable_character``, ``email_malformed``, ``linkedin_url_malformed``,
    ``not_enough_to_identify``.

    Example::

        >>> connection = duckdb.connect()
        >>> install_identity(connection)
        >>> connection.sql("SELECT normal_domain('https://www.Acme.example:443/x')").fetchone()
        ('acme.example',)
    """
    for signature, expression in _MACROS.items():
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {signature} AS ({expression})")


def lead_key_sql(kind: Kind, prefix: str = "") -> str:
    """The SQL expression of ``lead_key`` over columns named as ``kind.identifying``.

    Args:
        kind: people or companies.
        prefix: what stands before each column, such as ``"r."``.

    Example::

        >>> lead_key_sql(COMPANIES, "r.")
        'companies_lead_key(r.domain, r.linkedin_url)'
    """
    return f"{kind.name}_lead_key({', '.join(prefix + field for field in kind.identifying)})"


def normal_columns_sql(kind: Kind) -> str:
    """A select list that adds ``normal_<field>`` for each identifying field of ``kind``.

    Example::

        >>> normal_columns_sql(COMPANIES).split(", ")[0]
        'normal_domain(domain) AS normal_domain'
    """
    return ", ".join(
        f"{_NORMAL_FORM[field]}({field}) AS normal_{field}" for field in kind.identifying
    )


def lead_key(kind: Kind, fields: Mapping[str, str | None]) -> str:
    """The key of one lead: 32 lower-case hexadecimal characters, as the SQL would give it.

    Args:
        kind: people or companies.
        fields: values by field name; a field that is missing counts as null, others are ignored.

    Example::

        >>> spelt = {"email": " Jane@Acme.example "}
        >>> lead_key(PEOPLE, spelt) == lead_key(PEOPLE, {"email": "jane@acme.example"})
        True
    """
    values = [fields.get(field) for field in kind.identifying]
    marks = ", ".join("?::VARCHAR" for _ in values)
    connection, lock = _private_connection()
    with lock:
        rows = connection.execute(f"SELECT {kind.name}_lead_key({marks})", values).fetchall()
    return str(rows[0][0])


def identifier_keys(email: str | None, linkedin_url: str | None) -> list[str]:
    """The keys of each identifier of a person alone, as `lead_key` makes them."""
    given = {"email": email, "linkedin_url": linkedin_url}
    return [lead_key(PEOPLE, {name: value}) for name, value in given.items() if value]


def identifier_key_sql(identifier: str, prefix: str = "") -> str:
    """The SQL expression of the key of one identifier alone, whatever else a lead says.

    Example::

        >>> identifier_key_sql("email", "a.")
        'people_lead_key(a.email, NULL, NULL, NULL, NULL, NULL)'
    """
    columns = dict.fromkeys(PEOPLE.identifying, "NULL") | {identifier: prefix + identifier}
    return f"people_lead_key({', '.join(columns.values())})"


def person_key(person_id: str) -> str:
    """The key under which an API person id is suppressed."""
    return hashlib.sha256(f"person\x1e{person_id}".encode(errors="replace")).hexdigest()[:32]


@lru_cache(maxsize=1)
def _private_connection() -> tuple[duckdb.DuckDBPyConnection, threading.Lock]:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    install_identity(connection)
    return connection, threading.Lock()
