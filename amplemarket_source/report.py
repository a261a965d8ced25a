"""What a run did, for the summary a person reads and the JSON a scheduler reads."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from amplemarket_source.api import CallStats
from amplemarket_source.errors import (
    AmplemarketError,
    CreditCapReached,
    ExitCode,
    InsufficientCredits,
    KeyRefused,
    OutcomeUnknown,
    Unfinished,
)
from amplemarket_source.model import UNSETTLED, Batch, Plan, RequestRecord

__all__ = ["RunReport", "WhyNotBought"]


WhyNotBought = Literal["max_credits", "insufficient_credits", "held", "stopped", "error"]
"""Why leads were not sent: the cap; the account; a request before them is held; the run was
stopped; something else ended the buying."""


class RunReport:
    """Counts what happens; each method may be called from any thread, and nothing else changes it.

    Attributes:
        plan: what was to be done.
        outcomes: leads by outcome (``enriched`` ...), as they were answered.
        leads_never_asked: leads of requests that ended early; the next run buys them.
        credits: ``email_credits_estimated`` and ``phone_credits_estimated`` of what was loaded,
            ``email_credits_max`` and ``phone_credits_max`` of what was bought.
        rows: rows that went into each table.
        rejects: what could not be taken as it was, by reason.
        new_fields: columns that this run met for the first time, with their type.
        seconds: by stage: ``plan``, ``wait`` (for the API, with nothing to load), ``flatten`` and
            ``load``, which follow each other, and ``total``.
        errors: what ended the buying or a request.
        tables: rows that each table has at the end; empty until then.
        not_bought_for: leads that were planned and not sent, by reason.
        held_requests: credits at stake by ``request_key``.
        requests_of_others: whose key is needed, by ``request_key``, for requests in flight that
            another account bought, or another API.

    Example::

        report = enrich(pipeline, leads="leads.csv")
        report.raise_unless_settled()
        report.rows["people"], report.credits["email_credits_estimated"]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: CallStats | None = None
        self.plan = Plan()
        self.outcomes: Counter[str] = Counter()
        self.credits: defaultdict[str, float] = defaultdict(float)
        self.rows: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        self.new_fields: dict[str, str] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.errors: list[AmplemarketError] = []
        self.tables: dict[str, int] = {}
        self.rows_fetched = 0
        self.requests_bought = 0
        self.leads_bought = 0
        self.not_bought_for: Counter[WhyNotBought] = Counter()
        self.leads_never_asked = 0
        self.requests_resumed = 0
        self.requests_loaded = 0
        self.held_requests: dict[str, float] = {}
        self.running_requests: list[str] = []
        self.expired_requests: list[str] = []
        self.requests_of_others: dict[str, str] = {}

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.took({stage: time.monotonic() - started})

    def took(self, seconds: Mapping[str, float]) -> None:
        """Add seconds to stages."""
        with self._lock:
            for stage, more in seconds.items():
                self.seconds[stage] += more

    def planned(self, plan: Plan, open_requests: Sequence[RequestRecord]) -> None:
        """The run is about to start."""
        with self._lock:
            self.plan = plan
            for record in open_requests:
                if record.status == "held":
                    self.held_requests[record.request_key] = record.credits_at_stake
                elif record.status not in UNSETTLED:
                    self.requests_resumed += 1

    def recorded(self, rows: Mapping[str, int], refused: Mapping[str, int]) -> None:
        """Rows that went into the destination before the first POST, by table.

        Args:
            refused: input rows that cannot be sent, by reason.
        """
        with self._lock:
            self.rows.update(rows)
            self.rejects.update(refused)

    def calling(self, calls: CallStats) -> None:
        """The API is about to be asked; ``calls`` counts from now on."""
        self._calls = calls

    def count_rows(self, rows: int) -> None:
        """A page reached the disk."""
        with self._lock:
            self.rows_fetched += rows

    def bought(self, batch: Batch) -> None:
        """The API took a batch."""
        with self._lock:
            self.requests_bought += 1
            self.leads_bought += batch.lead_count
            self.credits["email_credits_max"] += batch.email_credits
            self.credits["phone_credits_max"] += batch.phone_credits

    def not_bought(self, leads: int, why: WhyNotBought) -> None:
        """Leads were planned and not sent."""
        with self._lock:
            self.not_bought_for[why] += leads

    @property
    def leads_not_bought(self) -> int:
        """Leads that were planned and not sent, for whatever reason."""
        return self.not_bought_for.total()

    def refused(self, reasons: Mapping[str, int]) -> None:
        """The API refused leads of a batch, by reason."""
        with self._lock:
            self.rejects.update(reasons)

    def held(self, batch: Batch, error: OutcomeUnknown) -> None:
        """Nobody knows whether a batch was bought."""
        with self._lock:
            self.held_requests[batch.request_key] = batch.credits_at_stake
            self.errors.append(error)

    def still_running(self, record: RequestRecord) -> None:
        """A request is left to the next run."""
        with self._lock:
            self.running_requests.append(record.request_key)

    def expired(self, record: RequestRecord) -> None:
        """The API does not know a request any more."""
        with self._lock:
            self.expired_requests.append(record.request_key)

    def of_another_account(self, record: RequestRecord) -> None:
        """A request in flight is not this key's to ask for."""
        with self._lock:
            self.requests_of_others[record.request_key] = str(record.buyer)

    def failed(self, error: AmplemarketError) -> None:
        """Something ended the buying or a request; the cap, which all come to, is told once."""
        with self._lock:
            if not (_is_cap(error) and any(map(_is_cap, self.errors))):
                self.errors.append(error)

    def answered(self, outcomes: Mapping[str, int], never_asked: int) -> None:
        """Leads have outcomes.

        Args:
            never_asked: of the unanswered ones, those whose request ended early.
        """
        with self._lock:
            self.outcomes.update(outcomes)
            self.leads_never_asked += never_asked

    def loading(
        self,
        rows: Mapping[str, int],
        *,
        cost: Mapping[str, float] | None = None,
        rejects: Mapping[str, int] | None = None,
    ) -> None:
        """Rows go into tables, with what they cost and what could not be taken."""
        with self._lock:
            self.rows.update(rows)
            self.rejects.update(rejects or {})
            for name, more in (cost or {}).items():
                self.credits[name] += more

    def loaded(self, requests: int, new_fields: Mapping[str, str]) -> None:
        """Requests were read to their end; they brought fields nobody had seen."""
        with self._lock:
            self.requests_loaded += requests
            self.new_fields.update(new_fields)

    def ended(self, tables: Mapping[str, int]) -> None:
        """The run is over, and this is what the tables hold."""
        self.tables = dict(tables)

    @property
    def requests(self) -> dict[str, Any]:
        """What became of the run's requests and of those it found."""
        return {
            "bought": self.requests_bought,
            "resumed": self.requests_resumed,
            "loaded": self.requests_loaded,
            "held": self.held_requests,
            "running": self.running_requests,
            "expired": self.expired_requests,
            "of_others": self.requests_of_others,
        }

    @property
    def needs_a_person(self) -> bool:
        """Whether a request is held or expired: `amplemarket release` decides, time does not."""
        return bool(self.held_requests or self.expired_requests)

    @property
    def exit_code(self) -> int:
        """0 if every lead is settled; else the most telling reason."""
        for telling in (KeyRefused, InsufficientCredits, CreditCapReached):
            if any(isinstance(error, telling) for error in self.errors):
                return telling.exit_code
        codes = {error.exit_code for error in self.errors}
        for code in (ExitCode.DESTINATION, ExitCode.API, ExitCode.USAGE):
            if code in codes:
                return code
        unsettled = (
            self.held_requests
            or self.running_requests
            or self.expired_requests
            or self.requests_of_others
            or self.leads_not_bought
            or self.leads_never_asked
            or self.errors
        )
        return ExitCode.UNFINISHED if unsettled else ExitCode.SETTLED

    def raise_unless_settled(self) -> None:
        """Return if every lead is settled.

        Raises:
            Unfinished: with the run's exit code; says what is open and what to do.
        """
        if self.exit_code == ExitCode.SETTLED:
            return
        counts = {
            "requests held": len(self.held_requests),
            "requests expired": len(self.expired_requests),
            "requests still running": len(self.running_requests),
            "requests of another account": len(self.requests_of_others),
            "leads not bought": self.leads_not_bought,
            "leads of requests that ended early": self.leads_never_asked,
        }
        open_ = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        reasons = " ".join(str(error) for error in self.errors[:1])
        advice = "Run again to go on."
        if self.needs_a_person:
            advice = "`amplemarket status` shows which to release."
        elif self.exit_code == ExitCode.CREDITS:
            advice = ""  # the reason says what helps
        what = f"Not every lead is settled: {open_ or 'the run ended early'}. {reasons} {advice}"
        raise Unfinished(
            what.rstrip(),
            exit_code=self.exit_code,
            needs_a_person=self.needs_a_person,
        )

    def figures(self) -> dict[str, float]:
        """The columns of ``enrichment_runs`` that count something."""
        kinds = self.plan.kinds
        return {
            "leads_read": sum(kind.read for kind in kinds),
            "leads_invalid": sum(kind.invalid for kind in kinds),
            "leads_known": sum(kind.fresh for kind in kinds),
            "leads_bought": self.leads_bought,
            "leads_not_bought": self.leads_not_bought,
            "requests_bought": self.requests_bought,
            "requests_held": len(self.held_requests),
            "email_credits_estimated": float(self.credits.get("email_credits_estimated", 0)),
            "phone_credits_estimated": float(self.credits.get("phone_credits_estimated", 0)),
            "rows_loaded": self.rows.total(),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket run --json`` prints it."""
        calls = self._calls
        return {
            **self.plan.to_dict(),
            "requests": self.requests,
            "leads": {
                "bought": self.leads_bought,
                "not_bought": self.leads_not_bought,
                "not_bought_for": dict(self.not_bought_for),
                "never_asked": self.leads_never_asked,
            },
            "outcomes": dict(self.outcomes),
            "credits": dict(self.credits),
            "rows": dict(self.rows),
            "tables": self.tables,
            "rejects": dict(self.rejects),
            "new_fields": self.new_fields,
            "api": {
                "calls": dict(calls.calls) if calls else {},
                "retries": calls.retries if calls else 0,
                "throttled": calls.throttled if calls else 0,
                # Summed over the threads that fetch; they run beside the stages in ``seconds``.
                "fetch_seconds": round(calls.api_seconds, 3) if calls else 0.0,
                "pacing_seconds": round(calls.pacing_seconds, 3) if calls else 0.0,
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "errors": [
                {"error": type(error).__name__, "message": str(error)} for error in self.errors
            ],
            "needs_a_person": self.needs_a_person,
            "exit_code": int(self.exit_code),
        }


def _is_cap(error: AmplemarketError) -> bool:
    return isinstance(error, CreditCapReached)
