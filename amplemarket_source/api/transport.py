"""One HTTP exchange, and whether it can have reached the API. The only importer of httpx.

dlt's own HTTP session repeats a POST, so it is not taken (api-notes: dlt-http).

httpx and httpcore are kept from logging what this package promises not to log: httpx writes the
whole URL at INFO, and the query of ``/people/find`` holds an e-mail address; httpcore writes
response headers at DEBUG, and ``Location`` may repeat that query. The filters act only during an
exchange, so another user of httpx in the same process keeps its log.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpx

from amplemarket_source.api.links import is_loopback
from amplemarket_source.api.responses import Response
from amplemarket_source.clock import Clock

__all__ = ["MOST_BYTES", "Timeouts", "Transport", "TransportFailure"]

MOST_BYTES = 64_000_000
"""Of a response's body, as it comes and again once unpacked. A page of 100 people has half a
megabyte; the largest request, 10,000 leads, would fit in one page of 6 kB a person
(api-notes: page-size, batch-size). Two kilobytes of gzip can unpack to all memory there is."""

_GZIP = 16 + zlib.MAX_WBITS  # zlib's number for gzip
_USER_AGENT = "dlt-source-amplemarket"
_IDLE_SECONDS = 30.0
# httpx raises these before the first byte of the request is written: no connection (TLS and a
# proxy's own handshake included), or no place in the connection pool.
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# A filter on a parent logger does not see its children's records, so each is named.
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_inside: ContextVar[bool] = ContextVar("amplemarket_http_call", default=False)


@dataclass(frozen=True)
class Timeouts:
    """Seconds of patience with one exchange.

    Attributes:
        connect: until there is a connection.
        read: between two pieces of the response, and for writing one piece of the request.
        total: from the start to the end of the body, however it drips. Looked at whenever bytes of
            the body arrive, so a response ends after ``total + read`` at the latest.
    """

    connect: float = 5
    read: float = 60
    total: float = 120


@dataclass(frozen=True)
class TransportFailure:
    """No response came.

    Attributes:
        what: one clause that says what happened.
        may_have_arrived: False only where the request provably never left this machine.
    """

    what: str
    may_have_arrived: bool


class Transport:
    """Sends to one origin with one key; shared by threads.

    A POST gets a connection of its own, never one kept alive. The server may close a kept one at
    the very moment it is used again, which looks like a request that was lost on the way and
    cannot be told from one that was taken. On a fresh connection a failure to connect is a
    proof that nothing left.

    Args:
        origin: as `origin_of` returns it.
        api_key: bearer token, as `usable_key` returns it.
        timeouts: patience with a single exchange.
        clock: measures ``Timeouts.total`` and ``Response.elapsed``.

    Example::

        transport = Transport(origin, api_key, Timeouts(), SystemClock())
        transport.exchange("GET", "/account-info")      # a Response, or a TransportFailure
        transport.close()
    """

    def __init__(self, origin: str, api_key: str, timeouts: Timeouts, clock: Clock) -> None:
        self._origin = origin
        self._timeouts = timeouts
        self._clock = clock
        # HTTP_PROXY would carry the key of a plain http loopback call off this machine.
        self._trust_env = not is_loopback(origin)
        # Loading the certificates is most of what a client costs, so both share them.
        self._certificates = httpx.create_ssl_context(trust_env=self._trust_env)
        # httpx's own kind of headers hides the key when it is printed.
        self._headers = httpx.Headers(
            {
                "Authorization": f"Bearer {api_key}",  # (api-notes: address-and-key)
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": _USER_AGENT,
            }
        )
        self._own = threading.local()
        self._closing = ExitStack()
        self._single_use = self._client(idle_connections=0)

    @property
    def _kept_alive(self) -> httpx.Client:
        """The calling thread's client: one pool for all would look at each connection each time."""
        client: httpx.Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._client(idle_connections=1)
        return client

    def _client(self, *, idle_connections: int) -> httpx.Client:
        client = httpx.Client(
            headers=self._headers,
            timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=idle_connections,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            follow_redirects=False,
            trust_env=self._trust_env,
            verify=self._certificates,
        )
        self._closing.callback(client.close)
        return client

    def exchange(
        self, method: str, target: str, body: bytes | None = None
    ) -> Response | TransportFailure:
        """Send one request and read its response to the end; nothing is tried twice.

        Args:
            method: ``GET``, ``PATCH`` or ``POST``.
            target: ``/path?query`` on the origin.
            body: JSON bytes.
        """
        # httpx's exceptions hold the request and with it the URL's query, so they become values
        # here and do not end up in the context of another exception.
        started = self._clock.monotonic()
        client = self._single_use if method == "POST" else self._kept_alive
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            with (
                _quiet_http_logs(),
                client.stream(
                    method, self._origin + target, content=body, headers=headers
                ) as received,
            ):
                content, damaged, too_large = self._read(received, started)
        except _NEVER_LEFT as error:
            return TransportFailure(self._describe(error), may_have_arrived=False)
        except httpx.TransportError as error:
            return TransportFailure(self._describe(error), may_have_arrived=True)
        except httpx.InvalidURL:
            return TransportFailure("the address is not a URL", may_have_arrived=False)
        return Response(
            method=method,
            path=target.partition("?")[0],
            status=received.status_code,
            headers={name.lower(): value for name, value in received.headers.items()},
            body=content,
            trace_id=received.headers.get("x-request-id"),
            elapsed=self._clock.monotonic() - started,
            damaged=damaged,
            too_large=too_large,
        )

    def _read(self, received: httpx.Response, started: float) -> tuple[bytes, str, bool]:
        """The decoded body; why it is not whole; whether that is because of its size."""
        pieces, size = [], 0
        # Raw, because the decoded stream stays silent while compressed bytes drip.
        try:
            for piece in received.iter_raw():
                pieces.append(piece)
                size += len(piece)
                if size > MOST_BYTES:
                    return b"", _TOO_LARGE, True
                if self._clock.monotonic() - started > self._timeouts.total:
                    return b"", f"the answer took longer than {self._timeouts.total:g} s", False
        except httpx.TransportError as error:
            return b"", self._describe(error), False
        body = b"".join(pieces)
        coding = received.headers.get("content-encoding", "identity").strip().lower()
        if coding == "identity":
            return body, "", False
        if coding != "gzip":
            return b"", "the body is encoded in a way that was not asked for", False
        return _unpacked(body)

    def _describe(self, error: httpx.TransportError) -> str:
        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._timeouts.connect:g} s"
        if isinstance(error, httpx.ConnectError):
            # The operating system's or the TLS library's own words: no URL in them.
            return f"no connection could be made ({error})"
        if isinstance(error, httpx.TimeoutException):
            return f"nothing was heard for {self._timeouts.read:g} s"
        return f"the connection broke ({type(error).__name__})"

    def close(self) -> None:
        self._closing.close()


_TOO_LARGE = f"the answer is larger than {MOST_BYTES // 1_000_000} MB"


def _unpacked(body: bytes) -> tuple[bytes, str, bool]:
    """The same of a body in gzip; no more is unpacked than may be kept."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error:
        return b"", "the body's compression is damaged", False
    if len(content) > MOST_BYTES:
        return b"", _TOO_LARGE, True
    return (content, "", False) if unpacker.eof else (b"", "the body's compression is cut", False)


def _outside_our_calls(_: logging.LogRecord) -> bool:
    return not _inside.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_outside_our_calls)


@contextmanager
def _quiet_http_logs() -> Iterator[None]:
    """Within the block, in this thread, httpx and httpcore log nothing."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
