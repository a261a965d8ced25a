"""What can be bought: people, companies, verdicts on e-mail addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "COMPANIES",
    "EMAILS",
    "ENRICHED",
    "KINDS",
    "LEAD_FIELDS",
    "OF_PEOPLE",
    "PEOPLE",
    "Kind",
    "KindName",
    "kind_named",
]

KindName = Literal["people", "companies", "emails"]


@dataclass(frozen=True)
class Kind:
    """Something that is bought by requests, a list at a time.

    Attributes:
        name: ``people``, ``companies`` or ``emails``; the value of every ``kind`` column.
        table: in which the found entity, or the verdict, lands.
        path: the endpoint (api-notes: endpoints, company-batch, email-validations).
        payload_key: the array of the POST body.
        identifying: the fields that are sent, echoed and hashed into ``lead_key``, in the order
            the hash takes them.
        credits_per_found: email credits for one found entity. People: 0.5, documented.
            Companies: not published; 0.5 is what users budget (api-notes: company-credits). An
            address that is validated: 1, whatever the verdict (api-notes: email-validations).
        has_reveals: e-mail addresses and phone numbers can be asked for, for credits.
        about_people: a lead says something of a person, so an erasure reaches it.
        result_column: of ``enrichment_results``, with the id of what was found; None where the
            ``lead_key`` says it.
        charges_each: every lead of a request costs, each time; else only who is found, and not
            again within 24 hours (api-notes: credits).
        answers_in_rows: a row of ``results`` is the answer itself, without status or ``result``.
        passes_over_blank: an input row in which no identifying field stands is counted and no
            reject: the list may be a table of people, of whom not everybody has an address.
        per_hour: how many the API works off in an hour; None where it does not say.
        poll_seconds: between two polls, where ``Retry-After`` is missing (api-notes:
            poll-interval).
    """

    name: KindName
    table: str
    path: str
    payload_key: str
    identifying: tuple[str, ...]
    credits_per_found: float
    has_reveals: bool = False
    about_people: bool = False
    result_column: str | None = None
    charges_each: bool = False
    answers_in_rows: bool = False
    passes_over_blank: bool = False
    per_hour: int | None = None
    poll_seconds: float = 5.0

    def seconds_for(self, count: int) -> float:
        """The least that the API needs for so many, by what it says itself; 0 if it does not."""
        return 0.0 if self.per_hour is None else count * 3600 / self.per_hour


PEOPLE = Kind(
    name="people",
    table="people",
    path="/people/enrichment-requests",
    payload_key="leads",
    identifying=("email", "linkedin_url", "company_domain", "company_name", "name", "title"),
    credits_per_found=0.5,
    has_reveals=True,
    about_people=True,
    result_column="person_id",
)

COMPANIES = Kind(
    name="companies",
    table="companies",
    path="/companies/enrichment-requests",
    payload_key="companies",
    identifying=("domain", "linkedin_url"),
    credits_per_found=0.5,
    result_column="company_id",
)

EMAILS = Kind(
    name="emails",
    table="email_validations",
    path="/email-validations",
    payload_key="emails",
    identifying=("email",),
    credits_per_found=1.0,
    about_people=True,
    charges_each=True,
    answers_in_rows=True,
    passes_over_blank=True,
    per_hour=15_000,
    poll_seconds=30.0,
)

ENRICHED: tuple[Kind, ...] = (PEOPLE, COMPANIES)
"""What the dlt source has a resource for, and a search finds."""

KINDS: tuple[Kind, ...] = (*ENRICHED, EMAILS)
"""All that the ledger knows."""

OF_PEOPLE = f"kind IN ({', '.join(repr(kind.name) for kind in KINDS if kind.about_people)})"
"""The SQL condition on a row that is about a person's lead."""

LEAD_FIELDS: tuple[str, ...] = tuple(
    dict.fromkeys(name for kind in KINDS for name in kind.identifying)
)
"""The identifying fields of all kinds, in the order the tables have them."""


def kind_named(name: str) -> Kind:
    """The kind called ``name``.

    Raises:
        KeyError: there is no such kind.
    """
    return {kind.name: kind for kind in KINDS}[name]  # type: ignore[index]
