"""Calls to the API: paced, repeated where that is safe, and never where it could charge twice."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar, overload
from urllib.parse import quote, urlencode

from amplemarket_source.api.links import (
    ForeignAddressError,
    origin_of,
    target_on,
    usable_key,
)
from amplemarket_source.api.pacing import Failure, Pacer, PacerClosedError, Retrier
from amplemarket_source.api.responses import (
    Response,
    UnreadableBodyError,
    error_about,
    is_throttled,
    refusal,
    require_json,
)
from amplemarket_source.api.transport import Timeouts, Transport, TransportFailure
from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.errors import (
    ApiError,
    NotSent,
    OutcomeUnknown,
    SettingsError,
    Unavailable,
    UnexpectedResponse,
)
from amplemarket_source.model import DEFAULT_BASE_URL

__all__ = ["FAILURE_BUDGET", "ApiClient", "CallStats"]

FAILURE_BUDGET = 8
"""Consecutive failed attempts of one call before it is given up."""

logger = logging.getLogger("amplemarket.api")

_T = TypeVar("_T")
_SHARE_OF_LIMIT = 0.998
"""Calls that leave evenly arrive unevenly: room for 0.12 s of it in the API's sliding minute."""
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Statuses besides 429 and 5xx that say "later" and not "no".
_PASSING = frozenset({408, 425})


class CallStats:
    """What the calls of one client cost in time: counters that many threads add to.

    For progress, summaries and benchmarks.

    Example::

        client.stats.calls["GET"]       # requests that were handed to the network
        client.stats.throttled          # responses with status 429
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
        """Responses with status 429."""
        with self._lock:
            return self._throttled

    @property
    def pacing_seconds(self) -> float:
        """Seconds spent waiting for a slot, pauses after a 429 included, summed over threads."""
        with self._lock:
            return self._pacing_seconds

    @property
    def api_seconds(self) -> float:
        """Seconds from sending to the last byte of the response, summed over threads."""
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


class ApiClient:
    """The API over HTTP; one per process, shared by its threads.

    Every request, whatever its method, passes one pacer: ``60 / requests_per_minute`` seconds
    apart, no bursts, and after a 429 nobody sends until its ``Retry-After`` is over. Requests go to
    the origin of ``base_url`` only, redirects and links included.

    Args:
        api_key: bearer token.
        base_url: scheme, host and port; http for a loopback address only.
        requests_per_minute: the documented limit is 500 (api-notes: rate-limit).
        clock: what waits, paces and dates; inject one to test without waiting.
        timeouts: patience with a single exchange.
        failure_budget: consecutive failed attempts of one call before it gives up.
        random: the jitter's source.

    Raises:
        SettingsError: no key, or one no header can carry; a base URL that cannot be.

    Example::

        with ApiClient(api_key) as client:
            response = client.get("/account-info")
            response.body         # b'{"id": "...", "name": "..."}'
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = DEFAULT_BASE_URL,
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
        self._retrier = Retrier(failure_budget, self._pacer, jitter, self.stats.count_retry, clock)

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
    def get(self, target: str, params: Mapping[str, str] | None = None) -> Response: ...
    @overload
    def get(
        self,
        target: str,
        params: Mapping[str, str] | None = None,
        *,
        decode: Callable[[Response], _T],
    ) -> _T: ...
    def get(
        self,
        target: str,
        params: Mapping[str, str] | None = None,
        *,
        decode: Callable[[Response], object] = require_json,
    ) -> object:
        """GET a path or link; repeated until it succeeds or the failure budget is used up.

        Repeated on 429, 408, 425, 5xx, connection errors, time-outs, and bodies that are cut,
        damaged or no JSON. At most five redirects are followed, on the own origin.

        Args:
            target: a path, or a link as the API sent it: relative, absolute on the own origin,
                percent-encoded once or twice.
            params: query parameters, added to those of the target.
            decode: turns a 2xx response into the result. Raising `UnreadableBodyError` counts as a
                failed attempt; any other exception ends the call.

        Raises:
            KeyRefused, InsufficientCredits, RequestRefused, NotFound, NoSuchRoute,
                RemovedForPrivacy: the API said no.
            Unavailable: the failure budget is used up, or the client was closed.
            UnexpectedResponse: not JSON until the budget was used up, a link or redirect to another
                origin, an endless redirect, a status that has no meaning here, a body of more than
                `transport.MOST_BYTES`.
        """
        located = self.locate(target)
        if params:
            mark = "&" if "?" in located else "?"
            # Spaces as %20: a literal plus in an e-mail address and a space stay apart.
            located += mark + urlencode(params, quote_via=quote)
        return self._retrier.call(lambda: self._read("GET", located, None, decode))

    @overload
    def patch(self, path: str, body: bytes) -> Response: ...
    @overload
    def patch(self, path: str, body: bytes, *, decode: Callable[[Response], _T]) -> _T: ...
    def patch(
        self, path: str, body: bytes, *, decode: Callable[[Response], object] = require_json
    ) -> object:
        """PATCH JSON bytes; repeated like a GET, because canceling twice is canceling once.

        Raises:
            ApiError: as `get`; a redirect is not followed.
        """
        target = self.locate(path)
        return self._retrier.call(lambda: self._read("PATCH", target, body, decode))

    def post(self, path: str, body: bytes) -> Response:
        """POST JSON bytes; sent again only where it provably never left, or was refused with 429.

        The API has no idempotency key, so a second POST may be a second purchase
        (api-notes: no-idempotency).

        Returns:
            The 2xx response. Its body may be missing (``damaged`` says why) if ``Location`` is
            there.

        Raises:
            NotSent: no connection, failure budget used up; nothing was bought.
            Unavailable: refused with 429 until the budget was used up; nothing was bought.
            KeyRefused, InsufficientCredits, RequestRefused, NotFound, NoSuchRoute,
                RemovedForPrivacy: the API said no; nothing was bought.
            OutcomeUnknown: it left, and no response tells what became of it.
        """
        target = self.locate(path)
        return self._retrier.call(lambda: self._send_once(target, body))

    def locate(self, link: str, current: str = "/", *, trace_id: str | None = None) -> str:
        """``/path?query`` of a path or link on the own origin.

        Args:
            link: what the API sent, or a path.
            current: the path that sent it, and that a relative link is relative to.
            trace_id: of the response that held the link.

        Raises:
            UnexpectedResponse: the link leads elsewhere.
        """
        try:
            return target_on(self.origin, link, current)
        except ForeignAddressError as foreign:
            what = f"the API sent {foreign}, which is not followed"
        path = current.partition("?")[0]
        raise UnexpectedResponse(what, method="GET", path=path, trace_id=trace_id)

    def _read(
        self, method: str, target: str, body: bytes | None, decode: Callable[[Response], object]
    ) -> object:
        response = self._exchange(method, target, body)
        for _ in range(_MOST_REDIRECTS):
            if isinstance(response, TransportFailure) or not _redirects(response):
                break
            location = response.headers["location"]
            target = self.locate(location, target, trace_id=response.trace_id)
            response = self._exchange(method, target, body)
        if isinstance(response, TransportFailure):
            return Failure(Unavailable, response.what, method, target.partition("?")[0])
        if is_throttled(response) or response.status >= 500 or response.status in _PASSING:
            return self._postponed(response)
        if 400 <= response.status < 500:
            raise refusal(response)
        if not 200 <= response.status < 300:
            redirects = _redirects(response)
            what = f"more than {_MOST_REDIRECTS} redirects" if redirects else "an unexpected status"
            raise error_about(response, UnexpectedResponse, what)
        if response.too_large:
            raise error_about(response, UnexpectedResponse, response.damaged)
        if response.damaged:
            return self._failed(response, Unavailable, response.damaged)
        try:
            return decode(response)
        except UnreadableBodyError as unreadable:
            what = str(unreadable)
        return self._failed(response, UnexpectedResponse, what)

    def _send_once(self, target: str, body: bytes) -> Response | Failure:
        response = self._exchange("POST", target, body)
        if isinstance(response, TransportFailure):
            path = target.partition("?")[0]
            if response.may_have_arrived:
                raise OutcomeUnknown(response.what, method="POST", path=path)
            return Failure(NotSent, response.what, "POST", path)
        if is_throttled(response):
            return self._postponed(response)
        if 400 <= response.status < 500 and response.status not in _PASSING:
            raise refusal(response)
        if not 200 <= response.status < 300:
            raise error_about(
                response, OutcomeUnknown, "the answer does not tell whether it was taken"
            )
        if response.damaged and "location" not in response.headers:
            raise error_about(response, OutcomeUnknown, response.damaged)
        return response

    def _exchange(
        self, method: str, target: str, body: bytes | None
    ) -> Response | TransportFailure:
        try:
            waited = self._pacer.take()
        except PacerClosedError:
            return TransportFailure("the client was closed", may_have_arrived=False)
        self.stats.count_call(method, pacing_seconds=waited)
        started = self.clock.monotonic()
        response = self._transport.exchange(method, target, body)
        elapsed = self.clock.monotonic() - started
        if isinstance(response, TransportFailure):
            status, trace_id, outcome = None, None, response.what
        else:
            status, trace_id, outcome = response.status, response.trace_id, str(response.status)
        self.stats.count_exchange(api_seconds=elapsed, throttled=status == 429)
        path = target.partition("?")[0]
        milliseconds = elapsed * 1000
        logger.debug(
            "%s %s: %s, trace id %s, %.0f ms", method, path, outcome, trace_id, milliseconds
        )
        return response

    def _postponed(self, response: Response) -> Failure:
        return self._failed(response, Unavailable, "the API asks to come back later")

    def _failed(self, response: Response, error: type[ApiError], what: str) -> Failure:
        return Failure(
            error,
            what,
            response.method,
            response.path,
            status=response.status,
            trace_id=response.trace_id,
            retry_after=response.retry_after(self.clock.now()),
            throttled=response.status == 429,
        )


def _redirects(response: Response) -> bool:
    return (
        response.method == "GET"
        and response.status in _REDIRECTS
        and "location" in response.headers
    )
