"""One warehouse for each destination and worker, started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.environments import Missing
from tests.destinations.groups import on
from tests.destinations.scenario import Scenario
from tests.destinations.warehouses import ALL_WAREHOUSES, TestedWarehouse, opened
from tests.support.environments import not_tested

AS_THE_COMMAND_SETS_THEM = {
    "RUNTIME__LOG_LEVEL": "ERROR",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DESTINATION__SNOWFLAKE__KEEP_STAGED_FILES": "false",
}


_LONG = {
    "[bigquery]": ("test_dbt.py", "test_keys.py", "test_lists.py"),
    "[ducklake]": ("test_keys.py", "test_lists.py"),
    "[snowflake]": ("test_a_dataset_made_anew",),
}
"""Half a minute to three each on these; they pass on the others in seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder is `make test-all`'s: servers have to be installed and started."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            if any(
                on in item.name and any(one in item.nodeid for one in which)
                for on, which in _LONG.items()
            ):
                item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", params=on(*ALL_WAREHOUSES))
def warehouse(request: pytest.FixtureRequest) -> Iterator[TestedWarehouse]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name, value in AS_THE_COMMAND_SETS_THEM.items():
            patch.setenv(name, value)
        try:
            found = stack.enter_context(opened(request.param))
        except Missing as missing:
            not_tested(request.param, missing)
        yield found


@pytest.fixture(scope="session")
def scenario(
    warehouse: TestedWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scenario]:
    with WarehouseDeployment.settled(
        warehouse, tmp_path_factory.mktemp(warehouse.name)
    ) as deployment:
        yield Scenario(deployment)
