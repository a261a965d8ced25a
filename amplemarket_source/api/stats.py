"""What the calls of one client cost in time, for progress, summaries and benchmarks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

__all__ = ["CallStats"]


class CallStats:
    """Counters that many threads add to.

    Example::

        client.stats.calls["GET"]       # requests that were handed to the network
        client.stats.throttled          # answers with status 429
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._retries = 0
        self._throttled = 0
        self._pacing_seconds = 0.0
        self._api_seconds = 0.0

    def __repr__(self) -> str:
        return (
            f"CallStats(calls={dict(self.calls)}, retries={self.retries}, "
            f"throttled={self.throttled}, pacing_seconds={self.pacing_seconds:.1f}, "
            f"api_seconds={self.api_seconds:.1f})"
        )

    @property
    def calls(self) -> Mapping[str, int]:
        """Requests by method, every attempt and every followed redirect counted."""
        with self._lock:
            return dict(self._calls)

    @property
    def retries(self) -> int:
        """Attempts that were made because the one before failed."""
        with self._lock:
            return self._retries

    @property
    def throttled(self) -> int:
        """Answers with status 429."""
        with self._lock:
            return self._throttled

    @property
    def pacing_seconds(self) -> float:
        """Seconds spent waiting for a slot, pauses after a 429 included, summed over threads."""
        with self._lock:
            return self._pacing_seconds

    @property
    def api_seconds(self) -> float:
        """Seconds from sending to the last byte of the answer, summed over threads."""
        with self._lock:
            return self._api_seconds

    def count_call(self, method: str, *, pacing_seconds: float) -> None:
        with self._lock:
            self._calls[method] += 1
            self._pacing_seconds += pacing_seconds

    def count_exchange(self, *, api_seconds: float, throttled: bool) -> None:
        with self._lock:
            self._api_seconds += api_seconds
            self._throttled += throttled

    def count_retry(self) -> None:
        with self._lock:
            self._retries += 1
