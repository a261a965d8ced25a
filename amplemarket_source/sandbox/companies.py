"""Invented companies, with every field the guide lists (section "Company Object").

The items of ``locations`` are documented for ``address``, ``is_primary`` and ``country`` only
(API facts 6), ``location_details`` for ``city``, ``state``, ``country``; **the other keys are
invented**, as are the labels of the two headcount maps and the form of the dates.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Any

from amplemarket_source.sandbox.identity import Subject, company_subject
from amplemarket_source.sandbox.options import Variant
from amplemarket_source.sandbox.variants import varied

__all__ = ["CITIES", "company", "company_name"]

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
    """The Company object for a subject. It is shared between callers and never changed."""
    return _company(subject.domain, variant)


@lru_cache(maxsize=4096)
def _company(domain: str, variant: Variant) -> dict[str, Any]:
    return varied(_full(company_subject(domain), variant.generation), variant)


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
        "linkedin_url": f"https://linkedin.example/company/{slug}",
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
