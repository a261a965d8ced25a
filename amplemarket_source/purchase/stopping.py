"""How a run is told to end: whoever waits is woken, whoever sends is left to finish."""

from __future__ import annotations

import threading
from datetime import datetime

from amplemarket_source.clock import Clock

__all__ = ["Interrupted", "StoppableClock"]

_SLICE = 1.0  # seconds; how late a waiting thread notices


class Interrupted(Exception):
    """The run was told to stop while this thread waited; nothing was under way."""


class StoppableClock:
    """A clock whose sleepers are woken by ``stop``.

    The API client waits by it for its turn, after a 429 and between attempts, and the collector
    between polls. All of that is before something is sent, never while: so an interrupted POST is
    one that provably did not leave.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Wake everybody; no later sleep begins."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, in slices of a second.

        Raises:
            Interrupted: the run was told to stop before the time was over.
        """
        until = self.monotonic() + seconds
        while (rest := until - self.monotonic()) > 0:
            self.check()
            self._clock.sleep(min(rest, _SLICE))

    def check(self) -> None:
        """Raises: Interrupted: the run was told to stop."""
        if self.is_stopping:
            raise Interrupted
