"""Calls to the API: paced, repeated where that is safe, and never where it could charge twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar, overload
from urllib.parse import quote, urlencode

from amplemarket_source.api.addresses import ForeignAddressError, origin_of, target_on
from amplemarket_source.api.answers import Answer, UnreadableBodyError, require_json
from amplemarket_source.api.key import usable_key
from amplemarket_source.api.pacing import Pacer, PacerClosedError
from amplemarket_source.api.refusals import error_about, is_throttled, refusal
from amplemarket_source.api.retrying import Failure, Repeater
from amplemarket_source.api.stats import CallStats
from amplemarket_source.api.transport import Lost, Timeouts, Transport
from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.errors import (
    ApiError,
    ContractBroken,
    NotSent,
    OutcomeUnknown,
    SettingsError,
    Unavailable,
)

__all__ = ["ApiClient"]

logger = logging.getLogger("amplemarket.api")

_T = TypeVar("_T")
_SHARE_OF_LIMIT = 0.998
"""Calls that leave evenly arrive unevenly: room for 0.12 s of it in the API's sliding minute."""
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Statuses besides 429 and 5xx that say "later" and not "no".
_PASSING = frozenset({408, 425})

FAILURE_BUDGET = 8
"""Consecutive failed attempts of one call before it is given up."""


class ApiClient:
    """The API over HTTP; one per process, shared by its threads.

    Every request, whatever its method, passes one pacer: ``60 / requests_per_minute`` seconds
    apart, no bursts, and after a 429 nobody sends until its ``Retry-After`` is over. Requests go to
    the origin of ``base_url`` only, redirects and links included.

    Args:
        api_key: bearer token.
        base_url: scheme, host and port; http for a loopback address only.
        requests_per_minute: the documented limit is 500 per consumer (API facts 8).
        clock: what waits, paces and dates; inject one to test without waiting.
        timeouts: patience with a single exchange.
        failure_budget: consecutive failed attempts of one call before it gives up.
        random: the jitter's source.

    Raises:
        SettingsError: no key, or one no header can carry; a base URL that cannot be.

    Example::

        with ApiClient(api_key) as client:
            answer = client.get("/account-info")
            answer.body         # b'{"id": "...", "name": "..."}'
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "https://api.amplemarket.com",
        *,
        requests_per_minute: float = 500,
        clock: Clock = SystemClock(),  # noqa: B008 - it has no state
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        failure_budget: int = FAILURE_BUDGET,
        random: Random | None = None,
    ) -> None:
        if not requests_per_minute > 0:
            raise SettingsError("sources.amplemarket.requests_per_minute has to be above 0.")
        self.origin = origin_of(base_url)
        self.clock = clock
        self.stats = CallStats()
        self._pacer = Pacer(requests_per_minute * _SHARE_OF_LIMIT, clock)
        self._transport = Transport(self.origin, usable_key(api_key), timeouts, clock)
        jitter = random or Random()  # noqa: S311 - nothing secret depends on it
        self._repeater = Repeater(failure_budget, self._pacer, self.stats, jitter)

    def __repr__(self) -> str:
        return f"ApiClient({self.origin!r})"

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; threads that wait for a slot or a retry give up at once."""
        self._pacer.close()
        self._transport.close()

    @overload
    def get(self, target: str, params: Mapping[str, str] | None = None) -> Answer: ...
    @overload
    def get(
        self,
        target: str,
        params: Mapping[str, str] | None = None,
        *,
        decode: Callable[[Answer], _T],
    ) -> _T: ...
    def get(
        self,
        target: str,
        params: Mapping[str, str] | None = None,
        *,
        decode: Callable[[Answer], object] = require_json,
    ) -> object:
        """GET a path or link; repeated until it succeeds or the failure budget is used up.

        Repeated on 429, 408, 425, 5xx, connection errors, time-outs, and bodies that are cut,
        damaged or no JSON. At most five redirects are followed, on the own origin.

        Args:
            target: a path, or a link as the API sent it: relative, absolute on the own origin,
                percent-encoded once or twice.
            params: query parameters, added to those of the target.
            decode: turns the answer of a 2xx into the result. Raising `UnreadableBodyError` counts
                as a failed attempt; any other exception ends the call.

        Raises:
            KeyRefused, InsufficientCredits, RequestRefused, NotFound, NoSuchRoute,
                RemovedForPrivacy: the API said no.
            Unavailable: the failure budget is used up, or the client was closed.
            ContractBroken: not JSON until the budget was used up, a link or redirect to another
                origin, an endless redirect, a status that has no meaning here.
        """
        located = self.locate(target)
        if params:
            mark = "&" if "?" in located else "?"
            # Spaces as %20: a literal plus in an e-mail address and a space stay apart.
            located += mark + urlencode(params, quote_via=quote)
        return self._repeater.call(lambda: self._read("GET", located, None, decode))

    @overload
    def patch(self, path: str, body: bytes) -> Answer: ...
    @overload
    def patch(self, path: str, body: bytes, *, decode: Callable[[Answer], _T]) -> _T: ...
    def patch(
        self, path: str, body: bytes, *, decode: Callable[[Answer], object] = require_json
    ) -> object:
        """PATCH JSON bytes; repeated like a GET, because canceling twice is canceling once.

        Raises:
            ApiError: as `get`; a redirect is not followed.
        """
        target = self.locate(path)
        return self._repeater.call(lambda: self._read("PATCH", target, body, decode))

    def post(self, path: str, body: bytes) -> Answer:
        """POST JSON bytes; sent again only where it provably never left, or was refused with 429.

        The API has no idempotency key (API facts 2.1), so a second POST may be a second purchase.

        Returns:
            The 2xx answer. Its body may be missing (``damaged`` says why) if ``Location`` is there.

        Raises:
            NotSent: no connection, failure budget used up; nothing was bought.
            Unavailable: refused with 429 until the budget was used up; nothing was bought.
            KeyRefused, InsufficientCredits, RequestRefused, NotFound, NoSuchRoute,
                RemovedForPrivacy: the API said no; nothing was bought.
            OutcomeUnknown: it left, and no answer tells what became of it.
        """
        target = self.locate(path)
        return self._repeater.call(lambda: self._send_once(target, body))

    def locate(self, link: str, current: str = "/", *, request_id: str | None = None) -> str:
        """``/path?query`` of a path or link on the own origin.

        Args:
            link: what the API sent, or a path.
            current: the path that sent it, and that a relative link is relative to.
            request_id: of the answer that held the link.

        Raises:
            ContractBroken: the link leads elsewhere.
        """
        try:
            return target_on(self.origin, link, current)
        except ForeignAddressError as foreign:
            what = f"the API sent {foreign}, which is not followed"
        path = current.partition("?")[0]
        raise ContractBroken(what, method="GET", path=path, request_id=request_id)

    def _read(
        self, method: str, target: str, body: bytes | None, decode: Callable[[Answer], object]
    ) -> object:
        answer = self._exchange(method, target, body)
        for _ in range(_MOST_REDIRECTS):
            if isinstance(answer, Lost) or not _redirects(answer):
                break
            location = answer.headers["location"]
            target = self.locate(location, target, request_id=answer.request_id)
            answer = self._exchange(method, target, body)
        if isinstance(answer, Lost):
            return Failure(Unavailable, answer.what, method, target.partition("?")[0])
        if is_throttled(answer) or answer.status >= 500 or answer.status in _PASSING:
            return self._postponed(answer)
        if 400 <= answer.status < 500:
            raise refusal(answer)
        if not 200 <= answer.status < 300:
            redirects = _redirects(answer)
            what = f"more than {_MOST_REDIRECTS} redirects" if redirects else "an unexpected status"
            raise error_about(answer, ContractBroken, what)
        if answer.damaged:
            return self._failed(answer, Unavailable, answer.damaged)
        try:
            return decode(answer)
        except UnreadableBodyError as unreadable:
            what = str(unreadable)
        return self._failed(answer, ContractBroken, what)

    def _send_once(self, target: str, body: bytes) -> Answer | Failure:
        answer = self._exchange("POST", target, body)
        if isinstance(answer, Lost):
            path = target.partition("?")[0]
            if answer.may_have_arrived:
                raise OutcomeUnknown(answer.what, method="POST", path=path)
            return Failure(NotSent, answer.what, "POST", path)
        if is_throttled(answer):
            return self._postponed(answer)
        if 400 <= answer.status < 500 and answer.status not in _PASSING:
            raise refusal(answer)
        if not 200 <= answer.status < 300:
            raise error_about(
                answer, OutcomeUnknown, "the answer does not tell whether it was taken"
            )
        if answer.damaged and "location" not in answer.headers:
            raise error_about(answer, OutcomeUnknown, answer.damaged)
        return answer

    def _exchange(self, method: str, target: str, body: bytes | None) -> Answer | Lost:
        try:
            waited = self._pacer.take()
        except PacerClosedError:
            return Lost("the client was closed", may_have_arrived=False)
        self.stats.count_call(method, pacing_seconds=waited)
        started = self.clock.monotonic()
        answer = self._transport.exchange(method, target, body)
        elapsed = self.clock.monotonic() - started
        if isinstance(answer, Lost):
            status, request_id, outcome = None, None, answer.what
        else:
            status, request_id, outcome = answer.status, answer.request_id, str(answer.status)
        self.stats.count_exchange(api_seconds=elapsed, throttled=status == 429)
        path = target.partition("?")[0]
        milliseconds = elapsed * 1000
        logger.debug(
            "%s %s: %s, request id %s, %.0f ms", method, path, outcome, request_id, milliseconds
        )
        return answer

    def _postponed(self, answer: Answer) -> Failure:
        return self._failed(answer, Unavailable, "the API asks to come back later")

    def _failed(self, answer: Answer, error: type[ApiError], what: str) -> Failure:
        return Failure(
            error,
            what,
            answer.method,
            answer.path,
            status=answer.status,
            request_id=answer.request_id,
            retry_after=answer.retry_after(self.clock.now()),
            throttled=answer.status == 429,
        )


def _redirects(answer: Answer) -> bool:
    return answer.method == "GET" and answer.status in _REDIRECTS and "location" in answer.headers
