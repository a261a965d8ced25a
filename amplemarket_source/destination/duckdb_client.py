"""DuckDB reads a load's Parquet files as well as it reads tables."""

from __future__ import annotations

import glob

from dlt.common.destination.client import RunnableLoadJob
from dlt.destinations.impl.duckdb.duck import DuckDbClient

from amplemarket_source.destination.merging import MergesAtOnce, statements

__all__ = ["MergingDuckDbClient"]


class _MergeJob(RunnableLoadJob):
    """Merges one Parquet file."""

    _job_client: DuckDbClient

    def run(self) -> None:
        client = self._job_client.sql_client
        # A name with brackets is a pattern to DuckDB, also where a file has that very name.
        file = client.capabilities.escape_literal(glob.escape(self._file_path))
        with client.begin_transaction():
            for statement in statements(
                self._load_table, f"read_parquet({file})", client, by_name=True
            ):
                client.execute_sql(statement)


class MergingDuckDbClient(MergesAtOnce, DuckDbClient):
    """dlt's, which merges our tables at once."""

    merge_job = _MergeJob
