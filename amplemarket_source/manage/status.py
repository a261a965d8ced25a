"""The state of every purchase, from the ledger alone: the API need not be there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.purchase.records import UNSETTLED, RequestRecord
from amplemarket_source.tables.contract import ENRICHMENT_REQUESTS

__all__ = ["OpenRequest", "Status", "read_status"]


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

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        record = self.record
        return {
            "request_key": record.request_key,
            "request_id": record.request_id,
            "kind": record.kind.name,
            "status": record.status,
            "leads": record.lead_count,
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
    """

    by_status: dict[str, int]
    open: tuple[OpenRequest, ...]
    email_credits: float
    phone_credits: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "requests": self.by_status,
            "credits": {
                "email_credits_estimated": self.email_credits,
                "phone_credits_estimated": self.phone_credits,
            },
            "open": [request.as_dict() for request in self.open],
        }


def read_status(ledger: Ledger, now: datetime) -> Status:
    """Read the ledger; changes nothing.

    Raises:
        DestinationError: it cannot be read.
    """
    rows = ledger.rows(
        "SELECT status, count(*), sum(email_credits_estimated), sum(phone_credits_estimated) "
        f"FROM {ledger.name(ENRICHMENT_REQUESTS.name)} GROUP BY status ORDER BY status"
    )
    spent: Counter[str] = Counter()
    for _, _, email, phone in rows:
        spent["email"] += email or 0
        spent["phone"] += phone or 0
    return Status(
        by_status={status: count for status, count, _, _ in rows},
        open=tuple(OpenRequest(r, _age(r, now)) for r in ledger.open_requests()),
        email_credits=float(spent["email"]),
        phone_credits=float(spent["phone"]),
    )


def _age(record: RequestRecord, now: datetime) -> float | None:
    if record.submitted_at is None:
        return None
    return round((now - record.submitted_at).total_seconds(), 1)
