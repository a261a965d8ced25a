"""One lead is one person, in every process and spelling, with every field the guide lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.sandbox import lead_identity, subject_of
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
