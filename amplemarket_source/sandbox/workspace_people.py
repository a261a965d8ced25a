"""The rows of a workspace that are about people and companies: contacts, entries of lead lists,
accounts, job openings.

They show the same person or company as an enrichment by what stands in them
(api-notes: workspace-fields).
"""

from __future__ import annotations

from datetime import timedelta

from amplemarket_source.sandbox.collection import Row
from amplemarket_source.sandbox.identity import company_subject
from amplemarket_source.sandbox.people import CITIES, company, person
from amplemarket_source.sandbox.population import subject_at
from amplemarket_source.sandbox.workspace_rows import OWNERS, RowMaker, iso

__all__ = ["account", "contact", "entry", "job_opening"]

_APART = 50_021
"""So many people are between the first leads of two lists."""

_TIME_ZONES = ("Europe/Lisbon", "America/New_York", "Europe/Zurich", "Asia/Tokyo")
_EVENTS = ("email_sent", "email_opened", "email_replied")
_SENIORITIES = ("Senior", "Manager", "Entry", "Director")
_DEPARTMENTS = ("Engineering & Technical", "Marketing", "Revenue", "Finance & Accounting")
_FUNCTIONS = ("Software Engineering", "Sales & Partnerships", "Support")
_JOB_TITLES = ("Data Engineer", "Account Executive", "Product Marketer", "Financial Analyst")


def _person(maker: RowMaker, number: int) -> Row:
    return person(
        subject_at(maker.seed, number),
        maker.options().variant,
        reveal_email=True,
        reveal_phone_numbers=True,
    )


def _domain(employer: Row) -> str | None:
    website = employer["website"]
    return None if website is None else str(website).removeprefix("https://")


def entry(maker: RowMaker, number: int) -> Row:
    """A lead of a list; every tenth is without an address."""
    turn, whose = divmod(number, OWNERS)
    of = _person(maker, whose * _APART + turn)
    employer = of["company"]
    return {
        "id": maker.key("lead_list_leads", number),
        "email": None if turn % 10 == 9 else of["email"],
        "first_name": of["first_name"],
        "last_name": of["last_name"],
        "title": of["title"],
        "linkedin_url": of["linkedin_url"],
        "company_name": employer["name"],
        "company_domain": _domain(employer),
        "industry": employer["industry"],
        "phone_numbers": [{"number": phone["number"]} for phone in of["phone_numbers"]],
        "company_size": employer["size"],
        "location": of["location"],
        "company_linkedin_url": employer["linkedin_url"],
    }


def account(maker: RowMaker, number: int) -> Row:
    """A company that is an account."""
    subject = company_subject(f"company-{number:03d}.example")
    of = company(subject, maker.options().variant)
    contacted = maker.time(number, 11)
    return {
        "id": maker.key("accounts", number),
        "name": of["name"],
        "website": of["website"],
        "linkedin_url": of["linkedin_url"],
        "owner_email": maker.some_user(number)["email"],
        "last_contacted_at": iso(contacted) if number % 4 else None,
        "last_engaged_at": iso(contacted + timedelta(hours=9)) if number % 4 > 1 else None,
    }


def contact(maker: RowMaker, number: int) -> Row:
    """A person who was written to or called."""
    of = _person(maker, number)
    seen = maker.time(number, 2)
    return {
        "id": maker.key("contacts", number),
        "name": of["name"],
        "first_name": of["first_name"],
        "last_name": of["last_name"],
        "email": maker.contact_email(number),
        "linkedin_url": of["linkedin_url"],
        "title": of["title"],
        "location": of["location"],
        "time_zone": _TIME_ZONES[number % len(_TIME_ZONES)],
        "company_name": of["company"]["name"],
        "company_domain": _domain(of["company"]),
        "owner": maker.some_user(number)["email"],
        "last_contacted_at": iso(seen) if number % 3 else None,
        "phone_numbers": of["phone_numbers"],
        "recent_activity": [_activity(maker, number, turn) for turn in range(number % 3)],
    }


def _activity(maker: RowMaker, number: int, turn: int) -> Row:
    key, name = maker.some_sequence(number + turn)
    return {
        "event_at": iso(maker.time(number, 2) + timedelta(days=turn)),
        "event_type": _EVENTS[turn % len(_EVENTS)],
        "sequence_id": key,
        "sequence_name": name,
        "sequence_type": "outbound",
        "description": f"Invented event {turn}",
        "notes": None,
    }


def job_opening(maker: RowMaker, number: int) -> Row:
    """An opening, with what only its own page shows."""
    lot = maker.drawn("openings", number)
    seen = maker.time(lot % 10_000)
    key = maker.key("job_openings", number)
    place = ", ".join(CITIES[lot % len(CITIES)])
    return {
        "id": key,
        "title": _JOB_TITLES[lot % len(_JOB_TITLES)],
        "url": f"https://jobs.example/{key}",
        "raw_location": "Remote" if lot % 4 == 0 else place,
        "first_seen_at": iso(seen),
        "seniorities": [_SENIORITIES[lot % len(_SENIORITIES)]],
        "departments": [_DEPARTMENTS[lot % len(_DEPARTMENTS)]],
        "job_functions": [_FUNCTIONS[lot % len(_FUNCTIONS)]],
        "description": f"An invented job in {place}.",
        "raw_salary": f"{40 + lot % 60}k" if lot % 3 else None,
        "last_seen_at": iso(seen + timedelta(days=lot % 60)),
        "contract_types": ["full_time"] if lot % 5 else [],
    }
