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
What cannot be a field of its kind, such as ``n/a`` for an address, has a *problem*; it is not sent,
and no part of the key.

Where somebody is erased more is folded, because no purchase hangs on it: a profile is the same on
``de.linkedin.com``, on its sub-pages, percent-encoded and as a bare slug (``profile_key``).

A stored key outlives the version that made it, so a change to any expression here makes every
lead of every user look new, and be paid for again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from amplemarket_source.kinds import KINDS, LEAD_FIELDS, Kind

__all__ = [
    "LONGEST_VALUE",
    "address_keys",
    "field_problems_sql",
    "identified_sql",
    "identifier_keys_sql",
    "install_identity",
    "is_plain_sql",
    "lead_key_sql",
    "normal_columns_sql",
    "quoted_keys_sql",
    "rows_with_identity",
]

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
_PROFILE = r"^(?:[a-z0-9-]+\.)?linkedin\.com/+in/+([^/]+)"
_SLUG = rf"^([^/.:@{_SPACE}]+)$"
# "linkedin.com/in" is what is left of anybody's URL, and a company's page is not one person's.
_PATH_OF_ONE = r"[^/ ]+\.[^/ ]+/+[^/ ]+/+[^ ]+"
_PATH_OF_MANY = r"^[^/]+/+(company|school|showcase|groups|jobs|posts|feed)/"
# Where an address stands in a text: first with all that may belong to it, then as it is as a rule,
# so that neither a quotation mark nor a name before it hides it.
_QUOTED_EMAILS = (_EMAIL, r"[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+")
_QUOTED_URLS = (
    rf"(?:[a-z0-9-]+\.)?linkedin\.com/[^{_SPACE}\"'<>()\[\],;|\\]+",
    r"linkedin\.com/in/[\pL\pN%_-]+",
)

_ON_LINKEDIN = r"^([a-z0-9-]+\.)*linkedin\.[a-z]+/+[^/ ]"
_OF_A_PERSON = r"linkedin\.[a-z]+/+(in|pub)/"
_OF_A_COMPANY = r"linkedin\.[a-z]+/+(company|school|showcase|organization|groups|jobs|posts|feed)/"
# Most values are plain already. That is seen at a fifth of what it costs to make them so.
_FOLDED = r"[!-~]+( [!-~]+)*"
_FOLDED_URL = r"(?i)(https?://)?(www\.)?linkedin\.com/[a-z0-9/_%.-]*"
_FOLDED_DOMAIN = r"(?i)([a-z0-9-]+\.)+[a-z0-9-]+"

_NO_SLUG = "('none', 'null', 'nan', 'unknown', 'undefined', 'empty', 'tbd')"
_PLAIN_DOMAIN = r"([a-z0-9][a-z0-9-]*\.)+[a-z]+"
_DNS_LABEL = r"[\pL\pN_]([\pL\pM\pN_-]*[\pL\pM\pN_])?"
_DOMAIN = rf"({_DNS_LABEL}\.)+(xn--[a-z0-9-]+|\pL[\pL\pM]+)"
_LONGEST_DOMAIN = 253

LONGEST_VALUE = 2_000
"""Characters of a field; what is longer is no name, and could make the API refuse a request."""

_NORMAL_FORM = {
    "email": "normal_email",
    "linkedin_url": "normal_linkedin",
    "company_domain": "normal_domain",
    "company_name": "normal_name",
    "name": "normal_name",
    "title": "normal_name",
    "domain": "normal_domain",
}
# A name that was given and cannot be one leaves a search for somebody else.
_ENOUGH = {
    "people": """(normal_email IS NOT NULL OR normal_linkedin_url IS NOT NULL
            OR (coalesce(normal_name, normal_title) IS NOT NULL
                AND coalesce(problem_name, problem_title) IS NULL
                AND coalesce(normal_company_domain, normal_company_name) IS NOT NULL))""",
    "companies": "(normal_domain IS NOT NULL OR normal_linkedin_url IS NOT NULL)",
    "emails": "(normal_email IS NOT NULL)",
}
_INPUT_KIND = {
    "people": """CASE WHEN normal_email IS NOT NULL THEN 'email'
            WHEN normal_linkedin_url IS NOT NULL THEN 'linkedin_url' ELSE 'name' END""",
    "companies": "CASE WHEN normal_domain IS NOT NULL THEN 'domain' ELSE 'linkedin_url' END",
    "emails": "'email'",
}


def _literal(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"


def _let(name: str, value: str, expression: str) -> str:
    """``expression`` over ``name``, which stands for ``value``.

    DuckDB puts a macro's arguments into its text. What is named twice there is planned twice, and
    by macros of macros eight times: a query of one row took 60 ms to plan.
    """
    return f"list_transform([{value}], lambda {name}: {expression})[1]"


def _all_of(patterns: tuple[str, ...]) -> str:
    found = (f"regexp_extract_all(text, {_literal(p)})" for p in patterns)
    return _let("text", "lower(folded(value))", f"list_distinct(flatten([{', '.join(found)}]))")


def _key_of_normal(kind: Kind) -> str:
    # chr(31) and chr(30) cannot occur in a normalised value (they fold to a space), so they keep
    # the fields of a key apart; concat leaves out the fields that are null.
    parts = ", ".join(
        f"'{field}' || chr(31) || normal_{field} || chr(30)" for field in kind.identifying
    )
    return f"substr(sha256(concat('{kind.name}', chr(30), {parts})), 1, 32)"


def _kind_macros(kind: Kind) -> dict[str, str]:
    fields = ", ".join(kind.identifying)
    normal = ", ".join(f"normal_{field}" for field in kind.identifying)
    normalised = ", ".join(f"{_NORMAL_FORM[field]}({field})" for field in kind.identifying)
    return {
        f"{kind.name}_key_of_normal({normal})": _key_of_normal(kind),
        f"{kind.name}_lead_key({fields})": f"{kind.name}_key_of_normal({normalised})",
    }


_MACROS: dict[str, str] = {
    "folded(value)": f"""
        CASE WHEN regexp_full_match(value, {_literal(_FOLDED)}) THEN value ELSE
            trim(regexp_replace(nfc_normalize(value), {_literal(f"[{_SPACE}]+")}, ' ', 'g'))
        END""",
    "trimmed(value)": f"""
        CASE WHEN regexp_full_match(value, {_literal(_FOLDED)}) THEN value ELSE
            nullif(regexp_replace(value, {_literal(f"^[{_SPACE}]+|[{_SPACE}]+$")}, '', 'g'), '')
        END""",
    "normal_email(value)": "nullif(nfc_normalize(lower(folded(value))), '')",
    "normal_linkedin(value)": rf"""
        CASE WHEN regexp_full_match(value, {_literal(_FOLDED_URL)})
            THEN rtrim(substr(lower(value), strpos(lower(value), 'linkedin.com')), '/') ELSE
            nullif(regexp_replace(regexp_replace(regexp_replace(
                nfc_normalize(lower(folded(value))),
                '{_SCHEME_AND_WWW}', ''), '[?#].*$', ''), '[/ ]+$', ''), '')
        END""",
    # A URL is no domain to the API (api-notes: domains).
    "normal_domain(value)": rf"""
        CASE WHEN regexp_full_match(value, {_literal(_FOLDED_DOMAIN)})
                AND NOT starts_with(lower(value), 'www.')
            THEN lower(value) ELSE
            nullif(regexp_replace(regexp_replace(regexp_replace(
                nfc_normalize(lower(folded(value))),
                '{_SCHEME_AND_WWW}', ''), '[/?#:].*$', ''), '[. ]+$', ''), '')
        END""",
    # upper before lower folds what lower alone leaves apart (final sigma, long s); full case
    # folding, which DuckDB does not have, would also write the sharp s as ss
    # (api-notes: duckdb-case).
    "normal_name(value)": f"""
        CASE WHEN regexp_full_match(value, {_literal(_FOLDED)}) THEN lower(value) ELSE
            nullif(nfc_normalize(replace(lower(upper(folded(value))), 'ß', 'ss')), '')
        END""",
    **{name: macro for kind in KINDS for name, macro in _kind_macros(kind).items()},
    "text_problem(value)": f"""
        CASE WHEN strlen(value) <= {LONGEST_VALUE} AND regexp_full_match(value, '[ -~]*') THEN NULL
            WHEN length(value) > {LONGEST_VALUE} THEN 'value_too_long'
            WHEN regexp_matches(value, {_literal(_UNPRINTABLE)}) THEN 'unprintable_character'
        END""",
    "can_be_email(normal)": f"regexp_full_match(normal, {_literal(_EMAIL)})",
    "can_be_domain(normal)": f"""
        length(normal) <= {_LONGEST_DOMAIN} AND CASE
            WHEN regexp_full_match(normal, {_literal(_PLAIN_DOMAIN)}) THEN true
            -- A pattern with letters of all scripts takes two hundred times as long.
            ELSE regexp_full_match(normal, {_literal(_DOMAIN)}) END""",
    "can_be_slug(normal)": f"""
        length(normal) > 2 AND regexp_matches(normal, {_literal(_SLUG)})
            AND normal NOT IN {_NO_SLUG}""",
    "can_be_profile(normal)": f"""
        can_be_slug(normal) OR (regexp_matches(normal, {_literal(_ON_LINKEDIN)})
            AND NOT contains(normal, ' ')
            AND NOT regexp_matches(normal, {_literal(_OF_A_COMPANY)}))""",
    "can_be_page(normal)": f"""
        can_be_slug(normal) OR (regexp_matches(normal, {_literal(_ON_LINKEDIN)})
            AND NOT contains(normal, ' ')
            AND NOT regexp_matches(normal, {_literal(_OF_A_PERSON)}))""",
    "email_key(value)": _let(
        "normal",
        "normal_email(value)",
        """CASE WHEN normal IS NOT NULL
            THEN people_key_of_normal(normal, NULL, NULL, NULL, NULL, NULL) END""",
    ),
    "address_key(value)": _let(
        "normal",
        "normal_email(value)",
        "CASE WHEN normal IS NOT NULL THEN emails_key_of_normal(normal) END",
    ),
    "linkedin_key(value)": _let(
        "normal",
        "normal_linkedin(value)",
        """CASE WHEN normal IS NOT NULL
            THEN people_key_of_normal(NULL, normal, NULL, NULL, NULL, NULL) END""",
    ),
    "decoded(value)": _let(
        "url", "value", "nfc_normalize(lower(coalesce(try(url_decode(url)), url)))"
    ),
    "profile_of_normal(value)": _let(
        "path",
        "decoded(value)",
        f"""'linkedin.com/in/' || coalesce(
            nullif(regexp_extract(path, {_literal(_PROFILE)}, 1), ''),
            nullif(regexp_extract(path, {_literal(_SLUG)}, 1), ''))""",
    ),
    "linkedin_profile(value)": "profile_of_normal(normal_linkedin(value))",
    "profile_key(value)": "linkedin_key(linkedin_profile(value))",
    "is_email(value)": f"""
        coalesce(regexp_full_match(normal_email(value), {_literal(_EMAIL)}), false)""",
    "is_linkedin(value)": f"""
        coalesce(regexp_full_match(normal_linkedin(value), {_literal(_PATH_OF_ONE)})
            AND NOT regexp_matches(normal_linkedin(value), {_literal(_PATH_OF_MANY)}), false)""",
    "quoted_emails(value)": _all_of(_QUOTED_EMAILS),
    "quoted_urls(value)": _all_of(_QUOTED_URLS),
    "lead_id(lead_key, external_id)": """
        substr(sha256(lead_key || coalesce(chr(31) || external_id, '')), 1, 32)""",
}


def install_identity(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a DuckDB connection the macros of this module.

    They are temporary: every connection (also a ``cursor()``, which is one) needs its own call,
    a read-only database takes them too, and no file keeps them.

    ``normal_email``, ``normal_linkedin``, ``normal_domain``, ``normal_name`` take text and give
    the normal form, null where nothing is left. ``people_lead_key(email, linkedin_url,
    company_domain, company_name, name, title)``, ``companies_lead_key(domain, linkedin_url)`` and
    ``emails_lead_key(email)`` give 32 hexadecimal characters, of each kind others; null and ``''``
    count the same. ``lead_id(lead_key, external_id)`` tells null from ``''``.

    Where many leads pass, :func:`normal_columns_sql` computes the normal forms once,
    :func:`field_problems_sql` what is wrong with each field, and ``people_key_of_normal``,
    ``companies_key_of_normal`` and ``emails_key_of_normal`` take the normal forms.

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
        kind: what the leads are of.
        prefix: what stands before each column, such as ``"r."``.

    Example::

        >>> lead_key_sql(COMPANIES, "r.")
        'companies_lead_key(r.domain, r.linkedin_url)'
    """
    return f"{kind.name}_lead_key({', '.join(prefix + field for field in kind.identifying)})"


def normal_columns_sql(kind: Kind, given: Collection[str] = LEAD_FIELDS) -> str:
    """A select list that adds ``normal_<field>`` for each identifying field of ``kind``.

    Args:
        given: the fields that are not null in every row; it costs less to know of the others.

    Example::

        >>> normal_columns_sql(COMPANIES, ["domain"])
        'normal_domain(domain) AS normal_domain, NULL::VARCHAR AS normal_linkedin_url'
    """
    return ", ".join(
        f"{f'{_NORMAL_FORM[field]}({field})' if field in given else 'NULL::VARCHAR'} "
        f"AS normal_{field}"
        for field in kind.identifying
    )


_CAN_BE = {
    "people": {
        "email": "can_be_email",
        "linkedin_url": "can_be_profile",
        "company_domain": "can_be_domain",
    },
    "companies": {"domain": "can_be_domain", "linkedin_url": "can_be_page"},
    "emails": {"email": "can_be_email"},
}


def field_problems_sql(kind: Kind, given: Collection[str] = LEAD_FIELDS) -> str:
    """A select list that adds ``problem_<field>``, over the fields, their normal forms, and
    ``is_plain`` (`is_plain_sql`).

    Null where the field can be sent or says nothing; else ``value_too_long``,
    ``unprintable_character`` or ``<field>_malformed``. The API would refuse a whole request for
    some of it, and search for others in vain (api-notes: lead-keys, domains).

    Args:
        given: as in `normal_columns_sql`.
    """

    def problem(field: str) -> str:
        if field not in given:
            return f"NULL::VARCHAR AS problem_{field}"
        kinds = [f"CASE WHEN NOT is_plain THEN text_problem({field}) END"]
        if check := _CAN_BE[kind.name].get(field):
            kinds.append(f"CASE WHEN NOT {check}(normal_{field}) THEN '{field}_malformed' END")
        return (
            f"CASE WHEN normal_{field} IS NOT NULL THEN coalesce({', '.join(kinds)}) END "
            f"AS problem_{field}"
        )

    return ", ".join(problem(field) for field in kind.identifying)


def is_plain_sql(kind: Kind) -> str:
    """Whether no field has a problem that any text may have: one look at all of them together."""
    fields = ", ".join(kind.identifying)
    return f"text_problem(concat({fields})) IS NULL"


def identified_sql(kind: Kind) -> tuple[str, str]:
    """Whether the fields that can be sent identify anybody, and ``input_kind``: by which.

    Over ``normal_<field>``, null where the field has a problem, and ``problem_<field>``.
    """
    return _ENOUGH[kind.name], _INPUT_KIND[kind.name]


def identifier_keys_sql(prefix: str = "") -> tuple[str, ...]:
    """SQL expressions of the key of each identifier alone, over ``email`` and ``linkedin_url``.

    A LinkedIn URL has a second one, of the profile that it means (``profile_key``).

    Null where the lead has no such identifier.

    Example::

        >>> identifier_keys_sql("a.")[0]
        'email_key(a.email)'
    """
    url = f"{prefix}linkedin_url"
    return f"email_key({prefix}email)", f"linkedin_key({url})", f"profile_key({url})"


def quoted_keys_sql(text: str) -> str:
    """The SQL expression of the keys of all identifiers that stand anywhere in a text; a list.

    Example::

        >>> quoted_keys_sql("raw")[:19]
        'list_distinct(flatt'
    """
    emails = f"list_transform(quoted_emails({text}), lambda quoted: email_key(quoted))"
    of_urls = _let(
        "urls",
        f"quoted_urls({text})",
        "list_transform(urls, lambda quoted: linkedin_key(quoted)) || "
        "list_transform(urls, lambda quoted: profile_key(quoted))",
    )
    return f"list_distinct({emails} || {of_urls})"


def address_keys(emails: pa.Array) -> pa.Array:
    """The ``lead_key`` of each address in a list to be validated; null where nothing is said.

    Example::

        address_keys(pa.array(["Ada@example.com ", None]))    # ["5b1f...", None]
    """
    given = pa.table({"place": pa.array(range(len(emails)), pa.int64()), "email": emails})
    rows = rows_with_identity(given, "SELECT address_key(email) FROM given ORDER BY place")
    return pa.array([key for (key,) in rows], pa.string())


def rows_with_identity(given: pa.Table, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query over the table ``given``, by the macros of this module."""
    connection, lock = _private_connection()
    with lock:
        connection.register("given", given)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.unregister("given")


@lru_cache(maxsize=1)
def _private_connection() -> tuple[duckdb.DuckDBPyConnection, threading.Lock]:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    install_identity(connection)
    return connection, threading.Lock()
