"""A DuckDB destination that merges each file of a load at once, without staging tables.

dlt writes a load twice: into staging tables and, by a merge that looks for doubles, into the tables
themselves. DuckDB reads the load's Parquet files as well as it reads tables, so here a file is
merged from where it lies: with less time and memory, and no copy of anybody's data in a second
dataset. One transaction deletes what the file replaces and inserts its rows. Repeated after a
crash, it replaces what it had inserted itself (api-notes: duckdb-parquet).

This holds for tables whose rows come as ours do (`amplemarket_source.schema.table`); those of other
sources in the same pipeline are left to dlt, and so is a load that dlt's own destination began. The
other way round, what is left of a load that died here is to be loaded by this destination: dlt's
finds no staging tables, or old rows in them.
"""

from __future__ import annotations

import glob
from contextlib import suppress
from typing import Any

import dlt
from dlt.common.destination.client import LoadJob, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TSchemaTables
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import commit_load_package_state, destination_state
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.schema.table import WHOLE_IN_A_FILE

__all__ = ["duckdb"]

_BEGUN = "amplemarket_merges_at_once"
"""In the state of a load that this destination has begun."""


class duckdb(dlt.destinations.duckdb):  # noqa: N801 - the name dlt gives to this destination
    """``dlt.destinations.duckdb``, with the same arguments.

    Example::

        from amplemarket_source.destination import duckdb

        pipeline = dlt.pipeline("amplemarket", destination=duckdb("leads.duckdb"))
    """

    @property
    def client_class(self) -> type[DuckDbClient]:
        return _MergingClient


class _MergingClient(DuckDbClient):
    def update_stored_schema(self, *given: Any, **named: Any) -> TSchemaTables | None:
        # The first step of a load, taken once. One that dlt's destination began goes on in dlt's
        # way: rows that stand in staging tables already would never come out of them.
        with suppress(CurrentLoadPackageStateNotAvailable):
            destination_state()[_BEGUN] = True
            commit_load_package_state()
        return super().update_stored_schema(*given, **named)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        if _is_merged_at_once(self.prepare_load_table(table_name)):
            return False
        return super().should_load_data_to_staging_dataset(table_name)

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if _is_merged_at_once(table):
            return _MergeJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


def _is_merged_at_once(table: PreparedTableSchema) -> bool:
    return WHOLE_IN_A_FILE in table and _BEGUN in destination_state()


class _MergeJob(RunnableLoadJob):
    """Merges one file; dlt makes its own merge only for jobs that are ``HasFollowupJobs``."""

    _job_client: DuckDbClient

    def run(self) -> None:
        client = self._job_client.sql_client
        with client.begin_transaction():
            for statement in _statements(self._load_table, self._file_path, client):
                client.execute_sql(statement)


def _statements(table: Any, file_path: str, client: SqlClientBase[Any]) -> tuple[str, str]:
    """DELETE and INSERT, by the hints that dlt's own merge reads."""
    name = client.make_qualified_table_name(table["name"])
    # A name with brackets is a pattern to DuckDB, also where a file has that very name.
    rows = f"read_parquet({client.capabilities.escape_literal(glob.escape(file_path))})"
    scope = table.get("x-merge-destination-scope")
    if scope:
        replaced = scope.format(table=name, staging_table=rows)
    else:
        keys = map(client.escape_column_name, get_columns_names_with_prop(table, "primary_key"))
        same = " AND ".join(f"old.{key} = new.{key}" for key in keys)
        replaced = f"EXISTS (SELECT 1 FROM {rows} AS new WHERE {same})"
    wanted = table.get("x-merge-source-filter", "true")
    return (
        f"DELETE FROM {name} AS old WHERE {replaced}",
        f"INSERT INTO {name} BY NAME SELECT * FROM {rows} WHERE {wanted}",
    )
