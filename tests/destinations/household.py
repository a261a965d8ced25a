"""A shop (`tests.purchase.shop`) whose tables are in one of the homes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import dlt

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.destinations.homes import Home
from tests.purchase.shop import Shop
from tests.support.clock import ManualClock
from tests.support.steps import open_ledger

__all__ = ["KEY", "Household"]

KEY = "sandbox-key"


class Household(Shop):
    """One dataset in one home, and one API server.

    Attributes:
        home: where the tables are.
        dataset: its name, new for each household.
        machine: names the working folder; another one is another machine.
    """

    def __init__(
        self,
        home: Home,
        folder: Path,
        server: SandboxServer,
        clock: ManualClock,
        dataset: str,
    ) -> None:
        super().__init__(folder, server, clock)
        self.home = home
        self.dataset = dataset
        self.machine = "pipelines"

    @classmethod
    @contextmanager
    def settled(cls, home: Home, folder: Path) -> Iterator[Household]:
        """A household with an empty dataset, which is dropped afterwards."""
        clock = ManualClock()
        options = SandboxOptions(requests_per_minute=None, retry_after=0)
        with SandboxServer(options, clock=clock) as server:
            household = cls(home, folder, server, clock, f"amplemarket_test_{uuid4().hex[:8]}")
            try:
                yield household
            finally:
                household.drop()

    def pipeline(self, name: str = "amplemarket") -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            destination=self.home.destination(self.folder),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / self.machine),
        )

    def wipe_disk(self) -> None:
        shutil.rmtree(self.folder / self.machine, ignore_errors=True)

    def drop(self) -> None:
        """Leave nothing at the destination."""
        with self.pipeline().sql_client() as client:
            with suppress(Exception):  # whatever was not made cannot be dropped
                client.drop_dataset()
            with client.with_staging_dataset(), suppress(Exception):
                client.drop_dataset()

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, their columns in lower case."""
        with (
            self.pipeline().sql_client() as client,
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
