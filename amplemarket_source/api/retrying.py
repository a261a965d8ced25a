"""When a call is made again, after how long, and what it becomes when no attempt is left."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar, cast

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from amplemarket_source.api.pacing import Pacer
from amplemarket_source.errors import ApiError, UnexpectedResponse

__all__ = ["Failure", "Retrier"]

logger = logging.getLogger("amplemarket.api")

_T = TypeVar("_T")
_FIRST_BACKOFF = 1.0
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

    The budget counts consecutive failures of one call; every call starts with a whole one. Waits
    double from 1 to 60 seconds with jitter, and are never shorter than a ``Retry-After``. After a
    429 it is the pacer that waits, for all threads.

    Args:
        budget: attempts of one call, at least 1.
        pacer: waits between attempts, and is paused after a 429.
        random: the jitter's source.
        on_retry: called before each attempt but the first.

    Example::

        retrier = Retrier(8, pacer, Random(), lambda: None)
        retrier.call(lambda: fetch() or Failure(Unavailable, "nothing came", "GET", "/x"))
    """

    def __init__(
        self, budget: int, pacer: Pacer, random: Random, on_retry: Callable[[], None]
    ) -> None:
        self._pacer = pacer
        self._random = random
        self._retrying = Retrying(
            retry=retry_if_result(lambda outcome: isinstance(outcome, Failure)),
            stop=stop_after_attempt(budget),
            wait=self._seconds_to_next,
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
        return cast("_T", self._retrying(attempt))

    def _after_failure(self, state: RetryCallState) -> None:
        failure = _failure_of(state)
        if failure.throttled:
            # The limit belongs to the account, so every thread would run into it.
            told = failure.retry_after
            if told is None:
                told = _grown(_FIRST_PAUSE, state.attempt_number, _LONGEST_PAUSE)
            self._pacer.pause(max(told, _SHORTEST_PAUSE) * self._random.uniform(1.0, _JITTER))
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
