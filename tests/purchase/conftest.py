"""A shop for each test: its own warehouse, copied from an empty one, and its own server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.purchase.shop import Shop
from tests.support.clock import ManualClock


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first run without leads leaves: making the tables takes a second or two."""
    os.environ["LOAD__DELETE_COMPLETED_JOBS"] = "true"
    os.environ["LOAD__TRUNCATE_STAGING_DATASET"] = "true"
    folder = tmp_path_factory.mktemp("empty")
    with SandboxServer() as server:
        Shop(folder, server, ManualClock()).run(None)
    return folder


@pytest.fixture
def shop(tmp_path: Path, empty_warehouse: Path) -> Iterator[Shop]:
    folder = tmp_path / "shop"
    shutil.copytree(empty_warehouse, folder)
    clock = ManualClock()
    options = SandboxOptions(requests_per_minute=None)
    with SandboxServer(options, clock=clock) as server:
        yield Shop(folder, server, clock)
