"""Running the sandbox: in a thread beside a test, or for good in a process of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from amplemarket_source.sandbox.app import make_app
from amplemarket_source.sandbox.faults import FaultLike
from amplemarket_source.sandbox.options import Clock, SandboxOptions
from amplemarket_source.sandbox.state import Sandbox
from amplemarket_source.sandbox.workspace import Workspace

__all__ = ["SandboxServer", "serve"]

KEEP_ALIVE_SECONDS = 75
"""As long as common gateways keep an idle connection, so that polls reuse theirs."""


def _protocol(transports: dict[tuple[str, int], asyncio.Transport]) -> type[H11Protocol]:
    """uvicorn's protocol, which also notes its open connections so that a fault can drop one."""

    class NotingProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._peer = tuple(transport.get_extra_info("peername")[:2])
            transports[self._peer] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self._peer, None)
            super().connection_lost(exc)

    return NotingProtocol


def _server(sandbox: Sandbox) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            make_app(sandbox),
            http=cast("type[asyncio.Protocol]", _protocol(sandbox.transports)),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
    )


def _listening(host: str, port: int) -> socket.socket:
    """A listening socket; its backlog holds clients that come before the server has started.

    Raises:
        ValueError: ``host`` is not a loopback address, or the port is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(
            f"host {host!r}: the sandbox listens on a loopback address only, such as 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it small answers,
    # written as head and body, wait 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise ValueError(f"port {port}: the sandbox cannot listen there: {error}.") from None
    listener.listen(128)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class SandboxServer:
    """The sandbox on a free port of 127.0.0.1, for as long as the ``with`` block lasts.

    Args:
        options, faults, clock: as of ``Sandbox``.

    Attributes:
        url: base URL, such as ``http://127.0.0.1:40213``.
        sandbox: the state, to read the log from and to set faults and options.

    Example::

        with SandboxServer() as server:
            amplemarket(leads="leads.csv", base_url=server.url, api_key="sandbox-key")
    """

    url: str

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        faults: Iterable[FaultLike] = (),
        clock: Clock | None = None,
    ) -> None:
        self.sandbox = Sandbox(options, faults=faults, clock=clock)

    @property
    def workspace(self) -> Workspace:
        """What the list endpoints show: read it, and change it between two syncs."""
        return self.sandbox.workspace

    def __enter__(self) -> SandboxServer:
        self._listener = _listening("127.0.0.1", 0)
        self.url = _url(self._listener)
        self._server = _server(self.sandbox)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self.sandbox.account.close()

    def _run(self) -> None:
        asyncio.run(_serving(self._server, self._listener, self.sandbox))


async def _serving(server: uvicorn.Server, listener: socket.socket, sandbox: Sandbox) -> None:
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    # Answers that a fault keeps open would hold up the shutdown, so connections end with it.
    while not server.should_exit and not serving.done():
        await asyncio.wait([serving], timeout=0.05)
    for transport in list(sandbox.transports.values()):
        transport.abort()
    await serving


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    options: SandboxOptions | None = None,
    *,
    faults: Iterable[FaultLike] = (),
    ready: Callable[[str], None] = print,
) -> None:
    """Serve until interrupted (SIGINT or SIGTERM).

    Args:
        host: a loopback address.
        port: 0 takes a free one.
        ready: called with the base URL when clients can connect.

    Raises:
        ValueError: the host is not loopback, or the port is taken.
    """
    sandbox = Sandbox(options, faults=faults)
    with _listening(host, port) as listener:
        ready(_url(listener))
        try:
            asyncio.run(_serving(_server(sandbox), listener, sandbox))
        except KeyboardInterrupt:
            pass
        finally:
            sandbox.account.close()
