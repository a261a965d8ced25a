"""When a call may be made, when it is made again, and what it becomes when no attempt is left.
Written here because no library has the three together: strict spacing (token buckets and sliding
windows allow a burst, which a per-minute limit punishes), a pause that holds all threads back, and
a clock that a test can turn."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from typing import TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_result

from amplemarket_source.clock import Clock, StoppableClock
from amplemarket_source.errors import ApiError, UnexpectedResponse

__all__ = ["Failure", "Pacer", "PacerClosedError", "Retrier", "in_turn"]


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


logger = logging.getLogger("amplemarket.api")

_T = TypeVar("_T")
_FIRST_BACKOFF = 1.0
_FIRST_PATIENCE = 30.0
_LONGEST_BACKOFF = 60.0
_FIRST_PAUSE = 5.0  # after a 429 without a usable Retry-After (api-notes: throttling)
_LONGEST_PAUSE = 60.0
_SHORTEST_PAUSE = 1.0  # "Retry-After: 0" on a 429 must not spend the budget within a second
_JITTER = 1.1


@dataclass(frozen=True)
class Failure:
    """An attempt that may be made again.

    Attributes:
        error: what the call raises when the budget is used up.
        what: one clause that says what happened.
        method, path, status, trace_id: as in `ApiError`.
        retry_after: seconds the API asks to wait, if it does.
        throttled: the response was a 429, which concerns every caller.
    """

    error: type[ApiError]
    what: str
    method: str
    path: str
    status: int | None = None
    trace_id: str | None = None
    retry_after: float | None = None
    throttled: bool = False


class Retrier:
    """Makes an attempt until it returns something else than a `Failure`.

    Failures are values, not exceptions, so that the exception a user sees has no chain of HTTP
    library exceptions behind it, whose requests hold URLs with queries.

    The budget counts consecutive failures of one call; every call starts with a whole one. Where
    nobody has answered any call yet, half a minute is patience enough: the address or the network
    is wrong rather than having a bad moment. The first failure of a row of them is logged as a
    warning, the others as information. Waits
    double from 1 to 60 seconds with jitter, and are never shorter than a ``Retry-After``. After a
    429 it is the pacer that waits, for all threads.

    Args:
        budget: attempts of one call, at least 1.
        pacer: waits between attempts, and is paused after a 429.
        random: the jitter's source.
        on_retry: called before each attempt but the first.
        clock: measures the patience.

    Example::

        retrier = Retrier(8, pacer, Random(), lambda: None, SystemClock())
        retrier.call(lambda: fetch() or Failure(Unavailable, "nothing came", "GET", "/x"))
    """

    def __init__(
        self,
        budget: int,
        pacer: Pacer,
        random: Random,
        on_retry: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._was_answered = False
        self._in_trouble = False
        self._pacer = pacer
        self._random = random
        self._retrying = Retrying(
            retry=retry_if_result(lambda outcome: isinstance(outcome, Failure)),
            sleep=pacer.sleep,
            after=self._after_failure,
            before_sleep=lambda _: on_retry(),
            retry_error_callback=_give_up,
        )

    def call(self, attempt: Callable[[], _T | Failure]) -> _T:
        """The first result that is no `Failure`.

        Raises:
            ApiError: the last failure's error, when the budget is used up; and whatever
                ``attempt`` raises, at once.
        """
        until = self._clock.monotonic() + _FIRST_PATIENCE

        def left() -> float:
            return math.inf if self._was_answered else until - self._clock.monotonic()

        retrying = self._retrying.copy(
            stop=lambda state: state.attempt_number >= self._budget or left() <= 0,
            wait=lambda state: min(self._seconds_to_next(state), left()),
        )
        result = cast("_T", retrying(attempt))
        self._was_answered, self._in_trouble = True, False
        return result

    def _after_failure(self, state: RetryCallState) -> None:
        failure = _failure_of(state)
        if failure.throttled:
            # The limit belongs to the account, so every thread would run into it.
            told = failure.retry_after
            if told is None:
                told = _grown(_FIRST_PAUSE, state.attempt_number, _LONGEST_PAUSE)
            self._pacer.pause(max(told, _SHORTEST_PAUSE) * self._random.uniform(1.0, _JITTER))
        if failure.status is not None:
            self._was_answered = True
        if not (failure.throttled or self._in_trouble):
            self._in_trouble = True
            logger.warning("%s %s: %s; trying again.", failure.method, failure.path, failure.what)
        logger.info(
            "%s %s: attempt %d failed, %s, status %s, trace id %s",
            failure.method,
            failure.path,
            state.attempt_number,
            failure.what,
            failure.status,
            failure.trace_id,
        )

    def _seconds_to_next(self, state: RetryCallState) -> float:
        failure = _failure_of(state)
        if failure.throttled:
            return 0.0
        backoff = _grown(_FIRST_BACKOFF, state.attempt_number, _LONGEST_BACKOFF)
        told = (failure.retry_after or 0.0) * self._random.uniform(1.0, _JITTER)
        return max(told, self._random.uniform(backoff / 2, backoff))


def _grown(first: float, attempt: int, longest: float) -> float:
    return min(first * 2.0 ** min(attempt - 1, 30), longest)


def _failure_of(state: RetryCallState) -> Failure:
    failure = state.outcome.result() if state.outcome else None
    assert isinstance(failure, Failure)  # noqa: S101 - nothing else is retried
    return failure


def _give_up(state: RetryCallState) -> object:
    failure = _failure_of(state)
    raise failure.error(
        f"{failure.what} ({state.attempt_number} attempts)",
        method=failure.method,
        path=failure.path,
        status=failure.status,
        trace_id=failure.trace_id,
        advice="" if failure.error is UnexpectedResponse else "Run again later.",
    )
