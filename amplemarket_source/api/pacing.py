"""One gate in front of every call of a process: strict spacing, and a pause for everybody.

Written here because no library has the three together: strict spacing (token buckets and sliding
windows allow a burst, which a per-minute limit punishes), a pause that holds all threads back, and
a clock that a test can turn.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from amplemarket_source.clock import Clock, StoppableClock

__all__ = ["Pacer", "PacerClosedError", "in_turn"]

_TURN: ContextVar[int] = ContextVar("turn", default=0)


@contextmanager
def in_turn(turn: int) -> Iterator[None]:
    """Let the block's calls wait for those of a lower turn; calls outside a block come first.

    Pages of one request are read before those of the next, so that requests finish one after the
    other and loading has something to do meanwhile; a POST or a poll never waits for a page.
    """
    token = _TURN.set(turn)
    try:
        yield
    finally:
        _TURN.reset(token)


class PacerClosedError(Exception):
    """`Pacer.close` was called while a thread waited, or before it came."""


class Pacer:
    """Lets one call through every ``60 / requests_per_minute`` seconds, whoever asks.

    The slots form a grid. A call that leaves late by less than a slot keeps the grid, so slow
    wake-ups cost no throughput; one that is later restarts the grid from its own moment, so time
    that was missed is never made up for in a burst. Each slot lets one call through.

    Example::

        pacer = Pacer(500, SystemClock())
        pacer.take()          # returns when the caller may send
        pacer.pause(30)       # after a 429: nobody sends for 30 seconds

    Args:
        requests_per_minute: above 0.
        clock: what waits; one that is stopped meanwhile raises its own error out of `take`.
    """

    def __init__(self, requests_per_minute: float, clock: Clock) -> None:
        self._interval = 60.0 / requests_per_minute
        # A run that stops and a client that closes end in different errors, so each has its own.
        self._clock = StoppableClock(clock, PacerClosedError)
        # One thread at a time waits for the next slot, the others queue behind it.
        self._turnstile = _Turnstile()
        # Not the turnstile: a pause has to reach the thread that is waiting inside it.
        self._pause_lock = threading.Lock()
        self._next_slot = -math.inf
        self._paused_until = -math.inf

    def take(self) -> float:
        """Wait for the next free slot and use it up.

        Returns:
            Seconds waited.

        Raises:
            PacerClosedError: the pacer was closed.
        """
        arrived = self._clock.monotonic()
        with self._turnstile:
            now = self._clock.wait_until(lambda: max(self._next_slot, self._paused_until))
            # Where there was nothing to wait for, or it was closed during the last slice.
            self._clock.check()
            slot = max(self._next_slot, self._paused_until)
            if now - slot >= self._interval:
                slot = now
            self._next_slot = slot + self._interval
        return now - arrived

    def pause(self, seconds: float) -> None:
        """Let nobody through for ``seconds`` from now; a longer pause that runs already stays."""
        until = self._clock.monotonic() + seconds
        with self._pause_lock:
            self._paused_until = max(self._paused_until, until)

    def sleep(self, seconds: float) -> None:
        """Hold back only the calling thread; returns early when the pacer is closed."""
        with suppress(PacerClosedError):
            self._clock.sleep(seconds)

    def close(self) -> None:
        """Release every waiting thread with `PacerClosedError`.

        So an interrupt ends the run now and not after an hour's pause.
        """
        self._clock.stop()


class _Turnstile:
    """Lets one thread in at a time; of those that wait the one with the lowest turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int]] = []
        self._is_taken = False

    def __enter__(self) -> None:
        with self._changed:
            ticket = (_TURN.get(), next(self._arrivals))
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._is_taken and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._is_taken = True

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()
