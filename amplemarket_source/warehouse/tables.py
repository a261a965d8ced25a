"""Which of our tables a destination has, and making those that it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from amplemarket_source.schema.bookkeeping import REQUEST_LEADS
from amplemarket_source.schema.table import Table, as_dlt_knows
from amplemarket_source.schema.tables import DECLARED
from amplemarket_source.warehouse.capabilities import name_of, require_guarantees
from amplemarket_source.warehouse.place import place_of
from amplemarket_source.warehouse.refusals import translated

__all__ = ["TablesThere", "columns_at", "has_ledger", "lacking_at"]

_SCHEMA = "amplemarket_ledger_tables"
"""What dlt calls, at the destination, the schema that the tables are made by."""


class TablesThere:
    """Remembers what it has seen: tables do not go away while a run lasts.

    Args:
        client: dlt's job client, connected.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._there: dict[str, set[str]] = {}

    def lacking(self, tables: Iterable[Table]) -> list[Table]:
        """Those of the tables that are not there, or not with all their columns."""
        if _lacking(tables, self._there):
            self._there |= columns_at(self._client, {t.name for t in (*tables, *DECLARED)})
        return _lacking(tables, self._there)

    def has(self, table: str) -> bool:
        """Whether there is a table of that name."""
        if not self._there.get(table):
            self._there |= columns_at(self._client, {table})
        return bool(self._there.get(table))

    def make(self, tables: Iterable[Table]) -> None:
        """Make what is lacking of the tables.

        Without a load: dlt makes no table for a load whose schema it has noted at the destination
        before, and what it notes is all that the working folder knows of, which may be of another
        database than this one (api-notes: dlt-noted-schema). So the schema is made for the purpose,
        and compared with the tables that are there.
        """
        made = dlt.Schema(_SCHEMA)
        for table in tables:
            made.update_table(as_dlt_knows(table))
        stored: Any = made.to_dict()  # with the hash by which the destination notes it
        self._client.schema = dlt.Schema.from_dict(stored)
        self._client.initialize_storage()
        self._client.update_stored_schema(force=True)
        self._there |= {t.name: {column.name for column in t.columns} for t in tables}


def _lacking(tables: Iterable[Table], there: dict[str, set[str]]) -> list[Table]:
    return [
        table
        for table in tables
        if not there.get(table.name, set()).issuperset(column.name for column in table.columns)
    ]


def columns_at(client: Any, names: Iterable[str]) -> dict[str, set[str]]:
    """The columns of those of the tables that are in the dataset of a job client; one statement."""
    try:
        return {
            name: {column.lower() for column in columns}
            for name, columns in client.get_storage_tables(list(names))
        }
    except DestinationUndefinedEntity:
        return {}


def lacking_at(pipeline: dlt.Pipeline, tables: Iterable[Table]) -> list[Table]:
    """Those of the tables that the pipeline's dataset has not got, or not with all their columns.

    What dlt's schema says of tables may have been extracted and never loaded.
    """
    client: Any = pipeline.destination_client()
    with translated("read", "the dataset", pipeline), client:
        return TablesThere(client).lacking(list(tables))


def has_ledger(
    pipeline: dlt.Pipeline, table: Table = REQUEST_LEADS, dataset: str | None = None
) -> bool:
    """Whether the destination holds a record of purchases; creates nothing, not even a file.

    Args:
        table: another by which it is to be known, such as that of the workspace's streams.
        dataset: another than the pipeline's.

    Raises:
        SettingsError: the destination cannot be used.
        Busy: another process has the DuckDB file open.
        DestinationError: it cannot be read.
    """
    with translated("open", "the ledger", pipeline):
        if name_of(pipeline) == "duckdb" and place_of(pipeline).is_missing:
            return False
        require_guarantees(pipeline)
        with (
            pipeline.sql_client() as client,
            client.with_alternative_dataset_name(dataset or client.dataset_name),
        ):
            name = client.make_qualified_table_name(table.name)
            try:
                client.execute_sql(f"SELECT 1 FROM {name} WHERE 1 = 0")
            except DestinationUndefinedEntity:
                return False
    return True
