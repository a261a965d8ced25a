"""A small workspace, and a warehouse that an empty one was synced into once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from amplemarket_source.sandbox.options import WorkspaceSizes
from tests.workspace.synced import Synced

SMALL = WorkspaceSizes(
    users=3,
    sequences=4,
    mailboxes=4,
    lead_lists=3,
    leads_per_list=5,
    tasks_per_user=8,
    calls=9,
    contacts=30,
    accounts=3,
    excluded_domains=3,
    excluded_emails=3,
    seconds_between_calls=864_000,
)
NOTHING = WorkspaceSizes(
    **dict.fromkeys(vars(SMALL).keys() - {"seed"}, 0) | {"seconds_between_calls": 3_600}
)


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a sync of an empty workspace leaves: making the tables takes a while."""
    folder = tmp_path_factory.mktemp("empty_workspace")
    options = SandboxOptions(requests_per_minute=None, workspace=NOTHING)
    with SandboxServer(options) as server:
        Synced(folder, server).sync()
    return folder


@pytest.fixture
def synced(tmp_path: Path, empty_tables: Path) -> Iterator[Synced]:
    """A small workspace, of which nothing was read yet."""
    folder = tmp_path / "synced"
    shutil.copytree(empty_tables, folder)
    options = SandboxOptions(requests_per_minute=None, workspace=SMALL)
    with SandboxServer(options) as server:
        yield Synced(folder, server)
