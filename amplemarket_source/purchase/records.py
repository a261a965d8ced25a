"""One enrichment request as the ledger knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from amplemarket_source.kinds import Kind

__all__ = ["IN_FLIGHT", "TERMINAL", "UNSETTLED", "Batch", "RequestRecord", "Status"]

Status = Literal[
    "intended",
    "submitted",
    "queued",
    "processing",
    "completed",
    "canceled",
    "error",
    "expired",
    "held",
    "dropped",
]

IN_FLIGHT: frozenset[str] = frozenset({"submitted", "queued", "processing"})
"""The API took the request and has not finished it."""

TERMINAL: frozenset[str] = frozenset({"completed", "canceled", "error"})
"""The API finished the request; its rows can be read (guide, polling)."""

UNSETTLED: frozenset[str] = frozenset({"held", "expired"})
"""Nobody can know what became of the money; a person decides (``amplemarket release``)."""


@dataclass(frozen=True)
class Batch:
    """Leads that one POST will carry; nothing has been sent.

    Attributes:
        request_key: ours, made before the request is sent.
        email_credits, phone_credits: the most the batch can cost.
        positions: of its first and its last lead in the input; others may stand between them.
    """

    request_key: str
    kind: Kind
    lead_count: int
    email_credits: float
    phone_credits: float
    reveal_email: bool
    reveal_phone_numbers: bool
    positions: tuple[int, int]

    @property
    def credits_at_stake(self) -> float:
        return self.email_credits + self.phone_credits


@dataclass(frozen=True)
class RequestRecord:
    """A row of ``enrichment_requests``, as far as the run needs it."""

    request_key: str
    kind: Kind
    status: Status
    request_id: str | None
    lead_count: int
    email_credits: float
    phone_credits: float
    submitted_at: datetime | None = None

    @property
    def reveal_email(self) -> bool:
        # The worst case says what was asked for: revealing is what makes it cost more.
        return self.email_credits > self.lead_count * self.kind.credits_per_found

    @property
    def reveal_phone_numbers(self) -> bool:
        return self.phone_credits > 0

    @property
    def credits_at_stake(self) -> float:
        return self.email_credits + self.phone_credits
