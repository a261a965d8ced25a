"""dbt's own process for the tests that build something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dbt.environment import dbt_worker
from tests.support.workers import Worker


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with dbt_worker(tmp_path_factory.mktemp("dbt")) as running:
        yield running
