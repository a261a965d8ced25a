"""A dbt project behind our assets: one job, linked by the keys of its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schedulers.environments import interpreter_of
from tests.schedulers.place import PEOPLE, Place
from tests.support.workers import Worker, environment_of

pytestmark = pytest.mark.xdist_group("dagster")


@pytest.fixture(scope="module")
def worker(home: Path) -> Iterator[Worker]:
    python = interpreter_of("dagster")
    environment = environment_of(
        python,
        home,
        DAGSTER_HOME=str(home),
        DAGSTER_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="1",
    )
    with Worker.running(
        python, Path(__file__).with_name("run_dagster.py"), environment, home / "said.log"
    ) as running:
        yield running


def run(worker: Worker, place: Place, **settings: str) -> Any:
    return worker.order(
        leads=str(place.leads),
        folder=str(place.folder),
        pipelines=str(place.pipelines),
        environment={
            **place.environment(**settings),
            "AMPLEMARKET_WAREHOUSE": str(place.warehouse),
        },
    )


def test_a_model_waits_for_the_tables_of_its_source_and_reads_them(
    worker: Worker, place: Place
) -> None:
    found = run(worker, place)
    assert found["success"]
    assert found["upstream"] == ["amplemarket/people"]
    assert found["materialised"][-1] == "people_found", "after every table"
    assert "amplemarket/people" in found["materialised"]
    assert place.rows("SELECT found FROM main.people_found") == [(len(PEOPLE),)]


def test_where_a_batch_is_held_no_model_runs(worker: Worker, place: Place) -> None:
    place.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    found = run(worker, place)
    assert not found["success"]
    assert False in found["settled"]
    assert "people_found" not in found["materialised"]
    assert place.posts() == 1
