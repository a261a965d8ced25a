"""A workbench for every test, and what the tables of it hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from amplemarket_source.leads.intake import Intake, ingest, open_workbench
from amplemarket_source.model import PEOPLE, Kind

SEEN_AT = datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_workbench(tmp_path / "run") as connection:
        yield connection


@pytest.fixture
def intake(work: duckdb.DuckDBPyConnection) -> Callable[..., Intake]:
    def run(source: Any, kind: Kind = PEOPLE) -> Intake:
        return ingest(source, kind, work, seen_at=SEEN_AT)

    return run


@pytest.fixture
def rows(work: duckdb.DuckDBPyConnection) -> Callable[..., list[tuple[Any, ...]]]:
    def run(table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return work.sql(f"SELECT {columns} FROM {table} ORDER BY position").fetchall()

    return run
