"""What the tests of buying share: a server, a warehouse, and runs between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source import amplemarket
from amplemarket_source.destination import duckdb
from amplemarket_source.kinds import PEOPLE, Kind
from amplemarket_source.load.waves import load_pending
from amplemarket_source.report import RunReport
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.settings import Settings, resolve_settings
from tests.support.clock import ManualClock
from tests.support.steps import SteppedRun

__all__ = ["COUNTS", "Deployment", "email_leads"]

COUNTS = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in TABLES)
"""How many rows each table of the contract has; one row for each."""


def email_leads(*names: str) -> list[dict[str, str]]:
    """One lead for each name; ``notfound...`` and ``removed...`` are what they say."""
    return [{"email": f"{name}@{name}.example", "external_id": name} for name in names]


class Deployment:
    """One warehouse and one server, on a clock that tests turn.

    Attributes:
        folder: holds the warehouse and the pipelines' working folders.
        dataset: the name of the tables' dataset.
    """

    dataset = "amplemarket_data"

    def __init__(self, folder: Path, server: SandboxServer, clock: ManualClock) -> None:
        self.folder = folder
        self.server = server
        self.sandbox = server.sandbox
        self.clock = clock
        self._clients: dict[tuple[str, str], SqlClientBase[Any]] = {}

    def pipeline(self, name: str = "amplemarket") -> dlt.Pipeline:
        return dlt.pipeline(
            name,
            destination=duckdb(str(self.folder / "warehouse.duckdb")),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def settings(self, **given: Any) -> Settings:
        return resolve_settings(**self._arguments(given))

    def source(self, leads: Any, **given: Any) -> Any:
        return amplemarket(leads=leads, **self._arguments(given))

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "api_key": "sandbox-key",
            "base_url": self.server.url,
            "requests_per_minute": 600_000,
            "max_requests_in_flight": 1,
            **given,
        }

    def opened(self, **settings: Any) -> SteppedRun:
        return SteppedRun(self.pipeline(), self.settings(**settings), self.clock)

    def run(
        self,
        leads: Iterable[dict[str, str]] | None = (),
        *,
        kind: Kind = PEOPLE,
        meanwhile: Callable[[SteppedRun], object] = lambda _: None,
        **settings: Any,
    ) -> RunReport:
        """The whole of a run; ``leads=None`` resumes only."""
        pipeline = self.pipeline()
        load_pending(pipeline)
        with SteppedRun(pipeline, self.settings(**settings), self.clock) as run:
            run.prepare({} if leads is None else {kind: list(leads)})
            meanwhile(run)
            run.load()
        return run.report

    def buy(
        self, leads: Iterable[dict[str, str]], kind: Kind = PEOPLE, **settings: Any
    ) -> RunReport:
        """A run that reads answers onto the disk and ends before it loads them."""
        with self.opened(**settings) as run:
            run.prepare({kind: list(leads)})
            list(run.completed())
        return run.report

    def wipe_disk(self) -> None:
        """Another machine: only the warehouse is left."""
        shutil.rmtree(self.folder / "pipelines", ignore_errors=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.client() as client:
            return [tuple(row) for row in client.execute_sql(sql) or []]

    def client(self) -> SqlClientBase[Any]:
        """For statements; made once for each dataset, since dlt takes its time to make one."""
        place = (str(self.folder), self.dataset)
        if place not in self._clients:
            self._clients[place] = self.pipeline().sql_client()
        return self._clients[place]

    def requests(self) -> list[str]:
        """The status of every request, in the order they were planned."""
        found = self.rows("SELECT status FROM enrichment_requests ORDER BY request_key")
        return [row[0] for row in found]

    def outcomes(self) -> dict[str, str]:
        """Status by ``external_id``."""
        found = self.rows(
            "SELECT l.external_id, r.status FROM leads l JOIN enrichment_results r "
            "ON r.lead_key = l.lead_key AND r.kind = l.kind"
        )
        return {row[0]: row[1] for row in found}

    def people(self) -> int:
        return int(self.rows("SELECT count(*) FROM people")[0][0])

    def posts(self) -> int:
        return sum(call.method == "POST" for call in self.sandbox.calls)

    def gets(self) -> int:
        return sum(
            call.method == "GET" and "enrichment-requests" in call.path
            for call in self.sandbox.calls
        )

    def times_submitted(self) -> int:
        """How often the lead was submitted that was submitted most often."""
        return max(self.sandbox.submitted("people").values(), default=0)
