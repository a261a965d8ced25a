"""The cap on what a run may commit (``max_credits``)."""

from __future__ import annotations

import threading

from amplemarket_source.errors import CreditCapReached

__all__ = ["Budget"]


class Budget:
    """Credits a run has committed at the worst case: every lead found, everything revealed.

    A batch that reaches the cap exactly is within it. What a request turns out to cost is not
    given back: the cap is on what the run may commit.

    Args:
        cap: email and phone credits together; None is without end.

    Example::

        budget = Budget(10)
        budget.take(10)
        budget.take(0.5)     # CreditCapReached
    """

    def __init__(self, cap: float | None) -> None:
        self._cap = cap
        self._committed = 0.0
        self._lock = threading.Lock()

    def take(self, worst_case: float) -> None:
        """Commit credits; before each POST.

        Raises:
            CreditCapReached: they would exceed the cap, and are not committed.
        """
        with self._lock:
            total = self._committed + worst_case
            if self._cap is not None and total > self._cap:
                raise CreditCapReached(
                    f"max_credits = {self._cap:g} would be exceeded: {self._committed:g} credits "
                    f"are committed at the worst case, the next request could cost "
                    f"{worst_case:g}. Raise max_credits, or run again: what is loaded by then is "
                    "not bought again."
                )
            self._committed = total

    def give_back(self, worst_case: float) -> None:
        """Credits that were taken for something that provably was not bought."""
        with self._lock:
            self._committed -= worst_case
