"""A workbench for the tests of the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.workbench import Workbench
from tests.transform.harness import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with Workbench(folder / "workbench") as work:
        yield Bench(work, folder / "spool")
