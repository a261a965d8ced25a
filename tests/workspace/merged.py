"""Syncs without dlt around them: batches are merged as the destination merges them, and no more.

What a sync reads, compares, marks and notes is the package's own, against the real server and a
real database; dlt's extract, normalize and load, which take most of a sync's time, are left out. So
many sequences can be tried (`tests.workspace.test_any_order`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from dlt.common.storages.load_package import create_load_id

from amplemarket_source.api import ApiClient
from amplemarket_source.clock import SystemClock
from amplemarket_source.destination.merging import statements
from amplemarket_source.load.streams import tables_of
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.table import DataType, Table, as_dlt_knows
from amplemarket_source.streams.catalog import streams_named
from amplemarket_source.streams.report import SyncReport
from amplemarket_source.streams.sync import Sync
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.workbench import Workbench
from tests.workspace.synced import Synced

__all__ = ["Died", "MergedWarehouse"]

_TABLES = tables_of(streams_named())
_SQL_TYPES: dict[DataType, str] = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "bool": "BOOLEAN",
    "double": "DOUBLE",
    "timestamp": "TIMESTAMPTZ",
}


class Died(Exception):
    """Stands for the end of the process."""


class MergedWarehouse:
    """One database that syncs are merged into, emptied for each example.

    Args:
        folder: holds the tables that a sync of an empty workspace has made.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._folder = folder
        nobody: Any = type("NoServer", (), {"url": "http://127.0.0.1:1", "workspace": None})
        self._pipeline = Synced(folder, nobody).pipeline()
        self._pipeline.sync_destination()
        self._memory, self._clock = MemoryBudget(), SystemClock()
        self._warehouse: Warehouse
        self._warehouse, _ = stack.enter_context(
            exclusive_warehouse(self._pipeline, self._clock, lambda error: None, self._memory)
        )
        self._workbench = stack.enter_context(Workbench(folder / "workbench"))
        self._client = stack.enter_context(self._pipeline.sql_client())
        self._hints = {table.name: as_dlt_knows(table) for table in _TABLES}
        self._learnt: dict[str, dict[str, DataType]] = {}

    @contextmanager
    def emptied(self, server: SandboxServer) -> Iterator[MergedSyncs]:
        """The database without a row, and syncs of the server's workspace into it."""
        for table in (*_TABLES, Table("_dlt_loads", "", (), ())):
            self._client.execute_sql(f"DELETE FROM {self._name(table.name)}")
        clock = self._clock
        settings = Synced(self._folder, server).settings()
        client = ApiClient("sandbox-key", server.url, requests_per_minute=600_000, clock=clock)
        with client:

            def made(streams: Sequence[str], report: SyncReport, is_full: bool) -> Sync:
                return Sync(
                    self._pipeline,
                    streams_named(streams),
                    settings,
                    report,
                    client=client,
                    warehouse=self._warehouse,
                    workbench=self._workbench,
                    memory=self._memory,
                    clock=clock,
                    companies=lambda: None,
                    is_full=is_full,
                )

            yield MergedSyncs(self, self._folder, server, made)

    def load(self, sync: Sync, die_at: int | None) -> None:
        """Merge what a sync gives.

        Args:
            die_at: before so many tables, or before the load is noted.

        Raises:
            Died: as it was told to.
        """
        registry = ColumnRegistry(self._learnt, tables=_TABLES)
        load_id = create_load_id()
        batches: dict[str, list[pa.Table]] = {}
        for batch in sync.batches(registry, load_id):
            for name, rows in batch.items():
                if rows.num_rows:
                    batches.setdefault(name, []).append(rows)
        for name in registry.new_fields:
            table, _, column = name.partition(".")
            data_type = registry.new_fields[name]
            self._learnt.setdefault(table, {})[column] = data_type  # type: ignore[assignment]
            kind = _SQL_TYPES[data_type]  # type: ignore[index]
            sql = f"ALTER TABLE {self._name(table)} ADD COLUMN IF NOT EXISTS {column} {kind}"
            self._client.execute_sql(sql)
        for number, (name, parts) in enumerate(batches.items()):
            if number == die_at:
                raise Died
            self._merge(name, pa.concat_tables(parts, promote_options="default"))
        if die_at is not None:
            raise Died
        self._client.execute_sql(
            f"INSERT INTO {self._name('_dlt_loads')} (load_id, status, inserted_at) "
            "VALUES (%s, 0, now())",
            load_id,
        )

    def _merge(self, name: str, rows: pa.Table) -> None:
        connection = self._client.native_connection
        connection.register("given_rows", rows)
        with self._client.begin_transaction():
            for statement in statements(
                self._hints[name], "given_rows", self._client, by_name=True
            ):
                self._client.execute_sql(statement)
        connection.unregister("given_rows")

    def _name(self, table: str) -> str:
        return self._client.make_qualified_table_name(table)


class MergedSyncs(Synced):
    """As `Synced`, merged by a `MergedWarehouse`."""

    def __init__(
        self, merged: MergedWarehouse, folder: Path, server: SandboxServer, made: Any
    ) -> None:
        super().__init__(folder, server)
        self._merged = merged
        self._made = made

    def sync(
        self, *streams: str, full: bool = False, die_at: int | None = None, **_: Any
    ) -> SyncReport:
        report = SyncReport()
        self._merged.load(self._made(streams, report, full), die_at)
        return report
