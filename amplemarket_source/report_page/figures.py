"""The figures of the report: plain numbers, times and names of columns; nobody is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from amplemarket_source.model import TERMINAL, UNSETTLED

__all__ = [
    "Erasures",
    "Figures",
    "Fill",
    "JobChanges",
    "NewField",
    "Outcome",
    "Rejects",
    "Request",
    "Run",
    "Spent",
    "Unit",
]

Unit = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Request:
    """A row of ``enrichment_requests``; a count that is not known yet is 0.

    Attributes:
        is_loaded: its answers are in the tables.
    """

    request_key: str
    kind: str
    request_id: str | None
    status: str
    label: str | None
    run_key: str | None
    origin: str | None
    error_code: str | None
    lead_count: int
    enriched_count: int
    not_found_count: int
    gdpr_removed_count: int
    unanswered_count: int
    email_credits_max: float
    phone_credits_max: float
    email_credits_estimated: float
    phone_credits_estimated: float
    submitted_at: datetime | None
    completed_at: datetime | None
    loaded_at: datetime | None
    is_loaded: bool

    @property
    def needs_a_person(self) -> bool:
        """Held or expired: `amplemarket release` decides."""
        return not self.is_loaded and self.status in UNSETTLED

    @property
    def is_in_flight(self) -> bool:
        """The next run, or `amplemarket resume`, goes on with it."""
        return not self.is_loaded and self.status not in (*UNSETTLED, "dropped")

    @property
    def ended_early(self) -> bool:
        """It is over, and not every lead got an answer."""
        return self.status in (TERMINAL - {"completed"} | {"expired"})

    @property
    def is_spent(self) -> bool:
        """Whether money went, or may have gone, for it."""
        return self.status not in ("dropped", "intended")

    @property
    def credits_at_stake(self) -> float:
        return self.email_credits_max + self.phone_credits_max


@dataclass(frozen=True)
class Run:
    """A row of ``enrichment_runs``."""

    run_key: str
    command: str | None
    label: str | None
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int | None
    leads_read: int | None
    leads_bought: int | None
    leads_not_bought: int | None
    requests_held: int | None


@dataclass(frozen=True)
class Outcome:
    """Leads by what identified them and what came of them.

    Attributes:
        input_kind: None of leads that an earlier version recorded and erased.
    """

    kind: str
    input_kind: str | None
    status: str
    leads: int


@dataclass(frozen=True)
class Fill:
    """How many rows of a table have a value in a column."""

    table: str
    column: str
    filled: int
    rows: int

    @property
    def share(self) -> float:
        return self.filled / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Rejects:
    """What could not be taken as it was, by reason."""

    stage: str
    reason: str
    rows: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True)
class Erasures:
    """Erasures by their reason and by what was erased."""

    key_of: str
    reason: str | None
    count: int
    last_at: datetime | None


@dataclass(frozen=True)
class NewField:
    """A column that the API's guide does not name.

    Attributes:
        first_at: when dlt noted it first; None where that is not known.
    """

    table: str
    column: str
    data_type: str
    first_at: datetime | None


@dataclass(frozen=True)
class JobChanges:
    """Of the people of one request whom an earlier one had answered, how many had changed.

    Attributes:
        at: when the request was taken.
        new_title: at the same company.
    """

    at: datetime
    seen_again: int
    new_company: int
    new_title: int


@dataclass(frozen=True)
class Spent:
    """What was bought in a period, or under a label, or both.

    Attributes:
        email_credits, phone_credits: by the vendor's rules, for what was found.
        email_credits_max, phone_credits_max: the worst case, as it was planned.
    """

    requests: int = 0
    leads: int = 0
    found: int = 0
    email_credits: float = 0.0
    phone_credits: float = 0.0
    email_credits_max: float = 0.0
    phone_credits_max: float = 0.0

    @property
    def credits(self) -> float:
        return self.email_credits + self.phone_credits

    @property
    def credits_max(self) -> float:
        return self.email_credits_max + self.phone_credits_max

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Spent)))

    @classmethod
    def on(cls, request: Request) -> Spent:
        """For one request."""
        return cls(
            1,
            request.lead_count,
            request.enriched_count,
            request.email_credits_estimated,
            request.phone_credits_estimated,
            request.email_credits_max,
            request.phone_credits_max,
        )


@dataclass(frozen=True)
class Figures:
    """Everything that the report shows, with no person in it.

    Attributes:
        exists: False where the destination has no record of purchases yet; all else is empty then.
        destination: the kind of it, such as ``bigquery``.
        requests: all of them, the latest first.
        runs: the latest.
        leads_not_bought: what the last run planned and was stopped before.
        input_rows, distinct_leads: by kind.
        verdicts: addresses that were validated, by the latest result.
        ages: by table, rows by the age in days that they are not older than; None: older than all.
        fill: documented columns of people and companies, in the tables' order.
        rows: by table.
        job_changes: None where the table of earlier answers is not there.

    Example::

        figures(pipeline).spent()               # {None: Spent(requests=3, leads=400, ...)}
        figures(pipeline).to_dict()["rows"]     # {"people": 352, ...}
    """

    made_at: datetime
    destination: str
    dataset: str
    exists: bool = False
    requests: tuple[Request, ...] = ()
    runs: tuple[Run, ...] = ()
    leads_not_bought: int = 0
    input_rows: Mapping[str, int] = field(default_factory=dict)
    distinct_leads: Mapping[str, int] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    people_with_phone: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    ages: Mapping[str, Mapping[int | None, int]] = field(default_factory=dict)
    fill: tuple[Fill, ...] = ()
    rejects: tuple[Rejects, ...] = ()
    erasures: tuple[Erasures, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    new_fields: tuple[NewField, ...] = ()
    job_changes: tuple[JobChanges, ...] | None = None

    @property
    def needs_a_person(self) -> tuple[Request, ...]:
        """Requests that wait for a decision, the oldest first."""
        return tuple(request for request in reversed(self.requests) if request.needs_a_person)

    @property
    def in_flight(self) -> tuple[Request, ...]:
        """Requests that the next run goes on with, the oldest first."""
        return tuple(request for request in reversed(self.requests) if request.is_in_flight)

    @property
    def is_of_the_sandbox(self) -> bool:
        """Whether anything was bought from a server on this machine: those people are invented."""
        loopback = ("http://127.", "http://localhost", "http://[::1]")
        return any((request.origin or "").startswith(loopback) for request in self.requests)

    def spent(self, since: datetime | None = None) -> dict[str | None, Spent]:
        """By label, the dearest first; None for what has none."""
        by_label: dict[str | None, Spent] = defaultdict(Spent)
        for request in self._paid():
            if since is None or (request.submitted_at and request.submitted_at >= since):
                by_label[request.label] += Spent.on(request)
        return dict(sorted(by_label.items(), key=lambda one: -one[1].credits))

    def statement(self, unit: Unit) -> dict[tuple[datetime, str | None], Spent]:
        """By the start of the period (UTC) and the label, the oldest first."""
        lines: dict[tuple[datetime, str | None], Spent] = defaultdict(Spent)
        for request in self._paid():
            if request.submitted_at is not None:
                lines[start_of(unit, request.submitted_at), request.label] += Spent.on(request)
        return dict(sorted(lines.items(), key=lambda one: (one[0][0], one[0][1] or "")))

    def leads_by_input(self, kind: str) -> dict[str | None, dict[str, int]]:
        """By what identified a lead, leads by outcome; the most frequent input first."""
        found: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for outcome in self.outcomes:
            if outcome.kind == kind:
                found[outcome.input_kind][outcome.status] += outcome.leads
        ordered = sorted(found.items(), key=lambda one: -sum(one[1].values()))
        return {input_kind: dict(by_status) for input_kind, by_status in ordered}

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``: every figure, the statement by month, and what needs a person."""
        document = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}
        document["needs_a_person"] = [one.request_key for one in self.needs_a_person]
        document["statement"] = [
            {"month": f"{at:%Y-%m}", "label": label, **asdict(spent)}
            for (at, label), spent in self.statement("month").items()
        ]
        return document

    def _paid(self) -> Iterator[Request]:
        return (request for request in self.requests if request.is_spent)


def start_of(unit: Unit, at: datetime) -> datetime:
    """The beginning of the period (UTC) that ``at`` is in; weeks begin on Monday."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [asdict(one) for one in value]
    if isinstance(value, Mapping):
        return {
            "older" if name is None else str(name): _plain(inner) for name, inner in value.items()
        }
    return value
