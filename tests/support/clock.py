"""A clock that moves only when somebody sleeps on it, or when a test turns it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

__all__ = ["ManualClock"]


class ManualClock:
    """Time for tests: `sleep` advances it at once and returns. Thread-safe.

    Attributes:
        slept: every sleep asked for, in order.
        on_sleep: called before each sleep, for what should happen "meanwhile".
    """

    def __init__(self, start: datetime = datetime(2026, 10, 21, 7, 0, tzinfo=timezone.utc)) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._elapsed = 0.0
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        self.advance(max(seconds, 0.0))
        with self._lock:
            self.slept.append(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds
