"""The state of every purchase, from the ledger alone: the API need not be there."""

from __future__ import annotations

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

__all__ = ["OpenRequest", "Status", "read_status", "row_counts", "settled", "status"]


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
            "credits_at_stake": record.credits_at_stake,
            "age_seconds": self.age_seconds,
            "next": self.next_step,
        }


@dataclass(frozen=True)
class Status:
    """All purchases of a dataset.

    Attributes:
        by_status: requests by status, settled ones included.
        open: those that are not settled, oldest first.
        email_credits, phone_credits: estimated so far, over all loaded requests.
        leads_not_bought: leads of all lists so far without an outcome and in no request: what
            ``max_credits`` did not pay for, or a run did not come to.
    """

    by_status: dict[str, int]
    open: tuple[OpenRequest, ...]
    email_credits: float
    phone_credits: float
    leads_not_bought: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "requests": self.by_status,
            "credits": {
                "email_credits_estimated": self.email_credits,
                "phone_credits_estimated": self.phone_credits,
            },
            "leads_not_bought": self.leads_not_bought,
            "open": [request.to_dict() for request in self.open],
        }


def status(pipeline: dlt.Pipeline) -> Status:
    """The state of every purchase, as ``amplemarket status`` shows it; the API is not asked.

    Raises:
        Busy: another process has the DuckDB file open.
        DestinationError: the ledger cannot be read.

    Example::

        status(pipeline).by_status    # {"completed": 12, "held": 1}
    """
    with run_environment(), Warehouse(pipeline) as warehouse:
        return read_status(Ledger(warehouse), SystemClock().now())


def settled(pipeline: dlt.Pipeline) -> None:
    """Return if no request is open: what a scheduler asks after a plain ``pipeline.run``.

    Raises:
        Unfinished: requests are in flight, held or expired; says how many and what to do.
        DestinationError: the ledger cannot be read.

    Example::

        pipeline.run(amplemarket(leads="leads.csv"))
        settled(pipeline)
    """
    found = status(pipeline)
    if not found.open:
        return
    waiting = sum(request.record.status in UNSETTLED for request in found.open)
    in_flight = len(found.open) - waiting
    counts = ", ".join(
        f"{count:,} {what}"
        for count, what in ((in_flight, "in flight"), (waiting, "waiting for a decision"))
        if count
    )
    advice = (
        "`amplemarket status` shows which to release."
        if waiting
        else "`amplemarket resume`, or the same run again, goes on with them."
    )
    raise Unfinished(f"Requests are not settled: {counts}. {advice}", needs_a_person=bool(waiting))


def read_status(ledger: Ledger, now: datetime) -> Status:
    """Read the ledger; changes nothing.

    Raises:
        DestinationError: it cannot be read.
    """
    rows = ledger.spending_by_status()
    return Status(
        by_status={status: count for status, count, _, _ in rows},
        open=tuple(OpenRequest(r, _age(r, now)) for r in ledger.open_requests()),
        email_credits=float(sum(row[2] or 0 for row in rows)),
        phone_credits=float(sum(row[3] or 0 for row in rows)),
        leads_not_bought=ledger.leads_not_bought(),
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
