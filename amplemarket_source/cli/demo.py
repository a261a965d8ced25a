"""Invented leads for ``run people --sandbox`` without a list: some of every kind."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["demo_companies", "demo_leads"]

_FIRST = (
    "Ada", "Grace", "Edsger", "Barbara", "Alan", "Katherine", "Donald", "Radia", "Tim", "Hedy",
)  # fmt: skip
_LAST = (
    "Quill", "Marsh", "Okafor", "Lindqvist", "Moreau", "Tanaka", "Silva", "Novak", "Haddad",
    "Byrne", "Castell", "Ferro",
)  # fmt: skip


def demo_leads() -> list[dict[str, str]]:
    """250 leads: by e-mail, LinkedIn URL and name with company; duplicates, misses, removed
    people, and rows that identify nobody."""
    return [lead | {"external_id": f"demo-{i}"} for i, lead in enumerate(_leads(), start=1)]


def demo_companies() -> list[dict[str, str]]:
    """40 companies, some twice, one that is not found, one row that identifies none."""
    companies = [{"domain": f"company-{i:03d}.example"} for i in range(36)]
    spelt = {"domain": "https://www.Company-001.example/about"}
    return [*companies, spelt, {"domain": "notfound.example"}, {"domain": " "}, companies[0]]


def _leads() -> Iterator[dict[str, str]]:
    people = [(first, last) for last in _LAST for first in _FIRST]
    for i, (first, last) in enumerate(people):
        yield {"email": f"{first}.{last}@company-{i % 40:03d}.example".lower()}
    for first, last in people[:70]:
        yield {"linkedin_url": f"https://www.linkedin.example/in/{first}-{last}".lower()}
    for i, (first, last) in enumerate(people[70:100]):
        yield {"name": f"{first} {last}", "company_domain": f"company-{i:03d}.example"}
    for first, last in people[:10]:
        # The same person, spelt another way: one purchase.
        yield {"linkedin_url": f"http://LinkedIn.example/in/{first}-{last}/?trk=mail"}
    for i in range(12):
        yield {"email": f"notfound{i}@company-{i:03d}.example"}
    for i in range(3):
        yield {"email": f"removed{i}@company-{i:03d}.example"}
    yield from ({"email": "not an address"}, {"name": "Nobody"}, {"title": "CEO"})
    yield from ({"email": "two@at@signs.example"}, {"company_name": "Only A Company"})
