"""One lead is one person, in every process and spelling, with every field the guide lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amplemarket_source.sandbox import Variant, lead_identity, subject_of
from amplemarket_source.sandbox.identity import company_subject
from amplemarket_source.sandbox.people import person
from tests.sandbox.sandbox_api import Api, people

SAME = [
    (
        {"linkedin_url": "https://www.linkedin.example/in/ada-byron"},
        [
            "http://linkedin.example/in/ada-byron/",
            "linkedin.example/in/ada-byron",
            "HTTPS://WWW.LINKEDIN.EXAMPLE/in/Ada-Byron?trk=people",
            " https://linkedin.example/in/ada-byron#about ",
            "www.linkedin.example/in/ada-byron///",
        ],
    ),
    ({"email": "ada.byron@site.example"}, [" Ada.Byron@SITE.example "]),
]


@pytest.mark.parametrize(
    ("lead", "field", "spelling"),
    [(lead, field, text) for lead, texts in SAME for field in lead for text in texts],
)
def test_spellings_of_one_lead_are_one_person(
    lead: dict[str, str], field: str, spelling: str
) -> None:
    other = {field: spelling}
    assert lead_identity("people", other) == lead_identity("people", lead)
    assert subject_of("people", other) == subject_of("people", lead)


def test_a_name_with_a_company_is_the_person_of_that_email() -> None:
    by_email = subject_of("people", {"email": "ada.byron@blue-sky.example"})
    by_domain = {"name": "Ada Byron", "company_domain": "www.blue-sky.example"}
    by_company = {"name": "ada  BYRON", "company_name": "Blue Sky"}
    assert subject_of("people", by_domain) == subject_of("people", by_company) == by_email


DOMAINS = ["site.example", "blue-sky.example", "a_at_b.example", "company-007.example"]


@settings(max_examples=100, deadline=None)
@given(
    handle=st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12),
    domain=st.sampled_from(DOMAINS),
)
def test_every_way_to_a_person_leads_to_the_same_one(handle: str, domain: str) -> None:
    ways: list[dict[str, str]] = [
        {"email": f"{handle.replace('@', '')}x@{domain}"},
        {"name": handle, "company_domain": domain},
        {"title": handle, "company_domain": domain},
        {"linkedin_url": f"https://linkedin.com/in/{quote(handle, safe='')}"},
    ]
    for way in ways:
        found = subject_of("people", way)
        shown = person(found, Variant(), reveal_email=True, reveal_phone_numbers=True)
        by_email = subject_of("people", {"email": shown["email"]})
        by_url = subject_of("people", {"linkedin_url": shown["linkedin_url"]})
        assert by_email.entity_id == by_url.entity_id == found.entity_id == shown["id"]
        for again in (by_email, by_url):
            same = person(again, Variant(), reveal_email=True, reveal_phone_numbers=True)
            own = {"linkedin_url": same["linkedin_url"]}  # its host is as it was asked for
            assert same == shown | own


@pytest.mark.parametrize("host", ["linkedin.com", "www.linkedin.com", "linkedin.example"])
def test_the_url_in_an_answer_is_the_one_that_was_asked_with(api: Api, host: str) -> None:
    bare = host.removeprefix("www.")
    query = {"linkedin_url": f"https://{host}/in/Ada-Byron/"}
    person = api.client.get("/people/find", params=query).json()
    assert person["linkedin_url"] == f"https://{bare}/in/ada-byron"
    query = {"linkedin_url": f"http://{host}/company/Blue-Sky?x=1"}
    company = api.client.get("/companies/find", params=query).json()
    assert company["linkedin_url"] == f"https://{bare}/company/blue-sky"
    assert company["id"] == company_subject("blue-sky.example").entity_id


@pytest.mark.parametrize("domain", ["site.example", "acme.com", "a.b.example", "site.co.uk"])
def test_a_companys_url_leads_back_to_it(domain: str) -> None:
    subject = company_subject(domain)
    again = subject_of("companies", {"linkedin_url": subject.linkedin_url})
    assert (again.entity_id, again.domain) == (subject.entity_id, subject.domain)


def test_other_leads_are_other_people() -> None:
    ids = {subject_of("people", lead).entity_id for lead in people(5000)}
    assert len(ids) == 5000


def test_the_same_lead_is_the_same_person_for_ever() -> None:
    """A fixed id, so that a change of the rule is seen: users compare runs of two versions."""
    subject = subject_of("people", {"email": "ada.byron@site.example"})
    assert subject.entity_id == "4964fab8-e6de-7f9f-8ece-098dcddcdf05"


@pytest.mark.parametrize("text", ["王 伟", "Zoë Ångström", "O'Neil Ada", "x", "\u202eada", "🐈"])
def test_any_name_makes_a_person(api: Api, text: str) -> None:
    document = api.finished([{"name": text, "company_name": text}], reveal_email=True)
    person = document["results"][0]["result"]
    assert person["name"] == f"{person['first_name']} {person['last_name']}"
    assert re.fullmatch(r"\S+@\S+", person["email"])


def test_people_of_one_domain_share_their_company(api: Api) -> None:
    rows = api.finished(people(20))["results"]
    assert len({row["result"]["company"]["id"] for row in rows}) == 7
    rows = api.finished([{"linkedin_url": f"/in/p{number}"} for number in range(1000)])["results"]
    assert all(re.match("https://company-", row["result"]["company"]["website"]) for row in rows)


PERSON = {
    "id": str, "object": str, "linkedin_url": str, "name": str, "email": str, "first_name": str,
    "last_name": str, "gender": str, "title": str, "headline": str, "about": str,
    "current_position_start_date": str, "current_position_description": str, "location": str,
    "image_url": str, "location_details": dict, "experiences": list, "educations": list,
    "languages": list, "phone_numbers": list, "company": dict,
}  # fmt: skip
COMPANY = {
    "id": str, "object": str, "name": str, "linkedin_url": str, "website": str, "overview": str,
    "logo_url": str, "founded_year": int, "traffic_rank": int, "sic_codes": list,
    "naics_codes": list, "type": str, "total_funding": int, "latest_funding_stage": str,
    "latest_funding_date": str, "keywords": list, "estimated_number_of_employees": int,
    "followers": int, "size": str, "industry": str, "location": str, "location_details": dict,
    "locations": list, "is_b2b": bool, "is_b2c": bool, "technologies": list,
    "department_headcount": dict, "job_function_headcount": dict, "estimated_revenue": str,
    "revenue": int,
}  # fmt: skip


def test_every_field_of_the_guide_is_there_with_its_type(api: Api) -> None:
    document = api.finished(people(1), reveal_email=True, reveal_phone_numbers=True)
    person: dict[str, Any] = document["results"][0]["result"]
    assert {key: type(value) for key, value in person.items()} == PERSON
    company = person["company"]
    assert {key: type(value) for key, value in company.items()} == COMPANY
    assert {type(code) for code in company["sic_codes"] + company["naics_codes"]} == {int}
    assert any("&" in label and " " in label for label in company["department_headcount"])


def test_web_addresses_are_reserved_ones() -> None:
    sources = Path(__file__).parents[2] / "amplemarket_source" / "sandbox"
    for source in sources.glob("*.py"):
        for host in re.findall(r"https?://([\w.-]+\.[a-z]+)", source.read_text()):
            assert host.endswith((".example", "example.com")), (source.name, host)


def test_a_kind_that_is_not_there_is_not_taken_for_another() -> None:
    wrong: Any = "person"
    with pytest.raises(KeyError):
        lead_identity(wrong, {"email": "ada.byron@site.example"})
