"""Invented people, with every field the guide lists (api-notes: person-fields).

The guide does not list the fields of experiences, educations, languages and phone numbers, nor
the values of ``gender`` or the form of dates (api-notes: nested-fields, dates): **all of these are
invented here**.

One person takes some microseconds: the nested objects come out of pools that all people share,
and a shared object is never changed.

Invented companies, with every field the guide lists (api-notes: company-fields).

The items of ``locations`` are documented for ``address``, ``is_primary`` and ``country`` only
(api-notes: locations), ``location_details`` for ``city``, ``state``, ``country``; **the other keys
are invented**, as are the labels of the two headcount maps and the form of the dates.
"""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import Any

from amplemarket_source.sandbox.identity import Subject, company_subject
from amplemarket_source.sandbox.options import Variant

__all__ = ["CITIES", "company", "company_name", "person", "varied"]

_KEPT = ("id", "object")
_MAPS = ("department_headcount", "job_function_headcount")
_NESTED = "company"


def varied(entity: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """``entity`` (a Person or Company) as ``variant`` wants it; the nested company is left alone.

    ``fewer`` keeps the first half of each list and map, at least one; ``nulls`` empties all.
    """
    if variant.children == "full" and not variant.nulls:
        return entity
    return {
        key: value if key in _KEPT or key == _NESTED else _varied(key, value, variant)
        for key, value in entity.items()
    }


def _varied(key: str, value: Any, variant: Variant) -> Any:
    empty = variant.nulls or variant.children == "none"
    if isinstance(value, list):
        return [] if empty else value[: _half(value)]
    if key in _MAPS:
        return {} if empty else dict(list(value.items())[: _half(value)])
    return None if variant.nulls else value


def _half(items: Any) -> int:
    return (len(items) + 1) // 2


CITIES = (
    ("Lisbon", "Lisbon", "Portugal"),
    ("São Paulo", "São Paulo", "Brazil"),
    ("New York", "New York", "United States"),
    ("Zürich", "Zürich", "Switzerland"),
    ("Nairobi", "Nairobi County", "Kenya"),
    ("Kyoto", "Kyoto Prefecture", "Japan"),
    ("Toronto", "Ontario", "Canada"),
    ("Kraków", "Lesser Poland", "Poland"),
)
_INDUSTRIES = ("Computer Software", "Financial Services", "Retail", "Hospital & Health Care")
_TYPES = ("Public Company", "Privately Held", "Nonprofit", "Partnership")
_STAGES = ("Seed", "Series A", "Series B", "Series C")
_SIZES = (
    (10, "1-10 employees"),
    (50, "11-50 employees"),
    (200, "51-200 employees"),
    (500, "201-500 employees"),
    (1000, "501-1000 employees"),
    (5000, "1001-5000 employees"),
    (10000, "5001-10000 employees"),
)
_REVENUES = ("$1M-$10M", "$10M-$50M", "$50M-$100M", "$100M-$500M")
_DEPARTMENTS = (
    "Engineering & Technical",
    "Finance & Accounting",
    "IT & Information Security",
    "Marketing",
    "Revenue",
    "Senior Leadership",
)
_JOB_FUNCTIONS = ("Software Engineering", "Sales & Partnerships", "Support", "Human Resources")
_KEYWORDS = tuple(f"keyword {number}" for number in range(60))
_TECHNOLOGIES = tuple(f"Technology {number}" for number in range(200))
_OVERVIEW = "Makes invented things for invented people, “well and often”.\nSince {year} in {city}."


def company_name(domain: str) -> str:
    """``blue-sky.example`` is called Blue Sky."""
    return domain.split(".", 1)[0].replace("-", " ").title()


def company(subject: Subject, variant: Variant) -> dict[str, Any]:
    """The Company object of a company, or of a person's employer; callers share it, so it is never
    changed."""
    found = _company(subject.domain, variant)
    if subject.email or variant.nulls or subject.linkedin_url == found["linkedin_url"]:
        return found
    return {**found, "linkedin_url": subject.linkedin_url}


@lru_cache(maxsize=4096)
def _company(domain: str, variant: Variant) -> dict[str, Any]:
    full = _full(company_subject(domain), variant.generation)
    if variant.codes == "strings":
        full |= {name: [str(code) for code in full[name]] for name in ("sic_codes", "naics_codes")}
    if variant.funding_events:
        full["funding_events"] = _funding_events(full)
    return varied(full, variant)


def _funding_events(full: dict[str, Any]) -> list[dict[str, Any]]:
    """Newest first; ``amount`` is what clients read, **the other keys are invented**."""
    year = int(full["latest_funding_date"][:4])
    return [
        {"amount": full["total_funding"] // 2, "stage": stage, "date": f"{year - age}-01-01"}
        for age, stage in enumerate((full["latest_funding_stage"], "Seed"))
    ]


def _full(subject: Subject, generation: int) -> dict[str, Any]:
    random = Random(subject.seed)
    slug = subject.domain.split(".", 1)[0]
    city, state, country = random.choice(CITIES)
    year = random.randrange(1950, 2024)
    people = random.randrange(1, 20_000) + generation
    return {
        "id": subject.entity_id,
        "object": "company",
        "name": company_name(subject.domain),
        "linkedin_url": subject.linkedin_url,
        "website": f"https://{subject.domain}",
        "overview": _OVERVIEW.format(year=year, city=city),
        "logo_url": f"https://images.example/companies/{slug}.png",
        "founded_year": year,
        "traffic_rank": random.randrange(1, 5_000_000),
        "sic_codes": random.sample(range(1000, 9000), 2),
        "naics_codes": random.sample(range(111_000, 928_000), 2),
        "type": random.choice(_TYPES),
        "total_funding": random.randrange(0, 500) * 100_000,
        "latest_funding_stage": random.choice(_STAGES),
        "latest_funding_date": f"{random.randrange(2015, 2025)}-{random.randrange(1, 13):02d}-01",
        "keywords": random.sample(_KEYWORDS, 6),
        "estimated_number_of_employees": people,
        "followers": people * 7,
        "size": next((label for most, label in _SIZES if people <= most), "10001+ employees"),
        "industry": random.choice(_INDUSTRIES),
        "location": f"{city}, {state}, {country}",
        "location_details": {"city": city, "state": state, "country": country},
        "locations": [
            _location(random, (city, state, country), is_primary=True),
            _location(random, random.choice(CITIES), is_primary=False),
        ],
        "is_b2b": random.random() < 0.8,
        "is_b2c": random.random() < 0.4,
        "technologies": random.sample(_TECHNOLOGIES, 10),
        "department_headcount": {label: people // share for share, label in _shares(_DEPARTMENTS)},
        "job_function_headcount": {
            label: people // share for share, label in _shares(_JOB_FUNCTIONS)
        },
        "estimated_revenue": random.choice(_REVENUES),
        "revenue": random.randrange(1, 5_000) * 100_000,
    }


def _shares(labels: tuple[str, ...]) -> enumerate[str]:
    return enumerate(labels, start=len(labels))


def _location(random: Random, city: tuple[str, str, str], *, is_primary: bool) -> dict[str, Any]:
    street = f"{random.randrange(1, 200)} Invented Street"
    return {
        "address": f"{street}, {city[0]}, {city[2]}",
        "is_primary": is_primary,
        "country": city[2],
        # Not documented, invented:
        "city": city[0],
        "state": city[1],
        "postal_code": f"{random.randrange(10_000, 99_999)}",
    }


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
        "linkedin_url": subject.linkedin_url,
        "name": f"{first} {last}",
        "email": subject.email if reveal_email else None,
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
    parts = [part.title() for part in _SEPARATORS.split(subject.handle) if part]
    if not parts:
        parts = ["Sam"]
    if len(parts) == 1:
        parts.append(_LAST_NAMES[subject.seed % len(_LAST_NAMES)])
    return parts[0], " ".join(parts[1:])


def _phone(seed: int) -> dict[str, Any]:
    return {  # invented, except number, type and is_wrong_number (api-notes: nested-fields)
        "object": "phone_number",
        "id": f"phone-{seed:015x}",
        "number": f"+1555{seed % 10_000_000:07d}",
        "type": "mobile",
        "source": "sandbox",
        "is_wrong_number": False,
        "is_dnc_listed": False,
    }
