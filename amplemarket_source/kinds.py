"""The two things that can be enriched, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["COMPANIES", "KINDS", "PEOPLE", "Kind", "KindName", "kind_named"]

KindName = Literal["people", "companies"]


@dataclass(frozen=True)
class Kind:
    """An enrichable kind.

    Attributes:
        name: ``people`` or ``companies``; the value of every ``kind`` column.
        path: the enrichment endpoint (API facts 2.1 and 3).
        payload_key: the array of the POST body.
        identifying: the fields that are sent, echoed and hashed into ``lead_key``, in the order
            the hash takes them.
        entity_table: where the found entity lands.
        credits_per_found: email credits for one found entity. People: 0.5, documented.
            Companies: not published; 0.5 is what users budget (API facts 3).
    """

    name: KindName
    path: str
    payload_key: str
    identifying: tuple[str, ...]
    entity_table: str
    credits_per_found: float


PEOPLE = Kind(
    name="people",
    path="/people/enrichment-requests",
    payload_key="leads",
    identifying=("email", "linkedin_url", "company_domain", "company_name", "name", "title"),
    entity_table="people",
    credits_per_found=0.5,
)

COMPANIES = Kind(
    name="companies",
    path="/companies/enrichment-requests",
    payload_key="companies",
    identifying=("domain", "linkedin_url"),
    entity_table="companies",
    credits_per_found=0.5,
)

KINDS: tuple[Kind, ...] = (PEOPLE, COMPANIES)


def kind_named(name: str) -> Kind:
    """The kind called ``name``.

    Raises:
        KeyError: there is no such kind.
    """
    return {kind.name: kind for kind in KINDS}[name]  # type: ignore[index]
