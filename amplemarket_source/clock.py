"""Time as a dependency, so that no rule about waiting needs a test that waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Protocol

__all__ = ["Clock", "Interrupted", "StoppableClock", "SystemClock"]

_SLICE = 1.0  # seconds; how late a waiting thread notices that it was stopped


class Clock(Protocol):
    """What the package asks of time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC. Can jump; used for records and ages."""

    def monotonic(self) -> float:
        """Seconds that never go back. Used for pacing and deadlines."""

    def sleep(self, seconds: float) -> None:
        """Wait; zero and less return at once."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class Interrupted(Exception):
    """The run was told to stop while this thread waited; nothing was under way."""


class StoppableClock:
    """A clock whose sleepers are woken by ``stop``: whoever sends is left to finish.

    The API client waits by it for its turn, after a 429 and between attempts, and the collector
    between polls. All of that is before something is sent, never while: so an interrupted POST is
    one that provably did not leave.

    Args:
        clock: what time it is, and what sleeps a slice; may be stoppable itself.
        error: what a waiting thread raises once this clock, and not the one inside, was stopped.

    Example::

        clock = StoppableClock(SystemClock())
        threading.Timer(5, clock.stop).start()
        clock.sleep(3600)     # raises Interrupted after five seconds, or six
    """

    def __init__(self, clock: Clock, error: type[Exception] = Interrupted) -> None:
        self._clock = clock
        self._error = error
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
            Interrupted: it was stopped before the time was over; or the ``error`` given.
        """
        until = self.monotonic() + seconds
        self.wait_until(lambda: until)

    def wait_until(self, moment: Callable[[], float]) -> float:
        """Wait, in slices of a second, for a moment that may move meanwhile.

        Args:
            moment: the time by `monotonic`, asked for again before each slice.

        Returns:
            The time by `monotonic` that it then is.

        Raises:
            Interrupted: it was stopped before that; or the ``error`` given.
        """
        while True:
            now = self.monotonic()
            rest = moment() - now
            if rest <= 0:
                return now
            self.check()
            self._clock.sleep(min(rest, _SLICE))

    def check(self) -> None:
        """Raises: Interrupted: it was stopped; or the ``error`` given."""
        if self.is_stopping:
            raise self._error
