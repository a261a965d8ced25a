"""What a run would do and cost, before anything is sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from amplemarket_source.purchase.records import Batch

__all__ = ["Plan"]

_ROWS_PER_PAGE = 100  # the API's default and largest documented page (API facts 2.7)
_POLLS = 2


@dataclass(frozen=True)
class Plan:
    """The price of a run, for one kind.

    Attributes:
        read: input rows.
        invalid: rows that went to ``rejects``.
        duplicate: valid rows whose lead was already in the input.
        fresh: leads with an outcome that is young enough.
        suppressed: leads that were erased and are never sent.
        in_flight: leads that an unfinished request already asks for; ``held`` of them wait for
            a decision (``amplemarket release``).
        to_buy: leads that would be sent.
        hit_rate: share of the leads asked for so far that were found; None before the first.
    """

    kind: str
    read: int
    invalid: int
    duplicate: int
    fresh: int
    suppressed: int
    in_flight: int
    held: int
    to_buy: int
    requests_per_minute: float
    hit_rate: float | None = None
    ignored_columns: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = field(default=(), repr=False)

    @property
    def email_credits_max(self) -> float:
        """Email credits if every lead is found and every address revealed."""
        return sum(batch.email_credits for batch in self.batches)

    @property
    def phone_credits_max(self) -> float:
        """Phone credits if every lead is found with a phone number."""
        return sum(batch.phone_credits for batch in self.batches)

    @property
    def email_credits_estimated(self) -> float | None:
        """What the worst case comes to if as many are found as so far."""
        return None if self.hit_rate is None else self.email_credits_max * self.hit_rate

    @property
    def phone_credits_estimated(self) -> float | None:
        """What the worst case comes to if as many are found as so far."""
        return None if self.hit_rate is None else self.phone_credits_max * self.hit_rate

    @property
    def least_seconds(self) -> float:
        """Least time at the rate limit: one POST, two polls and the pages of each request."""
        calls = sum(
            1 + _POLLS + max(0, -(-batch.lead_count // _ROWS_PER_PAGE) - 1)
            for batch in self.batches
        )
        return calls * 60 / self.requests_per_minute

    def as_dict(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        fields = asdict(self)
        del fields["batches"]
        return {
            **fields,
            "ignored_columns": list(self.ignored_columns),
            "requests": len(self.batches),
            "email_credits_max": self.email_credits_max,
            "phone_credits_max": self.phone_credits_max,
            "email_credits_estimated": self.email_credits_estimated,
            "phone_credits_estimated": self.phone_credits_estimated,
            "least_seconds": round(self.least_seconds, 1),
        }
