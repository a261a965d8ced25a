"""One code location of Dagster, in this process, and what is read off its runs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb as database

from amplemarket_source.dagster import amplemarket_assets
from amplemarket_source.destination import duckdb
from amplemarket_source.sandbox import SandboxOptions, SandboxServer

__all__ = [
    "DOMAINS",
    "LEADS",
    "MISSES",
    "NEVER",
    "OPTIONS",
    "ROOT",
    "Scheduled",
    "check_of",
    "failure_of",
    "key_of",
    "mart",
    "materialised_by",
    "retries_of",
]

ROOT = Path(__file__).parents[3]
NEVER = 1_000_000
LEADS = [
    {"email": f"{name}.quill@site.example", "external_id": name}
    for name in ("ada", "grace", "edsger", "notfound1")
]
# Where it does not matter who is found: nobody is loaded in half the time.
MISSES = [{"email": f"notfound{number}@site.example"} for number in (1, 2)]
DOMAINS = [{"domain": "globex.example"}, {"domain": "initech.example"}]


class Scheduled:
    """A folder with a list, an empty database, and the server that the settings lead to."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server
        self.leads = str(self.write("leads.csv", LEADS))

    def write(self, name: str, leads: Sequence[dict[str, str]]) -> Path:
        file = self.folder / name
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(leads[0]))
            writer.writeheader()
            writer.writerows(leads)
        return file

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "amplemarket",
            destination=duckdb(str(self.folder / "amplemarket.duckdb")),
            dataset_name="amplemarket_data",
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def assets(self, leads: Any = None, **given: Any) -> dg.AssetsDefinition:
        if leads is None and "companies" not in given:
            leads = self.leads
        return amplemarket_assets(
            self.pipeline, leads, seconds_between_retries=0, **{"max_retries": 0, **given}
        )

    def materialise(
        self, *assets: Any, select: Iterable[str] | None = None, **how: Any
    ) -> dg.ExecuteInProcessResult:
        if select is not None:
            how["selection"] = [key_of(name) for name in select]
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(list(assets), instance=instance, raise_on_error=False, **how)

    def posts(self) -> int:
        return sum(call.method == "POST" for call in self.server.sandbox.calls)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with database.connect(str(self.folder / "amplemarket.duckdb"), read_only=True) as file:
            file.execute("USE amplemarket_data")
            return file.execute(sql).fetchall()

    def assert_bought_once(self) -> None:
        sandbox = self.server.sandbox
        submitted = sandbox.submitted("people") + sandbox.submitted("companies")
        assert set(submitted.values()) <= {1}, submitted
        charged = Counter((charge.reason, charge.entity_id) for charge in sandbox.charges)
        assert set(charged.values()) <= {1}, charged

    def assert_nobody_is_left_behind(self) -> None:
        """No file but the lists and the database says who the leads are."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.suffix not in (".csv", ".duckdb", ".wal"):
                content = path.read_bytes().lower()
                assert b"@site.example" not in content, path
                assert b"quill" not in content, path


OPTIONS = SandboxOptions(retry_after=0, requests_per_minute=None)


@dg.asset(deps=[dg.AssetKey(["amplemarket", "people"])])
def mart() -> None:
    """What stands downstream of the people."""


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(["amplemarket", name])


def materialised_by(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of each table that was materialised, by its name."""
    return {
        event.asset_key.path[-1]: {
            name: value.value
            for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def check_of(result: dg.ExecuteInProcessResult, table: str = "people") -> Any:
    (found,) = (
        check for check in result.get_asset_check_evaluations() if check.asset_key == key_of(table)
    )
    return found


def failure_of(result: dg.ExecuteInProcessResult) -> Any:
    (failed,) = result.get_step_failure_events()
    return failed.step_failure_data


def retries_of(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.is_step_up_for_retry for event in result.all_events)
