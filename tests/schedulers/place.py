"""One warehouse, one API server, and what a scheduler is told of them."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import KEY, write_leads
from tests.privacy.people import files_with

__all__ = ["PEOPLE", "Place"]

PEOPLE = ("ada.quill", "grace.marsh", "alan.ferro")
"""Before the sign of their addresses; invented."""


class Place:
    """A DuckDB file as the warehouse, a list of three leads, and the server that knows them.

    Attributes:
        folder: holds all of it.
        elsewhere: folders that the scheduler writes to as well.
    """

    def __init__(self, folder: Path, server: SandboxServer, *elsewhere: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.server = server
        self.sandbox = server.sandbox
        self.elsewhere = elsewhere
        self.pipelines = folder / "pipelines"
        self.warehouse = folder / "warehouse.duckdb"
        self.leads = folder / "leads.csv"
        write_leads(self.leads, [{"email": f"{name}@initech.example"} for name in PEOPLE])

    def environment(self, **settings: str) -> dict[str, str]:
        """For the scheduler's process.

        Args:
            settings: of ours, by name.
        """
        ours = {
            "api_key": KEY,
            "base_url": self.server.url,
            "requests_per_minute": "600000",
            **settings,
        }
        return {
            "DESTINATION__DUCKDB__CREDENTIALS": f"duckdb:///{self.warehouse}",
            "AIRFLOW_VAR_AMPLEMARKET_DESTINATION": "duckdb",
            "AIRFLOW_VAR_AMPLEMARKET_PIPELINES_DIR": str(self.pipelines),
            "AIRFLOW_VAR_AMPLEMARKET_LEADS": str(self.leads),
            "AMPLEMARKET_DESTINATION": "duckdb",
            "AMPLEMARKET_PIPELINES_DIR": str(self.pipelines),
            **{f"SOURCES__AMPLEMARKET__{name.upper()}": value for name, value in ours.items()},
        }

    def wipe_disk(self) -> None:
        """Another machine: only the warehouse is left."""
        shutil.rmtree(self.pipelines, ignore_errors=True)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as database:
            database.execute("SET search_path = 'amplemarket_data,main'")
            return database.execute(sql).fetchall()

    def people(self) -> int:
        return int(self.rows("SELECT count(*) FROM people")[0][0])

    def posts(self) -> int:
        return sum(call.method == "POST" for call in self.sandbox.calls)

    def check(self) -> None:
        """Nobody was bought or charged twice, and nobody is left outside of the warehouse."""
        submitted = self.sandbox.submitted("people")
        assert max(submitted.values(), default=0) <= 1, submitted
        charged = Counter((charge.reason, charge.lead) for charge in self.sandbox.charges)
        assert max(charged.values(), default=0) <= 1, charged
        texts = [text for name in PEOPLE for text in (name, name.replace(".", " "))]
        for folder in (self.folder, *self.elsewhere):
            assert {one for one in files_with(folder, *texts) if not self._may(one[0])} == set()

    def _may(self, file: Path) -> bool:
        """The list that was given, and the warehouse with what DuckDB keeps beside it."""
        return file == self.leads or file.name.startswith(self.warehouse.name)
