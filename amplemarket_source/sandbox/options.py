"""What the server knows of the API, and what can be set on it.

Settings are pure data, so that code, a command line and HTTP can all set them. Nothing here or in
the other modules comes from the product: the server stands for the vendor.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Literal, Protocol

import msgspec

__all__ = [
    "COMPANIES",
    "KINDS",
    "PEOPLE",
    "VALIDATIONS",
    "Clock",
    "Kind",
    "KindName",
    "SandboxOptions",
    "SystemClock",
    "Variant",
    "WorkspaceSizes",
    "changed",
    "kind_named",
]

KindName = Literal["people", "companies", "email_validations"]


@dataclass(frozen=True)
class Kind:
    """What can be asked for in batches: its path, the array of the POST, its fields, its price."""

    name: KindName
    path: str
    payload_key: str
    identifying: tuple[str, ...]
    credits_per_found: float


PEOPLE = Kind(
    "people",
    "/people/enrichment-requests",
    "leads",
    ("email", "linkedin_url", "company_domain", "company_name", "name", "title"),
    0.5,
)
COMPANIES = Kind(
    "companies", "/companies/enrichment-requests", "companies", ("domain", "linkedin_url"), 0.5
)
VALIDATIONS = Kind("email_validations", "/email-validations", "emails", ("email",), 1.0)
KINDS = (PEOPLE, COMPANIES, VALIDATIONS)


def kind_named(name: KindName) -> Kind:
    """The kind called ``name``; ``KeyError`` where there is none."""
    return {kind.name: kind for kind in KINDS}[name]


class Clock(Protocol):
    """What the server asks of time; a test may turn it."""

    def now(self) -> datetime:
        """The wall clock, aware."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Variant:
    """What shapes the invented answers. A request keeps the variant it was accepted under.

    Attributes:
        generation: any number; another one gives the same people another title, another start
            date and their company another headcount, as if time had passed.
        children: ``full`` lists, ``fewer`` elements in each list, or ``none``.
        nulls: every field but ``id`` and ``object`` is null, every list and map empty.
        not_found_prefixes, removed_prefixes: see the package's docstring.
        odd_identifiers: what becomes of a lead with a URL for a domain, or with a LinkedIn URL that
            is no profile's: nobody is found, the lead is ``refused`` with 400, or it is ``found``
            all the same (api-notes: domains).
        missing_result: ``result`` of a row without a person is ``null`` or ``absent``
            (api-notes: result-row).
        codes: of industries, ``integers`` or ``strings`` of digits (api-notes: codes).
        funding_events: a company has that list too, which no text has (api-notes: company-fields).
    """

    generation: int = 0
    children: Literal["full", "fewer", "none"] = "full"
    nulls: bool = False
    not_found_prefixes: tuple[str, ...] = ("notfound", "missing")
    removed_prefixes: tuple[str, ...] = ("removed", "gdpr")
    odd_identifiers: Literal["not_found", "refused", "found"] = "not_found"
    missing_result: Literal["null", "absent"] = "null"
    codes: Literal["integers", "strings"] = "integers"
    funding_events: bool = False

    @property
    def has_emails(self) -> bool:
        """Whether an address that is asked for comes."""
        return not self.nulls

    @property
    def has_phones(self) -> bool:
        """Whether phone numbers that are asked for come."""
        return not self.nulls and self.children != "none"


@dataclass(frozen=True)
class WorkspaceSizes:
    """How much there is in the invented workspace, and what it is drawn from.

    Rows are made when they are asked for, so a million of them are no more than one. A stream's
    rows stay as they are when it grows: the new ones come after them.

    Attributes:
        seed: another one gives other ids, names and times.
        users, sequences, mailboxes, lead_lists, calls, accounts: how many there are.
        excluded_domains, excluded_emails: how many there are.
        tasks_per_user, leads_per_list: of each user, and in each lead list.
        contacts: people who are tasks' and calls' contacts, the first of the searchable ones.
        people: whom a search can find.
        job_openings_per_company: of any company that is asked for.
        seconds_between_calls: how far the starts of two calls in a row are apart.
    """

    seed: int = 0
    users: int = 25
    sequences: int = 30
    mailboxes: int = 45
    lead_lists: int = 12
    leads_per_list: int = 130
    tasks_per_user: int = 24
    calls: int = 150
    contacts: int = 400
    accounts: int = 60
    excluded_domains: int = 40
    excluded_emails: int = 60
    people: int = 2_000
    job_openings_per_company: int = 3
    seconds_between_calls: int = 3_600


@dataclass(frozen=True)
class SandboxOptions:
    """Settings of one server; each can be changed while it runs (``POST /_sandbox/options``).

    Attributes:
        api_keys: the bearer tokens that are accepted.
        account_id, account_name: what ``GET /account-info`` calls the account.
        polls_until_done: the n-th GET of a request shows it completed; the ones before show it
            queued, then processing. Counting polls makes every test deterministic.
        seconds_until_done: when set, time decides instead, by the injected clock.
        retry_after: seconds in ``Retry-After`` while a request is not finished.
        requests_per_minute: answered per ``window_seconds``, the rest is 429; 500 is documented
            (api-notes: rate-limit). None switches it off, and with it the limits of single
            endpoints: 350 of ``/people/find``, 300 of a search, 50 recordings an hour.
        window_seconds: the sliding window; shorter than a minute makes a test shorter.
        latency: seconds before each answer.
        email_credits, phone_credits: what the account may spend in all; None is without end.
        insufficient_status: HTTP status of ``insufficient_credits``, which is not documented
            (api-notes: no-credits); 402 is likely, 400 and 403 are possible.
        max_leads: leads (or companies) in one request; 10,000 (api-notes: batch-size).
        max_emails: addresses in one order of validations; 100,000 (api-notes: email-validations).
        validations_per_hour: when set, this many addresses are validated in an hour of the clock;
            15,000 is documented. Else polls (or ``seconds_until_done``) decide, as of the others.
        search_costs: a search takes half a credit for each row, as the vendor's own tools say;
            clients measured that it is free (api-notes: search).
        page_size: rows of an enrichment's page that asks for no number, and the most one holds.
        large_pages: a page size above the endpoint's largest page is ``cut`` to it, served in
            ``full``, or ``refused`` with 400; the first two are possible (api-notes: page-size).
        unknown_parameters: query parameters that mean nothing are ``ignored`` or ``refused``.
        pending_finds: how many identical GETs of ``/people/find`` with a reveal say 202 first;
            clients take the first answer for the last (api-notes: pending-reveal).
        find_reveals_known_email: ``/people/find`` takes ``email`` together with ``reveal_email``;
            the API refuses that (api-notes: known-email).
        batch_with_known_email: what becomes of a lead with ``email`` in a batch that reveals
            addresses, which nobody knows: it is ``accepted`` like any other, the batch is
            ``refused``, or the address is ``omitted`` from the row and not charged.
        gzip: compress answers for clients that accept it.
        creator_ids: the form of a sequence's ``created_by_user_id``: 40 hexadecimal digits as in
            its example (``hex``), or the ``uuid`` of the user's own (api-notes: sequence-creator).
        list_owner: a lead list's ``owner``, an ``email`` or an ``object`` with it.
        task_order: how a user's tasks are listed, of which nobody knows (api-notes:
            order-of-lists): ``oldest_first`` or ``newest_first`` by when they came to be, or
            ``last_finished_first``, before which come those that are not finished.
        variant: what the invented answers look like.
        workspace: what is in the workspace.
    """

    api_keys: tuple[str, ...] = ("sandbox-key",)
    account_id: str = "00000000-0000-7000-8000-000000000001"
    account_name: str = "Sandbox"
    polls_until_done: int = 2
    seconds_until_done: float | None = None
    retry_after: float = 1
    requests_per_minute: int | None = 500
    window_seconds: float = 60.0
    latency: float = 0.0
    email_credits: float | None = None
    phone_credits: float | None = None
    insufficient_status: int = 402
    max_leads: int = 10_000
    max_emails: int = 100_000
    validations_per_hour: int | None = None
    search_costs: bool = False
    page_size: int = 100
    large_pages: Literal["cut", "full", "refused"] = "cut"
    unknown_parameters: Literal["ignored", "refused"] = "ignored"
    pending_finds: int = 0
    find_reveals_known_email: bool = False
    batch_with_known_email: Literal["accepted", "refused", "omitted"] = "accepted"
    gzip: bool = False
    creator_ids: Literal["hex", "uuid"] = "hex"
    list_owner: Literal["email", "object"] = "email"
    task_order: Literal["oldest_first", "newest_first", "last_finished_first"] = "oldest_first"
    variant: Variant = Variant()
    workspace: WorkspaceSizes = WorkspaceSizes()

    @property
    def retry_after_header(self) -> str:
        """``retry_after`` as the header says it."""
        return f"{self.retry_after:g}"


_NESTED = ("variant", "workspace")


def changed(options: SandboxOptions, changes: Mapping[str, Any]) -> SandboxOptions:
    """``options`` with some of them changed; the fields of ``variant`` and of ``workspace`` count
    as options.

    Example::

        changed(SandboxOptions(), {"polls_until_done": 1, "children": "none", "calls": 1_000_000})

    Raises:
        ValueError: there is no such option, or its value has another type.
    """
    own = dict(changes)
    for nested in _NESTED:
        part = getattr(options, nested)
        fields = {name: own.pop(name) for name in changes if name in part.__dataclass_fields__}
        if fields:
            own[nested] = replace(own.get(nested, part), **fields)
    unknown = own.keys() - options.__dataclass_fields__.keys()
    if unknown:
        raise ValueError(f"no such option: {', '.join(sorted(unknown))}")
    result = replace(options, **own)
    return msgspec.convert(msgspec.to_builtins(result), SandboxOptions)  # checks the types
