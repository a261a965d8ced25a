"""The command, for the tests that type it; and each file on one worker, which makes its trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import amplemarket, folder, leads, server

__all__ = ["amplemarket", "folder", "leads", "server"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
