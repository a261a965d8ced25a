"""What a run did, for the summary a person reads and the JSON a scheduler reads."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from amplemarket_source.api import CallStats
from amplemarket_source.errors import (
    AmplemarketError,
    CreditCapReached,
    InsufficientCredits,
    KeyRefused,
    OutcomeUnknown,
)
from amplemarket_source.plan.plan import Plan
from amplemarket_source.purchase.records import UNSETTLED, Batch, RequestRecord

__all__ = ["Report"]

_UNFINISHED = 5


class Report:
    """Counts what happens, from several threads.

    Attributes:
        plans: one for each kind of input.
        calls: the API client's own figures, once there were calls.
        outcomes: leads by outcome (``enriched`` ...), as loaded.
        credits: ``email_credits_estimated`` and ``phone_credits_estimated`` of what was loaded,
            ``email_credits_max`` and ``phone_credits_max`` of what was bought.
        loaded: rows by table.
        new_fields: columns that this run met for the first time, with their type.
        seconds: by stage: ``plan``, ``wait`` (for the API, with nothing to load), ``flatten`` and
            ``load``, which follow each other, and ``total``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.plans: list[Plan] = []
        self.calls: CallStats | None = None
        self.outcomes: Counter[str] = Counter()
        self.credits: defaultdict[str, float] = defaultdict(float)
        self.loaded: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        self.new_fields: dict[str, str] = {}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.errors: list[AmplemarketError] = []
        self.rows_fetched = 0
        self.requests_bought = 0
        self.leads_bought = 0
        self.leads_not_bought = 0
        self.requests_resumed = 0
        self.requests_loaded = 0
        self.held_requests: dict[str, float] = {}
        self.running_requests: list[str] = []
        self.expired_requests: list[str] = []

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] += time.monotonic() - started

    def planned(self, plans: Sequence[Plan], open_requests: Sequence[RequestRecord]) -> None:
        """The run is about to start."""
        self.plans = list(plans)
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
        self.loaded.update(rows)
        self.rejects.update(refused)

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

    def not_bought(self, batch: Batch) -> None:
        """A batch was planned and not sent."""
        with self._lock:
            self.leads_not_bought += batch.lead_count

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

    def failed(self, error: AmplemarketError) -> None:
        """Something ended the buying or a request."""
        with self._lock:
            self.errors.append(error)

    @property
    def exit_code(self) -> int:
        """0 if every lead is settled; else the most telling reason (contract, section 6)."""
        for telling in (KeyRefused, InsufficientCredits, CreditCapReached):
            if any(isinstance(error, telling) for error in self.errors):
                return telling.exit_code
        codes = {error.exit_code for error in self.errors}
        for code in (7, 6, 2):
            if code in codes:
                return code
        unsettled = (
            self.held_requests
            or self.running_requests
            or self.expired_requests
            or self.leads_not_bought
            or self.outcomes["unanswered"]
            or self.errors
        )
        return _UNFINISHED if unsettled else 0

    def as_dict(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        return {
            "plans": [plan.as_dict() for plan in self.plans],
            "requests": {
                "bought": self.requests_bought,
                "resumed": self.requests_resumed,
                "loaded": self.requests_loaded,
                "held": self.held_requests,
                "running": self.running_requests,
                "expired": self.expired_requests,
            },
            "leads": {"bought": self.leads_bought, "not_bought": self.leads_not_bought},
            "outcomes": dict(self.outcomes),
            "credits": dict(self.credits),
            "rows": dict(self.loaded),
            "rejects": dict(self.rejects),
            "new_fields": self.new_fields,
            "api": {
                "calls": dict(self.calls.calls) if self.calls else {},
                "retries": self.calls.retries if self.calls else 0,
                "throttled": self.calls.throttled if self.calls else 0,
                # Summed over the threads that fetch; they run beside the stages in ``seconds``.
                "fetch_seconds": round(self.calls.api_seconds, 3) if self.calls else 0.0,
                "pacing_seconds": round(self.calls.pacing_seconds, 3) if self.calls else 0.0,
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "errors": [
                {"error": type(error).__name__, "message": str(error)} for error in self.errors
            ],
            "exit_code": self.exit_code,
        }
