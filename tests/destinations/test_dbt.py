"""The dbt package on every destination: one story, the same SQL, the same figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.environment import Project, dbt_worker
from tests.dbt.figures import (
    ENRICHMENT_MARTS,
    FIGURES,
    MARTS,
    WORKSPACE_MARTS,
    figures,
    undescribed,
)
from tests.dbt.story import keep_in_step, tell
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import TestedWarehouse
from tests.support.workers import Worker

pytestmark = pytest.mark.timeout(600)

WRITE = "AMPLEMARKET_WRITE_FIGURES"
"""Set, what DuckDB comes to is written down: the story or a mart has changed."""


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with dbt_worker(tmp_path_factory.mktemp("dbt")) as running:
        yield running


@pytest.mark.parametrize(
    "warehouse", on("duckdb", "postgres", "snowflake", "bigquery"), indirect=True
)
def test_the_models_come_to_the_same_on_every_destination(
    warehouse: TestedWarehouse, worker: Worker, tmp_path: Path
) -> None:
    # On BigQuery as whoever has no workspace builds them; see below.
    with_workspace = warehouse.name != "bigquery"
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        erased = tell(deployment)
        if with_workspace:
            keep_in_step(deployment)
        project = Project(
            worker,
            deployment,
            tmp_path / "dbt",
            variables=_variables(deployment),
        )
        _, built, fresh, _ = project.run("parse", "build", "source freshness", "docs generate")
        assert set(built.values()) <= {"success", "pass", "no-op"}
        assert list(fresh.values()) == ["pass"] * (1 + with_workspace)
        assert undescribed(project.artifacts) == []
        marts = f"{project.target}_amplemarket"
        found = figures(deployment, marts, MARTS if with_workspace else ENRICHMENT_MARTS)
        if os.environ.get(WRITE) and warehouse.name == "duckdb":
            FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        wanted = json.loads(FIGURES.read_text("utf-8"))
        assert found == {name: wanted[name] for name in found}
        # A history of somebody's own, with one who was erased and one who is there.
        planted = f"{marts}.planted"
        deployment.rows(
            f"CREATE TABLE {planted} AS SELECT '{erased}' AS person_id UNION ALL SELECT 'another'"
        )
        deployment.rows(project.compiled(f"{{{{ amplemarket_erase('{planted}', 'person_id') }}}}"))
        assert deployment.rows(f"SELECT person_id FROM {planted}") == [("another",)]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("warehouse", on("bigquery"), indirect=True)
def test_the_models_of_the_workspace_come_to_the_same_on_bigquery(
    warehouse: TestedWarehouse, worker: Worker, tmp_path: Path
) -> None:
    """Of a story that the emulator takes minutes for, and as many for the models."""
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        tell(deployment)
        keep_in_step(deployment)
        variables = _variables(deployment)
        project = Project(worker, deployment, tmp_path / "dbt", variables=variables)
        (built,) = project.run(
            "build --indirect-selection cautious --select +path:models/marts/workspace "
            "path:models/staging/amplemarket_workspace"
        )
        assert set(built.values()) <= {"success", "pass"}
        found = figures(deployment, f"{project.target}_amplemarket", WORKSPACE_MARTS)
        wanted = json.loads(FIGURES.read_text("utf-8"))
        assert found == {name: wanted[name] for name in found}


def _variables(deployment: WarehouseDeployment) -> dict[str, Any]:
    variables: dict[str, Any] = {"amplemarket_schema": deployment.dataset}
    if deployment.has_workspace:
        variables |= {
            "amplemarket__workspace_enabled": True,
            "amplemarket_workspace_schema": deployment.workspace,
        }
    return variables
