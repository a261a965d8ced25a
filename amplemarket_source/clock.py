"""Time as a dependency, so that no rule about waiting needs a test that waits."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


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
