"""DuckDB's memory is bounded, the user's own bound counts, and rows too large for it load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest

from amplemarket_source.errors import DestinationError
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.warehouse.client import Warehouse

_LARGE = (
    "SELECT sum(length(text)) FROM (SELECT string_agg(repeat('x', 1000)) AS text FROM range({}))"
)
_ROWS = 300_000


def _pipeline(folder: Path, **own: Any) -> dlt.Pipeline:
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(folder / "a.duckdb"), global_config=own or None)
    return dlt.pipeline(
        "amplemarket",
        destination=dlt.destinations.duckdb(credentials),
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / "pipelines"),
    )


def _limit(warehouse: Warehouse) -> str:
    return str(warehouse.rows("SELECT current_setting('memory_limit')")[0][0])


def test_duckdb_takes_no_more_than_its_share(tmp_path: Path) -> None:
    memory = MemoryBudget()
    with Warehouse(_pipeline(tmp_path), memory) as warehouse:
        assert _limit(warehouse) == "91.5 MiB"
        with memory.stage("transform"):
            assert _limit(warehouse) == "61.0 MiB"
        assert _limit(warehouse) == "91.5 MiB"


def test_the_users_own_bound_stays(tmp_path: Path) -> None:
    memory = MemoryBudget()
    with Warehouse(_pipeline(tmp_path, memory_limit="1GB", threads=2), memory) as warehouse:
        assert _limit(warehouse) == "953.6 MiB"
        with memory.stage("transform"):
            assert _limit(warehouse) == "953.6 MiB"
        assert warehouse.rows("SELECT current_setting('threads')") == [(2,)]


def test_a_statement_that_does_not_fit_the_bound_is_given_room(tmp_path: Path) -> None:
    memory = MemoryBudget()
    with Warehouse(_pipeline(tmp_path), memory) as warehouse, memory.stage("transform"):
        assert warehouse.rows(_LARGE.format(_ROWS))[0][0] > _ROWS * 1_000
        assert _limit(warehouse).endswith("GiB")


def test_a_load_that_does_not_fit_the_users_own_bound_fails(tmp_path: Path) -> None:
    with Warehouse(_pipeline(tmp_path, memory_limit="150MB")) as warehouse:
        with pytest.raises(DestinationError) as failed:
            warehouse.rows(_LARGE.format(_ROWS))
        assert not warehouse.make_room(failed.value)


def test_another_failure_gets_no_more_memory(tmp_path: Path) -> None:
    with Warehouse(_pipeline(tmp_path)) as warehouse:
        with pytest.raises(DestinationError) as failed:
            warehouse.rows("SELECT no_such_column")
        assert not warehouse.make_room(failed.value)
        assert _limit(warehouse) == "91.5 MiB"
