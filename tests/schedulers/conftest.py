"""A scheduler for each file of tests, and a place for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.schedulers.place import Place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All but Dagster's, which runs in this process, is `make test-all`'s.

    The first test may have to make an environment.
    """
    for item in items:
        folder, name = Path(__file__).parent, item.path.name
        if item.path.parent == folder:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))
            if "worker" in getattr(item, "fixturenames", ()) or name == "test_airflow.py":
                item.add_marker(pytest.mark.schedulers)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(retry_after=0, requests_per_minute=None)) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the scheduler: its database, its logs, and what it writes to temporary folders."""
    return tmp_path_factory.mktemp("scheduler")


@pytest.fixture
def place(tmp_path: Path, home: Path, server: SandboxServer) -> Iterator[Place]:
    """Looked through when the test is over: see `Place.check`."""
    place = Place(tmp_path / "place", server, home)
    yield place
    place.check()
