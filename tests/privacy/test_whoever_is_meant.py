"""A person is erased by any spelling of any identifier, with all that leads to them, no more."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal
from urllib.parse import quote

import duckdb
import pytest

from amplemarket_source.errors import UsageError
from amplemarket_source.identity import install_identity
from amplemarket_source.privacy.identifiers import _common
from amplemarket_source.privacy.keys import identifier_keys, keys_quoted, names
from amplemarket_source.run.forget import forget
from tests.privacy.people import answers, mentions, row
from tests.support.deployment import Deployment

pytestmark = pytest.mark.slow

_SPELT: dict[str, Callable[[str], str]] = {
    "white space": "  {}\t".format,
    "case": str.upper,
    "zero-width space": "\u200b{}\u200b".format,
    "byte-order mark": "\ufeff{}".format,
}
_URLS: dict[str, Callable[[str], str]] = {
    "slash in the query": "https://linkedin.com/in/{}/?next=https://x.example/y".format,
    "fragment": "http://www.linkedin.com/in/{}#about".format,
    "fragment after a slash": "linkedin.com/in/{}/#about".format,
    "country host": "https://de.linkedin.com/in/{}".format,
    "sub-page": "https://www.linkedin.com/in/{}/details/experience/".format,
    "decomposed letters": lambda slug: unicodedata.normalize("NFD", f"linkedin.com/in/{slug}"),
    "percent-encoded": lambda slug: f"https://www.linkedin.com/in/{quote(slug)}",
    "zero-width space": "\u200bhttps://www.linkedin.com/in/{}\u200b".format,
    "byte-order mark": "\ufefflinkedin.com/in/{}/".format,
    "case": lambda slug: f"https://www.linkedin.com/in/{slug}".upper(),
    "the last part alone": "{}".format,
}
_URL = "https://www.linkedin.com/in/josé-zuse"


def _person(number: str, **fields: str | None) -> dict[str, str | None]:
    return {"id": number, "object": "person", "name": "Ada Gone", **fields}


def test_an_address_erases_by_every_spelling(deployment: Deployment) -> None:
    people = {name: f"ada{number}@ada.example" for number, name in enumerate(_SPELT)}
    answers(deployment, *(row(person=_person(email), email=email) for email in people.values()))
    deployment.run([{"email": email} for email in people.values()])
    for name, spelt in _SPELT.items():
        erasure = forget(deployment.pipeline(), email=spelt(people[name]))
        assert erasure.rows_removed["people"] == 1, name
        assert mentions(deployment, people[name]) == set(), name
    assert mentions(deployment, "Ada Gone") == set()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_profile_erases_by_every_spelling(
    deployment: Deployment, form: Literal["NFC", "NFD"]
) -> None:
    slugs = {name: f"josé-zuse-{number}" for number, name in enumerate(_URLS)}
    leads = [{"email": f"ada{number}@ada.example"} for number in range(len(_URLS))]
    stored = [
        f"https://www.linkedin.com/in/{unicodedata.normalize(form, s)}" for s in slugs.values()
    ]
    people = [_person(url, linkedin_url=url) for url in stored]
    answers(deployment, *(row(person=p, **lead) for p, lead in zip(people, leads, strict=True)))
    deployment.run(leads)
    for name, spelt in _URLS.items():
        erasure = forget(deployment.pipeline(), linkedin_url=spelt(slugs[name]))
        assert erasure.rows_removed["people"] == 1, name
    assert mentions(deployment, "@ada.example", "Ada Gone", "-zuse") == set()


def test_leads_with_an_erased_profile_are_not_sent_whatever_the_spelling(
    deployment: Deployment,
) -> None:
    with pytest.raises(UsageError):
        forget(deployment.pipeline(), linkedin_url=_URL)
    leads = [{"linkedin_url": spelt("josé-zuse")} for spelt in _URLS.values()]
    deployment.run([*leads, *({**lead, "title": "CTO"} for lead in leads)])
    assert deployment.posts() == 0


def test_one_human_with_two_ids_and_many_identifiers_is_erased_with_all_of_them(
    deployment: Deployment,
) -> None:
    first = _person("p1", linkedin_url="https://linkedin.com/in/ada", email="ada@home.example")
    second = _person("p2", email="ADA@home.example", linkedin_url="https://linkedin.com/in/lady-a")
    third = _person("p3", linkedin_url="https://uk.linkedin.com/in/lady-a/")
    leads = [
        {"email": "ada@work.example", "external_id": "1"},
        {"linkedin_url": "linkedin.com/in/lady-a", "external_id": "2"},
        {"name": "Ada Gone", "company_name": "Gone", "external_id": "3"},
        {"email": "bob@bob.example", "external_id": "4"},
    ]
    answers(
        deployment,
        row(person=first, email="ada@work.example"),
        row(person=second, linkedin_url="linkedin.com/in/lady-a"),
        row(person=third, name="Ada Gone", company_name="Gone"),
        row(person={"id": "p4", "name": "Bob Stays"}, email="bob@bob.example"),
    )
    deployment.run(leads)
    assert forget(deployment.pipeline(), email="ada@work.example").rows_removed["people"] == 3
    assert mentions(deployment, "ada@", "lady-a", "Ada Gone", "in/ada") == set()
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]
    assert deployment.outcomes() == {
        **dict.fromkeys("123", "gdpr_removed"),
        "4": "enriched",
    }


def test_what_everybody_may_have_leads_to_nobody_else(deployment: Deployment) -> None:
    shared = {
        "linkedin_url": "https://www.linkedin.com/company/acme",
    }
    answers(
        deployment,
        row(person=_person("p1", linkedin_url="n/a"), email="ada@ada.example", **shared),
        row(person=_person("p2", linkedin_url="n/a"), email="bob@bob.example", **shared),
        row(person=_person("p3"), email="eve@eve.example", linkedin_url="none"),
        row(person=_person("p4"), email="joe@joe.example", linkedin_url="none"),
    )
    deployment.run(
        [
            {"email": "ada@ada.example", **shared},
            {"email": "bob@bob.example", **shared},
            {"email": "eve@eve.example", "linkedin_url": "none"},
            {"email": "joe@joe.example", "linkedin_url": "none"},
        ]
    )
    forget(deployment.pipeline(), email="ada@ada.example")
    forget(deployment.pipeline(), email="eve@eve.example")
    assert deployment.rows("SELECT id FROM people ORDER BY id") == [("p2",), ("p4",)]


def test_a_key_of_the_users_own_that_is_the_address_does_not_stay(deployment: Deployment) -> None:
    leads = [
        {"email": "ada@ada.example", "external_id": "ADA@ada.example"},
        {"email": "bob@bob.example", "external_id": "of ada@ada.example"},
        {"email": "eve@eve.example", "external_id": "eve@eve.example"},
    ]
    deployment.run(leads)
    forget(deployment.pipeline(), email="ada@ada.example")
    assert mentions(deployment, "ada@ada") == set()
    deployment.run([*leads, {"name": "X", "company_name": "Y", "external_id": "ada@ada.example"}])
    assert mentions(deployment, "ada@ada") == set()
    kept = deployment.rows("SELECT external_id FROM leads WHERE external_id IS NOT NULL")
    assert kept == [("eve@eve.example",)]


def test_the_search_finds_every_letter_that_is_one_to_the_key() -> None:
    connection = duckdb.connect()
    install_identity(connection)
    letters = connection.execute("""
        SELECT chr(i::INT), normal_email(chr(i::INT)) FROM (
            SELECT unnest(range(33, 55296)) UNION ALL SELECT unnest(range(57344, 65536))) t(i)
        WHERE normal_email(chr(i::INT)) <> chr(i::INT)
        """).fetchall()
    assert len(letters) > 1_000
    texts = [
        (f"a{letter}b@x.example", _common(f"a{normal}b@x.example")) for letter, normal in letters
    ]
    missed = [
        text
        for text, pattern in texts
        if not connection.execute("SELECT lower(?) LIKE ?", [text, pattern]).fetchone()[0]  # type: ignore[index]
    ]
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "Ada <ADA@ada.example>",
        "bob@bob.example, ada@ada.example",
        "'ada@ada.example'",
        "mailto:ada@ada.example?subject=x",
        "write to ada@ada.example.",
        "email=ada@ada.example;phone=1",
    ],
)
def test_an_address_is_found_wherever_it_stands_in_a_text(text: str) -> None:
    assert set(identifier_keys("ada@ada.example", None)) <= keys_quoted([text])[0]


@pytest.mark.parametrize("text", ["xada@ada.example", "ada@ada.example.org", "ada@ada.exampler"])
def test_an_address_is_not_found_in_another_one(text: str) -> None:
    assert not set(identifier_keys("ada@ada.example", None)) & keys_quoted([text])[0]


def test_a_profile_is_found_wherever_it_stands_in_a_text() -> None:
    wanted = set(identifier_keys(None, "linkedin.com/in/ada"))
    for text in (
        "https://www.linkedin.com/in/ada (Ada)",
        "see pt.linkedin.com/in/ADA/, or",
        "x linkedin.com/in/ada.",
    ):
        assert wanted & keys_quoted([text])[0], text
    assert not wanted & keys_quoted(["linkedin.com/in/ada-b"])[0]


def test_names_are_told_apart_by_what_can_be_one_persons_own() -> None:
    of_one = {
        name.normal
        for name in names(
            [
                ("ada@ada.example", "linkedin.com/in/ada"),
                ("n/a", "none"),
                ("ada@localhost", "linkedin.com/in"),
                (None, "https://www.linkedin.com/company/acme/"),
                (None, "https://crm.example/in/ada"),
            ]
        )
        if name.is_of_one
    }
    assert of_one == {"ada@ada.example", "linkedin.com/in/ada", "crm.example/in/ada"}
    assert re.fullmatch("[0-9a-f]{32}", identifier_keys("ada@ada.example", None)[0])
