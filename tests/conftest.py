"""What every test shares: no telemetry, and a deployment of its own for each test that asks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment
from tests.support.remembered import remember_types

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
remember_types()


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run without leads leaves: making the tables takes a second or two."""
    os.environ["LOAD__DELETE_COMPLETED_JOBS"] = "true"
    os.environ["LOAD__TRUNCATE_STAGING_DATASET"] = "true"
    folder = tmp_path_factory.mktemp("empty")
    with SandboxServer() as server:
        Deployment(folder, server, ManualClock()).run(None)
    return folder


@pytest.fixture
def deployment(tmp_path: Path, empty_warehouse: Path) -> Iterator[Deployment]:
    """One warehouse, copied from an empty one, and one server."""
    folder = tmp_path / "deployment"
    shutil.copytree(empty_warehouse, folder)
    clock = ManualClock()
    options = SandboxOptions(requests_per_minute=None)
    with SandboxServer(options, clock=clock) as server:
        yield Deployment(folder, server, clock)
