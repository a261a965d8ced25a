"""A server for each file of tests, and a code location for each test."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.schedulers.in_dagster.scheduled import (
    OPTIONS,
    Scheduled,
)


@pytest.fixture(scope="module")
def one_server() -> Iterator[SandboxServer]:
    with SandboxServer(OPTIONS) as running:
        yield running


@pytest.fixture
def server(one_server: SandboxServer) -> SandboxServer:
    """As if it had just been started, which takes its time."""
    one_server.sandbox.reset()
    one_server.sandbox.options = OPTIONS
    return one_server


@pytest.fixture
def scheduled(
    tmp_path: Path, server: SandboxServer, empty_warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduled]:
    monkeypatch.chdir(tmp_path)
    for folder, name in (("home", "DAGSTER_HOME"), ("temp", "TMPDIR")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    # Python remembers the folder for temporary files once it has looked for it.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    for name, value in {
        "API_KEY": "sandbox-key",
        "BASE_URL": server.url,
        "REQUESTS_PER_MINUTE": "600000",
    }.items():
        monkeypatch.setenv(f"SOURCES__AMPLEMARKET__{name}", value)
    shutil.copy(empty_warehouse / "warehouse.duckdb", tmp_path / "amplemarket.duckdb")
    shutil.copytree(empty_warehouse / "pipelines", tmp_path / "pipelines")
    # Dagster makes SIGTERM what SIGINT is, and leaves it so.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    found = Scheduled(tmp_path, server)
    yield found
    for number, handler in handlers.items():
        signal.signal(number, handler)
    found.assert_bought_once()
    found.assert_nobody_is_left_behind()
