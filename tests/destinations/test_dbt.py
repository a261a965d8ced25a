"""The dbt package on every destination: one story, the same SQL, the same figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.environment import Project, dbt_worker
from tests.dbt.figures import FIGURES, figures, undescribed
from tests.dbt.story import keep_in_step, tell
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import TestedWarehouse
from tests.support.workers import Worker

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.parametrize(
        ("warehouse", "with_workspace"),
        [
            *(
                pytest.param(*one.values, True, marks=one.marks, id=one.values[0])
                for one in on("duckdb", "postgres", "snowflake")
            ),
            # As whoever has no workspace builds it.
            *(
                pytest.param(*one.values, False, marks=one.marks, id=one.values[0])
                for one in on("bigquery")
            ),
            *(
                pytest.param(
                    *one.values,
                    True,
                    marks=(*one.marks, pytest.mark.long),
                    id=f"{one.values[0]}, workspace",
                )
                for one in on("bigquery")
            ),
        ],
        indirect=["warehouse"],
    ),
]

WRITE = "AMPLEMARKET_WRITE_FIGURES"
"""Set, what DuckDB comes to is written down: the story or a mart has changed."""


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with dbt_worker(tmp_path_factory.mktemp("dbt")) as running:
        yield running


def test_the_models_come_to_the_same_on_every_destination(
    warehouse: TestedWarehouse, with_workspace: bool, worker: Worker, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        erased = tell(deployment)
        variables: dict[str, Any] = {"amplemarket_schema": deployment.dataset}
        if with_workspace:
            keep_in_step(deployment)
            variables |= {
                "amplemarket__workspace_enabled": True,
                "amplemarket_workspace_schema": deployment.workspace,
            }
        project = Project(
            worker,
            deployment,
            tmp_path / "dbt",
            variables=variables,
        )
        _, built, fresh, _ = project.run("parse", "build", "source freshness", "docs generate")
        assert set(built.values()) <= {"success", "pass", "no-op"}
        assert list(fresh.values()) == ["pass"] * (1 + with_workspace)
        assert undescribed(project.artifacts) == []
        marts = f"{project.target}_amplemarket"
        found = figures(deployment, marts, with_workspace=with_workspace)
        if os.environ.get(WRITE) and warehouse.name == "duckdb":
            FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        wanted = json.loads(FIGURES.read_text("utf-8"))
        assert found == {name: wanted[name] for name in found}
        assert with_workspace == (found.keys() == wanted.keys())
        # A history of somebody's own, with one who was erased and one who is there.
        planted = f"{marts}.planted"
        deployment.rows(
            f"CREATE TABLE {planted} AS SELECT '{erased}' AS person_id UNION ALL SELECT 'another'"
        )
        deployment.rows(project.compiled(f"{{{{ amplemarket_erase('{planted}', 'person_id') }}}}"))
        assert deployment.rows(f"SELECT person_id FROM {planted}") == [("another",)]
