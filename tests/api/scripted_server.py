"""A real HTTP server on loopback that misbehaves by script."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.clock import ManualClock

__all__ = ["Behaviour", "ScriptedServer", "Seen", "cut", "drip", "hang", "respond", "vanish"]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; ``at`` is the manual clock's time."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: tuple[str, int]
    at: float


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ScriptedServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        at = self.server.clock.monotonic()
        seen = Seen(self.command, self.path, headers, body, self.client_address, at)
        self.server.next_behaviour(seen)(self)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        pass


Behaviour = Callable[[_Handler], None]


class ScriptedServer(ThreadingHTTPServer):
    """Plays one behaviour per request; when the script is over, the last one again."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, clock: ManualClock) -> None:
        # Bound and not yet listening: a connection is refused, and the port is kept.
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.server_bind()
        self.clock = clock
        self.seen: list[Seen] = []
        self._script: deque[Behaviour] = deque()
        self._last: Behaviour = respond()
        self._lock = threading.Lock()
        self._listening = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def listen(self) -> None:
        if not self._listening:
            self._listening = True
            self.server_activate()
            threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def script(self, *behaviours: Behaviour) -> None:
        with self._lock:
            self._script.extend(behaviours)

    def next_behaviour(self, seen: Seen) -> Behaviour:
        with self._lock:
            self.seen.append(seen)
            if self._script:
                self._last = self._script.popleft()
            return self._last

    @contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        try:
            yield self
        finally:
            if self._listening:
                self.shutdown()
            self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the script."""


def respond(
    status: int = 200, body: bytes = b'{"ok": true}', headers: Mapping[str, str] | None = None
) -> Behaviour:
    def behave(handler: _Handler) -> None:
        _head(handler, status, len(body), headers)
        handler.wfile.write(body)

    return behave


def cut(status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Promises more body than it sends, then closes."""

    def behave(handler: _Handler) -> None:
        _head(handler, status, 1000, headers)
        handler.wfile.write(b'{"id": 1, "results": [')
        handler.close_connection = True

    return behave


def drip(
    seconds_per_byte: float, body: bytes, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """One byte at a time, each later by the manual clock."""

    def behave(handler: _Handler) -> None:
        _head(handler, 200, len(body), headers)
        for byte in body:
            handler.server.clock.advance(seconds_per_byte)
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    return behave


def hang(until: threading.Event) -> Behaviour:
    """Takes the request and says nothing."""

    def behave(handler: _Handler) -> None:
        until.wait(10)
        handler.close_connection = True

    return behave


def vanish(*, reset: bool = False) -> Behaviour:
    """Takes the request and closes the connection, politely or with a reset."""

    def behave(handler: _Handler) -> None:
        if reset:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
        handler.close_connection = True

    return behave


def _head(handler: _Handler, status: int, length: int, headers: Mapping[str, str] | None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    handler.send_header("X-Request-Id", "req-1")
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.flush()
