"""A plain ``pipeline.run`` into a warehouse, whose merges pass through staging tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dlt
import pytest

from amplemarket_source import forget, settled
from amplemarket_source.environment import WHILE_RUNNING
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import OF_DLT, TestedWarehouse
from tests.support.deployment import Deployment, email_leads

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.parametrize("warehouse", on("postgres"), indirect=True),
]
LEADS = email_leads("ada", "bob")


@pytest.fixture
def deployed(
    warehouse: TestedWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    for name in WHILE_RUNNING:
        monkeypatch.delenv(name, raising=False)
    of_dlt = replace(warehouse, name=OF_DLT)
    with WarehouseDeployment.settled(of_dlt, tmp_path) as deployment:
        yield deployment


def test_a_plain_run_leaves_staging_tables_empty_and_no_file_with_people(
    deployed: Deployment,
) -> None:
    pipeline = deployed.pipeline()
    pipeline.run(deployed.source(LEADS, reveal_email=True))
    settled(pipeline)
    assert deployed.people() == 2
    with pipeline.sql_client() as client, client.with_staging_dataset():
        for table in ("people", "people__experiences", "leads"):
            name = client.make_qualified_table_name(table)
            assert client.execute_sql(f"SELECT count(*) FROM {name}") == [(0,)], table
    files = (path for path in deployed.folder.rglob("*") if path.is_file())
    assert [path.name for path in files if b"ada@ada" in path.read_bytes()] == []


def test_who_is_erased_while_a_plain_run_is_under_way_does_not_come_back(
    deployed: Deployment,
) -> None:
    assert isinstance(deployed, WarehouseDeployment)
    deployed.pipeline().run(deployed.source(LEADS))
    deployed.machine = "elsewhere"
    loading = deployed.pipeline()
    loading.extract(deployed.source(LEADS, refresh_after="0s"))
    deployed.machine = "pipelines"
    forget(deployed.pipeline(), email="ada@ada.example")
    loading.run()
    assert deployed.outcomes() == {"ada": "gdpr_removed", "bob": "enriched"}
    assert deployed.people() == 1


def test_what_a_plain_run_extracted_before_a_kill_is_loaded_by_the_next_process(
    deployed: Deployment,
) -> None:
    deployed.pipeline().extract(deployed.source(LEADS))
    # Where the driver is installed, a new process takes it until it is told otherwise.
    dlt.config["disable_adbc_detection"] = False
    pipeline = deployed.pipeline()
    pipeline.run(deployed.source(LEADS))
    settled(pipeline)
    assert deployed.people() == 2
