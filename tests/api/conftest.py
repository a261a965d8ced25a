from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from amplemarket_source.api import ApiClient, EnrichmentApi, Timeouts
from tests.api.scripted_server import ScriptedServer
from tests.support.clock import ManualClock

KEY = "key-that-nobody-may-see"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Iterator[ScriptedServer]:
    with ScriptedServer(clock).running() as server:
        server.listen()
        yield server


@pytest.fixture
def deaf_server(clock: ManualClock) -> Iterator[ScriptedServer]:
    """Refuses connections until its `listen` is called."""
    with ScriptedServer(clock).running() as server:
        yield server


def client_for(server: ScriptedServer, *, read: float = 5, budget: int = 4) -> ApiClient:
    return ApiClient(
        KEY,
        server.url,
        requests_per_minute=600,
        clock=server.clock,
        timeouts=Timeouts(connect=2, read=read, total=120),
        failure_budget=budget,
        random=Random(7),
    )


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[ApiClient]:
    with client_for(server) as client:
        yield client


@pytest.fixture
def api(client: ApiClient) -> EnrichmentApi:
    return EnrichmentApi(client)
