"""A deployment (`tests.support.deployment`) whose tables are in one of the homes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import dlt

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.destinations.warehouses import TestedWarehouse
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment
from tests.support.steps import open_ledger

__all__ = ["KEY", "WarehouseDeployment"]

KEY = "sandbox-key"


class WarehouseDeployment(Deployment):
    """One dataset in one warehouse, and one API server.

    Attributes:
        warehouse: where the tables are.
        dataset: its name, new for each deployment.
        machine: names the working folder; another one is another machine.
        workspace: the dataset of the workspace, for whoever makes one.
    """

    def __init__(
        self,
        warehouse: TestedWarehouse,
        folder: Path,
        server: SandboxServer,
        clock: ManualClock,
        dataset: str,
    ) -> None:
        super().__init__(folder, server, clock)
        self.warehouse = warehouse
        self.dataset = dataset
        self.machine = "pipelines"
        self.workspace = f"{dataset}_workspace"
        self.has_workspace = False

    @classmethod
    @contextmanager
    def settled(cls, warehouse: TestedWarehouse, folder: Path) -> Iterator[Deployment]:
        """A deployment with an empty dataset, which is dropped afterwards."""
        clock = ManualClock()
        options = SandboxOptions(requests_per_minute=None, retry_after=0)
        with SandboxServer(options, clock=clock) as server:
            deployment = cls(
                warehouse, folder, server, clock, f"amplemarket_test_{uuid4().hex[:8]}"
            )
            try:
                yield deployment
            finally:
                deployment.drop()

    def pipeline(self, name: str = "amplemarket") -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            destination=self.warehouse.destination(self.folder),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / self.machine),
        )

    def workspace_pipeline(self) -> dlt.Pipeline:
        """For syncs, into a dataset of their own."""
        self.has_workspace = True
        return dlt.pipeline(
            "amplemarket_workspace",
            destination=self.warehouse.destination(self.folder),
            dataset_name=self.workspace,
            pipelines_dir=str(self.folder / self.machine),
        )

    def wipe_disk(self) -> None:
        shutil.rmtree(self.folder / self.machine, ignore_errors=True)

    def drop(self) -> None:
        """Leave nothing at the destination."""
        with self.client() as client:
            with suppress(Exception):  # whatever was not made cannot be dropped
                client.drop_dataset()
            with client.with_staging_dataset(), suppress(Exception):
                client.drop_dataset()
            if self.has_workspace:
                with client.with_alternative_dataset_name(self.workspace):
                    client.drop_dataset()

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, their columns in lower case."""
        with (
            self.client() as client,
            client.execute_query(
                f"SELECT * FROM {client.make_qualified_table_name(name)}"
            ) as cursor,
        ):
            names = [str(column[0]).lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def counts(self) -> dict[str, int]:
        """Rows by table of the contract, in one statement."""
        from amplemarket_source.run.status import row_counts

        with open_ledger(self.pipeline()) as ledger:
            return row_counts(ledger.warehouse)
