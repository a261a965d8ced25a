"""A server on loopback, a client that holds its key, and a clock that tests move by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.sandbox.sandbox_api import Api
from tests.support.clock import ManualClock


@pytest.fixture
def make_api() -> Iterator[Callable[..., Api]]:
    """Start a server with other options."""
    opened: list[tuple[SandboxServer, httpx.Client]] = []

    def make(**options: Any) -> Api:
        clock = ManualClock()
        settings = SandboxOptions(**{"requests_per_minute": None, **options})
        server = SandboxServer(settings, clock=clock).__enter__()
        headers = {"Authorization": "Bearer sandbox-key"}
        client = httpx.Client(base_url=server.url, headers=headers, timeout=10)
        opened.append((server, client))
        return Api(server, client, clock)

    yield make
    for server, client in opened:
        client.close()
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def shared_server() -> Iterator[tuple[SandboxServer, httpx.Client, ManualClock]]:
    clock = ManualClock()
    with (
        SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server,
        httpx.Client(
            base_url=server.url, headers={"Authorization": "Bearer sandbox-key"}, timeout=10
        ) as client,
    ):
        yield server, client, clock


@pytest.fixture
def api(shared_server: tuple[SandboxServer, httpx.Client, ManualClock]) -> Api:
    """A server with default options and nothing in it."""
    server, client, clock = shared_server
    server.sandbox.reset()
    server.sandbox.options = SandboxOptions(requests_per_minute=None)
    return Api(server, client, clock)
