"""One definition of sameness, over values nobody thought of."""

from __future__ import annotations

import re
import unicodedata

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amplemarket_source.identity import install_identity, lead_key_sql
from amplemarket_source.kinds import COMPANIES, EMAILS, KINDS, PEOPLE, Kind
from tests.support.keys import lead_key

# The machine that runs the suite may be slow; a rule is not.
RULE = settings(deadline=None)
MACROS = ("normal_email", "normal_linkedin", "normal_domain", "normal_name")
# Simple case folding is what DuckDB has; letters whose case changes their number are left out.
LETTERS = st.characters(codec="utf-8", categories=("Lu", "Ll", "Lo", "Nd")).filter(
    lambda letter: len(letter.upper()) == len(letter.lower()) == 1 and letter not in "İıß"
)
WORDS = st.text(LETTERS, min_size=1, max_size=12)
ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
HOSTS = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,2}", fullmatch=True)
SLUGS = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)
# Of what plain values are made, of which the normal form is seen without making it.
PLAIN = st.from_regex(
    r"((https?://|//|www\.|WWW\.)?(LinkedIn\.com/)?(acme|in|J|[a-z]|%C3|[/._?#:@ ß-]){1,3}/?){0,2}",
    fullmatch=True,
)
SPACES = st.sampled_from([" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", " \u200b"])


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    install_identity(connection)
    return connection


def normal(database: duckdb.DuckDBPyConnection, macro: str, value: str) -> str | None:
    found: str | None = database.execute(f"SELECT {macro}(?::VARCHAR)", [value]).fetchall()[0][0]
    return found


@pytest.mark.parametrize("macro", MACROS)
def test_normalising_twice_is_normalising_once_for_every_letter_and_sign(
    database: duckdb.DuckDBPyConnection, macro: str
) -> None:
    # All that has case or composes; ideographs and Hangul syllables (0x3400 on) have neither.
    changed = database.sql(f"""
        WITH letters AS (
            SELECT chr(code::INT) AS letter FROM range(1, {0x1F000}) AS codes(code)
            WHERE code < {0x3400} OR code BETWEEN {0xA000} AND {0xABFF}
                OR code BETWEEN {0xE000} AND {0x16FFF} OR code > {0x1D000}),
        words AS (SELECT unnest([letter, 'www.' || letter || 'x ' || letter || '/']) AS word
            FROM letters),
        once AS (SELECT {macro}(word) AS value FROM words)
        SELECT count(*) FILTER ({macro}(value) IS DISTINCT FROM value), count(*) > 100_000
        FROM once""").fetchall()
    assert changed == [(0, True)]


@pytest.mark.parametrize("macro", MACROS)
@RULE
@given(value=ANYTHING)
def test_normalising_twice_is_normalising_once(
    database: duckdb.DuckDBPyConnection, macro: str, value: str
) -> None:
    once = normal(database, macro, value)
    assert once != ""
    assert once is None or normal(database, macro, once) == once


@settings(RULE, max_examples=60)
@given(values=st.lists(PLAIN, min_size=20, max_size=60), around=SPACES)
def test_white_space_around_changes_nothing(
    database: duckdb.DuckDBPyConnection, values: list[str], around: str
) -> None:
    changed = " OR ".join(
        f"{macro}(v || $around) IS DISTINCT FROM {macro}(v) "
        f"OR {macro}($around || v) IS DISTINCT FROM {macro}(v)"
        for macro in (*MACROS, "trimmed")
    )
    sql = f"SELECT v FROM (SELECT unnest($values) AS v) WHERE {changed}"
    assert database.execute(sql, {"values": values, "around": around}).fetchall() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ΝΊΚΟΣ", "Νίκος"),
        ("Ｊane", "ｊANE"),
        ("Jane\u3000\r\nDoe", "jane doe"),
    ],
)
def test_a_name_is_one_name_in_any_alphabet(one: str, other: str) -> None:
    assert lead_key(PEOPLE, {"name": one}) == lead_key(PEOPLE, {"name": other})


@RULE
@given(words=st.lists(WORDS, min_size=1, max_size=3), space=SPACES, around=SPACES)
def test_a_name_is_one_name_in_any_case_with_any_white_space_and_any_accents(
    words: list[str], space: str, around: str
) -> None:
    name = " ".join(words)
    spelt = around + unicodedata.normalize("NFD", space.join(words).upper()) + around
    for field in ("name", "title", "company_name"):
        assert lead_key(PEOPLE, {field: spelt}) == lead_key(PEOPLE, {field: name})


@settings(RULE, max_examples=25)
@given(host=HOSTS, start=st.sampled_from(["", "https://", "HTTP://www.", "www.", "//"]))
@pytest.mark.parametrize("end", ["", ".", "/", "/about?x=1", ":8443/about", "#top", " "])
def test_a_domain_is_one_domain_however_it_is_pasted(host: str, start: str, end: str) -> None:
    if host.startswith("www."):
        return
    spelt = f" {start}{host.upper()}{end}"
    assert lead_key(COMPANIES, {"domain": spelt}) == lead_key(COMPANIES, {"domain": host})


@settings(RULE, max_examples=25)
@given(slug=SLUGS, start=st.sampled_from(["", "https://", "HTTP://WWW.", "www.", "//www."]))
@pytest.mark.parametrize("end", ["", "/", "//", "?trk=x", "/?trk=x", "#about", "/#about", " "])
def test_a_linkedin_url_is_one_url_however_it_is_pasted(slug: str, start: str, end: str) -> None:
    spelt = f"{start}LinkedIn.com/in/{slug.upper()}{end}"
    plain = f"linkedin.com/in/{slug}"
    for kind in KINDS:
        assert lead_key(kind, {"linkedin_url": spelt}) == lead_key(kind, {"linkedin_url": plain})


def test_an_email_is_one_address_in_any_case_with_white_space_around() -> None:
    plain = lead_key(PEOPLE, {"email": "jane@acme.example"})
    assert lead_key(PEOPLE, {"email": "\u00a0Jane@ACME.example \n"}) == plain
    assert lead_key(PEOPLE, {"email": "jane+x@acme.example"}) != plain


def test_a_bare_slug_stays_a_slug() -> None:
    slug = lead_key(PEOPLE, {"linkedin_url": " Jane-Doe/ "})
    assert slug == lead_key(PEOPLE, {"linkedin_url": "jane-doe"})
    assert slug != lead_key(PEOPLE, {"linkedin_url": "linkedin.com/in/jane-doe"})


def _leads(kind: Kind) -> st.SearchStrategy[dict[str, str | None]]:
    # Few values, with the separators of a careless hash among them, so that collisions would show.
    value = st.sampled_from([None, "", "a", "b", "ab", "a\x1eb", "a\x1f", "email", "a email\x1fb"])
    return st.fixed_dictionaries(dict.fromkeys(kind.identifying, value))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@RULE
@given(data=st.data())
def test_two_leads_have_one_key_only_if_their_normal_fields_are_the_same(
    database: duckdb.DuckDBPyConnection, kind: Kind, data: st.DataObject
) -> None:
    one, other = data.draw(_leads(kind)), data.draw(_leads(kind))
    forms = {"email": "email", "linkedin": "linkedin", "domain": "domain"}

    def normals(lead: dict[str, str | None]) -> list[str | None]:
        macros = [
            f"normal_{forms.get(field.removeprefix('company_').removesuffix('_url'), 'name')}"
            for field in kind.identifying
        ]
        return [
            normal(database, macro, value) if (value := lead[field]) else None
            for macro, field in zip(macros, kind.identifying, strict=True)
        ]

    assert (lead_key(kind, one) == lead_key(kind, other)) == (normals(one) == normals(other))


def test_leads_of_two_kinds_never_share_a_key() -> None:
    url, email = {"linkedin_url": "linkedin.com/company/acme"}, {"email": "jane@acme.example"}
    assert lead_key(PEOPLE, url) != lead_key(COMPANIES, url)
    assert lead_key(PEOPLE, email) != lead_key(EMAILS, email)


def test_a_stored_key_stays_what_it_is() -> None:
    lead = {"email": "Jane@acme.example", "domain": "acme.example"}
    assert {kind.name: lead_key(kind, lead) for kind in KINDS} == {
        "people": "36459c2fbd500326798971b9a6c50553",
        "companies": "15132e3a9e0f6e954d5f690117532210",
        "emails": "77d87949748163de0834819923d93b1a",
    }


@RULE
@given(lead=st.fixed_dictionaries(dict.fromkeys(PEOPLE.identifying, st.none() | ANYTHING)))
def test_the_single_key_is_the_key_of_the_sql_over_a_table(
    database: duckdb.DuckDBPyConnection, lead: dict[str, str | None]
) -> None:
    columns = ", ".join(f"?::VARCHAR AS {field}" for field in lead)
    in_sql = database.execute(
        f"SELECT {lead_key_sql(PEOPLE, 'r.')} FROM (SELECT {columns}) AS r", list(lead.values())
    ).fetchall()[0][0]
    assert lead_key(PEOPLE, lead) == in_sql
    assert re.fullmatch("[0-9a-f]{32}", in_sql)


def test_a_key_stays_what_it_was_in_the_version_before() -> None:
    """A key is stored for years; another one for the same lead is another purchase."""
    person = {"email": "jane@acme.example", "name": "Jane Doe", "company_domain": "acme.example"}
    assert lead_key(PEOPLE, person) == "24fc015139cc4519638b016d3a12a9fb"
    assert lead_key(COMPANIES, {"domain": "acme.example"}) == "15132e3a9e0f6e954d5f690117532210"


def test_a_missing_external_id_is_not_an_empty_one(database: duckdb.DuckDBPyConnection) -> None:
    ids = database.execute(
        "SELECT lead_id('k', NULL), lead_id('k', ''), lead_id('k', 'a'), lead_id('ka', NULL)"
    ).fetchall()[0]
    assert len(set(ids)) == 4
