"""The dbt package on every destination: one story, the same SQL, the same figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dbt.environment import Project, interpreter
from tests.dbt.figures import FIGURES, figures, stored
from tests.dbt.story import tell
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import TestedWarehouse
from tests.support.workers import Worker, environment_of

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.parametrize(
        "warehouse", on("duckdb", "postgres", "snowflake", "bigquery"), indirect=True
    ),
]

WRITE = "AMPLEMARKET_WRITE_FIGURES"
"""Set, what DuckDB comes to is written down, for the story or a mart has changed."""


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    python, home = interpreter(), tmp_path_factory.mktemp("dbt")
    program = Path(__file__).parents[1] / "dbt" / "run_dbt.py"
    with Worker.running(python, program, environment_of(python, home), home / "said") as running:
        yield running


@pytest.mark.guarantee("dbt: the same figures of every mart")
def test_the_models_come_to_the_same_on_every_destination(
    warehouse: TestedWarehouse, worker: Worker, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        tell(deployment)
        project = Project(worker, deployment, tmp_path / "dbt")
        _, built, fresh, _ = project.run("parse", "build", "source freshness", "docs generate")
        assert set(built.values()) <= {"success", "pass", "no-op"}
        assert list(fresh.values()) == ["pass"]
        found = figures(deployment, project.schema)
        if os.environ.get(WRITE) and warehouse.name == "duckdb":
            FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        assert found == stored()
