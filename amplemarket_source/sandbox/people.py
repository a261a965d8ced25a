"""Invented people, with every field the guide lists (section "Person Object").

The guide does not list the fields of experiences, educations, languages and phone numbers, nor
the values of ``gender`` or the form of dates: **all of these are invented here**.

One person takes some microseconds: the nested objects come out of pools that all people share,
and a shared object is never changed.
"""

from __future__ import annotations

import re
from random import Random
from typing import Any

from amplemarket_source.sandbox.companies import CITIES, company, company_name
from amplemarket_source.sandbox.identity import Subject
from amplemarket_source.sandbox.options import Variant
from amplemarket_source.sandbox.variants import varied

__all__ = ["person"]

_LAST_NAMES = ("Almeida", "Berg", "Costa", "Dubois", "Eze", "Fischer", "García", "Haddad", "Ito")
_TITLES = (
    "Software Engineer",
    "VP of Sales",
    "Head of Growth",
    "Data Engineer",
    "Chief Financial Officer",
    "Product Manager",
    "Account Executive",
)
_GENDERS = ("female", "male", "unknown")
_ABOUT = (
    "Builds data platforms and likes “quotes”,\nline breaks and cats 🐈 in summaries.",
    "Twenty years in sales; speaks at meetings that never took place.",
    "Gosta de dados, de pão e de prazos.",
    "Invented for tests, with commas, tabs\tand a backslash \\ or two.",
)
_SEPARATORS = re.compile(r"[\W\d_]+")


def _experience(random: Random, year: int) -> dict[str, Any]:
    return {  # invented
        "title": random.choice(_TITLES),
        "company_name": f"Former Company {random.randrange(500)}",
        "start_date": f"{year}-{random.randrange(1, 13):02d}",
        "end_date": f"{year + 2}-{random.randrange(1, 13):02d}",
        "is_current": False,
        "description": random.choice(_ABOUT),
    }


def _education(random: Random) -> dict[str, Any]:
    year = random.randrange(1980, 2015)
    return {  # invented
        "school": f"University {random.randrange(300)}",
        "degree": random.choice(("BSc", "MSc", "MBA", None)),
        "field_of_study": random.choice(("Mathematics", "Economics", "Physics")),
        "start_year": year,
        "end_year": year + 3,
    }


_POOL = Random(20_260_101)
_CAREERS = [[_experience(_POOL, year) for year in (2018, 2015, 2012, 2009)] for _ in range(256)]
_EDUCATIONS = [[_education(_POOL), _education(_POOL)] for _ in range(256)]
_LANGUAGES = [
    [
        {"name": "English", "proficiency": proficiency},  # invented
        {"name": _POOL.choice(("Portuguese", "Japanese", "Polish")), "proficiency": None},
    ]
    for proficiency in ("native", "professional", "limited", None)
]


def person(
    subject: Subject,
    variant: Variant,
    *,
    reveal_email: bool,
    reveal_phone_numbers: bool,
) -> dict[str, Any]:
    """The Person object for a subject.

    ``email`` is null and ``phone_numbers`` empty unless revealed, also where the lead was found
    by that e-mail address.
    """
    seed = subject.seed
    domain = subject.domain
    employer = company(subject, variant)
    first, last = _names(subject)
    city, state, country = CITIES[seed % len(CITIES)]
    title = _TITLES[(seed + variant.generation) % len(_TITLES)]
    start = f"{2020 + variant.generation % 5}-{1 + seed % 12:02d}"
    about = _ABOUT[seed >> 4 & 3]
    current = {
        "title": title,
        "company_name": company_name(domain),
        "start_date": start,
        "end_date": None,
        "is_current": True,
        "description": about,
    }
    answer = {
        "id": subject.entity_id,
        "object": "person",
        "linkedin_url": _linkedin_url(subject, first, last),
        "name": f"{first} {last}",
        "email": _email(subject) if reveal_email else None,
        "first_name": first,
        "last_name": last,
        "gender": _GENDERS[seed % 3],
        "title": title,
        "headline": f"{title} at {company_name(domain)}",
        "about": about,
        "current_position_start_date": start,
        "current_position_description": about,
        "location": f"{city}, {state}, {country}",
        "image_url": f"https://images.example/people/{subject.entity_id}.png",
        "location_details": {"city": city, "state": state, "country": country},
        "experiences": [current, *_CAREERS[seed >> 8 & 255]],
        "educations": _EDUCATIONS[seed >> 16 & 255],
        "languages": _LANGUAGES[seed >> 24 & 3],
        "phone_numbers": [_phone(seed)] if reveal_phone_numbers else [],
        "company": employer,
    }
    return varied(answer, variant)


def _names(subject: Subject) -> tuple[str, str]:
    handle = "" if subject.found_by == "title" else subject.handle
    parts = [part.title() for part in _SEPARATORS.split(handle) if part]
    if not parts:
        parts = ["Sam"]
    if len(parts) == 1:
        parts.append(_LAST_NAMES[subject.seed % len(_LAST_NAMES)])
    return parts[0], " ".join(parts[1:])


def _linkedin_url(subject: Subject, first: str, last: str) -> str:
    if subject.found_by == "linkedin":
        return f"https://linkedin.example/in/{subject.handle}"
    slug = "-".join(f"{first} {last}".lower().split())
    return f"https://linkedin.example/in/{slug}-{subject.entity_id[:8]}"


def _email(subject: Subject) -> str:
    local = ".".join(subject.handle.split())
    if not local.isascii():
        local = f"person.{subject.entity_id[:8]}"
    return f"{local}@{subject.domain}"


def _phone(seed: int) -> dict[str, Any]:
    return {  # invented, except number, type and is_wrong_number (API facts 5.1)
        "object": "phone_number",
        "id": f"phone-{seed:015x}",
        "number": f"+1555{seed % 10_000_000:07d}",
        "type": "mobile",
        "source": "sandbox",
        "is_wrong_number": False,
        "is_dnc_listed": False,
    }
