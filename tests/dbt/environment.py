"""dbt in an environment of its own, and what it is told of a warehouse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.servers import PROJECT
from tests.support.environments import ROOT, Environment, Missing, not_tested
from tests.support.workers import Worker, environment_of

__all__ = ["DBT", "PACKAGE", "Project", "copied", "dbt_worker"]

PACKAGE = ROOT / "dbt"
DBT = Environment("dbt", "dbt 1.11", Path(__file__).with_name("dbt.txt"))


def copied(folder: Path, profile: str = "amplemarket") -> Path:
    """A copy of the package that has its own profile, and is a project by that: for schedulers.

    The variable ``AMPLEMARKET_WAREHOUSE`` names the DuckDB file.

    Args:
        profile: its name.
    """
    shutil.copytree(
        PACKAGE,
        folder,
        ignore=shutil.ignore_patterns("target", "logs", "dbt_packages", "integration_tests"),
    )
    output = {
        "type": "duckdb",
        "path": "{{ env_var('AMPLEMARKET_WAREHOUSE') }}",
        "schema": "models",
        "threads": 1,
    }
    found = {profile: {"target": "tests", "outputs": {"tests": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(found))
    return folder


@contextmanager
def dbt_worker(home: Path) -> Iterator[Worker]:
    """A process that runs dbt's commands; the test is skipped where dbt cannot be had.

    Args:
        home: a folder for what it writes.
    """
    try:
        python = DBT.ensure()
    except Missing as missing:
        not_tested(DBT.version, missing)
    program = Path(__file__).with_name("run_dbt.py")
    with Worker.running(python, program, environment_of(python, home), home / "said") as running:
        yield running


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
        target: the schema that the profile names; those of the models start with it.
    """

    def __init__(
        self,
        worker: Worker,
        deployment: WarehouseDeployment,
        folder: Path,
        project: Path = PACKAGE,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self._worker = worker
        self._project = project
        self._profiles = folder / "profiles"
        self.artifacts = folder / "target"
        self._profiles.mkdir(parents=True)
        output = connection(deployment)
        self.target: str = output["schema"]
        profile = {"target": "tests", "outputs": {"tests": output}}
        (self._profiles / "profiles.yml").write_text(
            yaml.safe_dump({"amplemarket": profile, "consumer": profile})
        )
        self._variables = json.dumps(dict(variables or {}))

    def run(self, *commands: str) -> list[dict[str, str]]:
        """dbt's commands, one after the other.

        Returns:
            Of each command how its nodes ended.

        Raises:
            AssertionError: one failed; with the end of what dbt said.
        """
        nodes: list[dict[str, str]] = self._order([one.split() for one in commands])["nodes"]
        return nodes

    def compiled(self, text: str) -> str:
        """What dbt makes of a text with macros."""
        code: str = self._order([["compile", "--inline", text]])["compiled"]
        return code

    def _order(self, commands: list[list[str]]) -> dict[str, Any]:
        found: dict[str, Any] = self._worker.order(
            project=str(self._project),
            profiles=str(self._profiles),
            artifacts=str(self.artifacts),
            commands=[[*command, "--vars", self._variables] for command in commands],
        )
        assert found["succeeded"], found["said"]
        return found
