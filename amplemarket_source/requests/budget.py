"""The credits a run may still commit, shared by all that it sends."""

from __future__ import annotations

import threading

from amplemarket_source.errors import CreditCapReached
from amplemarket_source.model import Batch, Cap

__all__ = ["Budget"]

_WHAT_HELPS = {
    "run": "Run again to buy further leads, or raise max_credits.",
    "day": "Run again after 00:00 UTC, or raise max_credits.",
    "month": "Run again after the end of the month (UTC), or raise max_credits.",
}


class Budget:
    """Credits committed at the worst case: every lead found, everything revealed.

    What reaches the cap exactly is within it. What a request turns out to cost is not given back
    to the run that sent it: the cap is on what may be committed. Safe to use from several threads.

    Args:
        cap: None is without end.

    Example::

        budget = Budget(Cap(10, "run"))
        budget.take(batch)     # 6 of the 8 leads, at 1.5 credits
    """

    def __init__(self, cap: Cap | None) -> None:
        self._cap = cap
        self._committed = 0.0 if cap is None else cap.committed
        self._lock = threading.Lock()

    def take(self, batch: Batch) -> int:
        """Commit the credits of as many leads as the cap pays for; before each POST.

        Returns:
            How many of the batch's leads that is.

        Raises:
            CreditCapReached: it pays for none; nothing is committed.
        """
        with self._lock:
            leads = batch.lead_count
            if self._cap is not None:
                room = self._cap.credits - self._committed
                leads = min(leads, int(room // batch.credits_per_lead))
            if leads <= 0:
                raise self._reached(batch)
            self._committed += leads * batch.credits_per_lead
        return leads

    def take_whole(self, batch: Batch) -> None:
        """Commit the credits of all leads of the batch.

        Raises:
            CreditCapReached: the cap does not pay for all of them; nothing is committed.
        """
        with self._lock:
            total = self._committed + batch.credits_at_stake
            if self._cap is not None and total > self._cap.credits:
                raise self._reached(batch)
            self._committed = total

    def refund(self, credits_: float) -> None:
        """Credits that were taken for something that provably was not bought."""
        with self._lock:
            self._committed -= credits_

    def reached(self, batch: Batch) -> CreditCapReached:
        """What to say of leads like those of the batch that are not paid for."""
        with self._lock:
            return self._reached(batch)

    def _reached(self, batch: Batch) -> CreditCapReached:
        assert self._cap is not None  # noqa: S101 - without a cap everything is paid for
        price, per = batch.credits_per_lead, self._cap.per
        helps = (
            f"Raise max_credits to {price:g} or more."
            if price > self._cap.credits
            else _WHAT_HELPS[per]
        )
        return CreditCapReached(
            f"max_credits = {self._cap.credits:g} for the {per} pays for no further lead: "
            f"{self._committed:g} credits are committed at the worst case, and a lead could cost "
            f"{price:g}. {helps}"
        )
