"""dbt in an environment of its own, and what it is told of a warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.servers import PROJECT
from tests.support.environments import ROOT, Environment, Missing, not_tested
from tests.support.workers import Worker

__all__ = ["DBT", "PACKAGE", "Project", "interpreter"]

PACKAGE = ROOT / "dbt"
DBT = Environment("dbt", "dbt 1.11", Path(__file__).with_name("dbt.txt"))


def interpreter() -> Path:
    """dbt's; the test is skipped where there is none."""
    try:
        return DBT.ensure()
    except Missing as missing:
        not_tested(DBT.version, missing)


def connection(deployment: WarehouseDeployment) -> dict[str, Any]:
    """An output of ``profiles.yml`` for where a deployment's tables are."""
    name, place = deployment.warehouse.name, deployment.warehouse.place
    common = {"threads": 1, "schema": f"{deployment.dataset}_dbt"}
    address = urlsplit(place)
    if name == "duckdb":
        return {"type": name, "path": str(deployment.folder / "warehouse.duckdb"), **common}
    if name == "postgres":
        return {
            "type": name,
            "host": address.hostname,
            "port": address.port,
            "user": address.username,
            "password": address.password,
            "dbname": address.path.strip("/"),
            **common,
        }
    if name == "snowflake":
        return {
            "type": name,
            "account": address.hostname,
            "host": "127.0.0.1",
            "port": int(parse_qs(address.query)["port"][0]),
            "protocol": "http",
            "user": address.username,
            "password": address.password,
            "role": "r",
            "warehouse": "wh",
            "database": address.path.strip("/"),
            **common,
        }
    assert name == "bigquery", name
    return {
        "type": name,
        "method": "oauth-secrets",
        "token": "emulator",
        "project": PROJECT,
        "location": "US",
        "api_endpoint": place,
        **common,
    }


class Project:
    """A dbt project, built in a deployment's warehouse by dbt's own process.

    Attributes:
        artifacts: the folder of the manifest and the catalog.
        schema: of the marts.
    """

    def __init__(
        self, worker: Worker, deployment: WarehouseDeployment, folder: Path, project: Path = PACKAGE
    ) -> None:
        self._worker = worker
        self._project = project
        self.profiles = folder / "profiles"
        self.artifacts = folder / "target"
        self.profiles.mkdir(parents=True)
        output = connection(deployment)
        self.schema = f"{output['schema']}_amplemarket"
        profile = {"target": "tests", "outputs": {"tests": output}}
        (self.profiles / "profiles.yml").write_text(
            yaml.safe_dump({"amplemarket": profile, "consumer": profile})
        )
        self._vars = f"{{amplemarket_schema: {deployment.dataset}}}"

    def run(self, *commands: str) -> list[dict[str, str]]:
        """dbt's commands, one after the other.

        Returns:
            Of each command how its nodes ended.

        Raises:
            AssertionError: one failed; with the end of what dbt said.
        """
        found = self._worker.order(
            project=str(self._project),
            profiles=str(self.profiles),
            artifacts=str(self.artifacts),
            commands=[[*command.split(), "--vars", self._vars] for command in commands],
        )
        assert found["succeeded"], found["said"]
        nodes: list[dict[str, str]] = found["nodes"]
        return nodes
