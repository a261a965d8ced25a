"""A workbench for every test, and what the tables of it hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.kinds import PEOPLE, Kind
from amplemarket_source.leads.intake import Intake, ingest
from amplemarket_source.workbench import Workbench

SEEN_AT = datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench(tmp_path / "run") as workbench:
        yield workbench


@pytest.fixture
def intake(work: Workbench) -> Callable[..., Intake]:
    def run(source: Any, kind: Kind = PEOPLE) -> Intake:
        return ingest(work, source, kind, seen_at=SEEN_AT)

    return run


@pytest.fixture
def rows(work: Workbench) -> Callable[..., list[tuple[Any, ...]]]:
    def run(table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return work.rows(f"SELECT {columns} FROM {table} ORDER BY position")

    return run
