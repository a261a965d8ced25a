"""The state of every purchase, from the ledger alone: the API need not be there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt

from amplemarket_source.clock import SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import Unfinished
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import UNSETTLED, RequestRecord
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.tables import has_ledger

__all__ = ["OpenRequest", "Spent", "Status", "read_status", "row_counts", "settled", "status"]


@dataclass(frozen=True)
class OpenRequest:
    """A request that is not settled.

    Attributes:
        age_seconds: since the API took it; None where nobody knows when.
        next_step: the command that moves it on, without ``amplemarket`` and target options.
    """

    record: RequestRecord
    age_seconds: float | None

    @property
    def next_step(self) -> str:
        if self.record.status in UNSETTLED:
            return f"release {self.record.request_key} --drop"
        return "resume"

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        record = self.record
        return {
            "request_key": record.request_key,
            "request_id": record.request_id,
            "kind": record.kind.name,
            "status": record.status,
            "leads": record.lead_count,
            "account_id": record.buyer.account_id,
            "origin": record.buyer.origin,
            "label": record.run.label if record.run else None,
            "credits_at_stake": record.credits_at_stake,
            "age_seconds": self.age_seconds,
            "next": self.next_step,
        }


@dataclass(frozen=True)
class Spent:
    """What was bought under one label.

    Attributes:
        label: None of what has none.
        email_credits, phone_credits: estimated, of what is loaded.
    """

    label: str | None
    requests: int
    leads: int
    email_credits: float
    phone_credits: float

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "label": self.label,
            "requests": self.requests,
            "leads": self.leads,
            "email_credits_estimated": self.email_credits,
            "phone_credits_estimated": self.phone_credits,
        }


@dataclass(frozen=True)
class Status:
    """All purchases of a dataset.

    Attributes:
        by_status: requests by status, settled ones included.
        open: those that are not settled, oldest first.
        leads_not_bought: what the last run planned and was stopped before, by credits or otherwise.
        email_credits, phone_credits: estimated so far, over all loaded requests.
        by_label: the same, by the label that it was bought under.
        exists: False where the destination holds no record of purchases yet.
    """

    by_status: dict[str, int]
    open: tuple[OpenRequest, ...]
    leads_not_bought: int
    email_credits: float
    phone_credits: float
    by_label: tuple[Spent, ...] = ()
    exists: bool = True

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open and the last run bought all that it planned."""
        return not self.open and not self.leads_not_bought

    @property
    def needs_a_person(self) -> bool:
        """Whether a request is held or expired: `amplemarket release` decides, time does not."""
        return any(request.record.status in UNSETTLED for request in self.open)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "requests": self.by_status,
            "credits": {
                "email_credits_estimated": self.email_credits,
                "phone_credits_estimated": self.phone_credits,
            },
            "by_label": [spent.to_dict() for spent in self.by_label],
            "leads_not_bought": self.leads_not_bought,
            "open": [request.to_dict() for request in self.open],
            "needs_a_person": self.needs_a_person,
            "exists": self.exists,
        }


def status(pipeline: dlt.Pipeline) -> Status:
    """The state of every purchase, as ``amplemarket status`` shows it; the API is not asked.

    Makes no database where there is none.

    Raises:
        Busy: another process has the DuckDB file open.
        DestinationError: the ledger cannot be read.

    Example::

        status(pipeline).by_status    # {"completed": 12, "held": 1}
    """
    with run_environment():
        if not has_ledger(pipeline):
            return Status({}, (), 0, 0.0, 0.0, exists=False)
        with Warehouse(pipeline) as warehouse:
            return read_status(Ledger(warehouse), SystemClock().now())


def settled(pipeline: dlt.Pipeline) -> None:
    """Return if every lead is settled: what a scheduler asks after a plain ``pipeline.run``.

    Raises:
        Unfinished: requests are in flight, held or expired, or the last run did not buy all that it
            planned; says how many and what to do.
        DestinationError: the ledger cannot be read.

    Example::

        pipeline.run(amplemarket(leads="leads.csv"))
        settled(pipeline)
    """
    found = status(pipeline)
    if found.is_settled:
        return
    waiting = sum(request.record.status in UNSETTLED for request in found.open)
    in_flight = len(found.open) - waiting
    counts = ", ".join(
        f"{count:,} {what}"
        for count, what in (
            (in_flight, "requests in flight"),
            (waiting, "requests waiting for a decision"),
            (found.leads_not_bought, "leads planned and not bought"),
        )
        if count
    )
    advice = (
        "`amplemarket status` shows which to release."
        if waiting
        else "The same run again goes on with them."
    )
    raise Unfinished(f"Not every lead is settled: {counts}. {advice}", needs_a_person=bool(waiting))


def read_status(ledger: Ledger, now: datetime) -> Status:
    """Read the ledger; changes nothing.

    Raises:
        DestinationError: it cannot be read.
    """
    rows = ledger.spending()
    by_status: Counter[str] = Counter()
    by_label: dict[str | None, list[float]] = {}
    for name, label, *figures in rows:
        by_status[name] += int(figures[0])
        # What was never sent was bought by nobody.
        if name != "dropped":
            sums = by_label.get(label, [0.0] * len(figures))
            by_label[label] = [a + b for a, b in zip(sums, figures, strict=True)]
    return Status(
        by_status=dict(by_status),
        open=tuple(OpenRequest(r, _age(r, now)) for r in ledger.open_requests()),
        leads_not_bought=ledger.leads_not_bought(),
        email_credits=sum(row[4] for row in rows),
        phone_credits=sum(row[5] for row in rows),
        by_label=tuple(
            Spent(label, int(sums[0]), int(sums[1]), sums[2], sums[3])
            for label, sums in sorted(by_label.items(), key=lambda one: one[0] or "")
        ),
    )


def _age(record: RequestRecord, now: datetime) -> float | None:
    if record.submitted_at is None:
        return None
    return round((now - record.submitted_at).total_seconds(), 1)


def row_counts(warehouse: Warehouse) -> dict[str, int]:
    """Rows by table, in the order of the tables' declaration; one statement for all.

    Raises:
        DestinationError: the destination refused.
    """
    counts = [f"SELECT '{name}', count(*) FROM {warehouse.name(name)}" for name in TABLES]
    found = dict(warehouse.rows(" UNION ALL ".join(counts)))
    return {name: found[name] for name in TABLES}
