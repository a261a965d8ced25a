"""What the destinations that merge at once have in common."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from dlt.common.destination.client import LoadJob, RunnableLoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TSchemaTables
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import commit_load_package_state, destination_state
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.schema.table import WHOLE_IN_A_FILE

__all__ = ["MergesAtOnce", "statements"]

_BEGUN = "amplemarket_merges_at_once"
"""In the state of a load that this destination has begun."""
_IN_DLTS_WAY = "amplemarket_through_staging"
"""There as well: the tables of the load that are not."""


class MergesAtOnce(SqlJobClientWithStagingDataset):
    """Before one of dlt's job clients: files of our tables are jobs of ``merge_job``.

    dlt makes its own merge only for jobs that are ``HasFollowupJobs``, which these are not.
    """

    merge_job: type[RunnableLoadJob]

    def through_staging(self) -> list[str]:
        """The tables of the load that begins now whose files are merged in dlt's way."""
        return []

    def update_stored_schema(self, *given: Any, **named: Any) -> TSchemaTables | None:
        # The first step of a load, taken once. One that dlt's destination began goes on in dlt's
        # way: rows that stand in staging tables already would never come out of them.
        with suppress(CurrentLoadPackageStateNotAvailable):
            state = destination_state()
            if _BEGUN not in state:
                state |= {_BEGUN: True, _IN_DLTS_WAY: self.through_staging()}
                commit_load_package_state()
        return super().update_stored_schema(*given, **named)

    def initialize_storage(self, truncate_tables: Iterable[str] | None = None) -> None:
        # After a load dlt asks for its staging tables to be emptied, and makes them a dataset.
        empties = None if truncate_tables is None else list(truncate_tables)
        if empties != [] or not self.in_staging_dataset_mode:
            super().initialize_storage(empties)  # type: ignore[arg-type]

    def drop_tables(self, *tables: str, delete_schema: bool = True) -> None:
        # Of schemas nothing is noted in a staging dataset that nothing was loaded through.
        there = not self.in_staging_dataset_mode
        super().drop_tables(*tables, delete_schema=delete_schema and there)

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        if _is_merged_at_once(self.prepare_load_table(table_name)):
            return False
        return super().should_load_data_to_staging_dataset(table_name)

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if _is_merged_at_once(table):
            return self.merge_job(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


def _is_merged_at_once(table: PreparedTableSchema) -> bool:
    state = destination_state()
    in_dlts_way = state.get(_IN_DLTS_WAY, ())
    return WHOLE_IN_A_FILE in table and _BEGUN in state and table["name"] not in in_dlts_way


def statements(
    table: Any, given: str, client: SqlClientBase[Any], *, by_name: bool
) -> tuple[str, str]:
    """DELETE and INSERT, by the hints that dlt's own merge reads.

    Args:
        table: as dlt knows it.
        given: what the new rows are in, as a statement has it.
        by_name: whether their columns are to be found by name; else they are in the table's order.
    """
    name = client.make_qualified_table_name(table["name"])
    scope = table.get("x-merge-destination-scope")
    if scope:
        replaced = scope.format(table=name, staging_table=given)
    else:
        keys = map(client.escape_column_name, get_columns_names_with_prop(table, "primary_key"))
        same = " AND ".join(f"old.{key} = new.{key}" for key in keys)
        replaced = f"EXISTS (SELECT 1 FROM {given} AS new WHERE {same})"
    wanted = table.get("x-merge-source-filter", "true")
    how = "BY NAME " if by_name else ""
    return (
        f"DELETE FROM {name} AS old WHERE {replaced}",
        f"INSERT INTO {name} {how}SELECT * FROM {given} WHERE {wanted}",
    )
