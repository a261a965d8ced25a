"""The dbt package behind our assets: one job, linked by the keys of its sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.environment import copied
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
        project=str(copied(place.folder / "dbt")),
        pipelines=str(place.pipelines),
        environment={
            **place.environment(**settings),
            "AMPLEMARKET_WAREHOUSE": str(place.warehouse),
        },
    )


def test_every_table_is_a_source_of_the_package_and_its_models_wait_for_them(
    worker: Worker, place: Place
) -> None:
    found = run(worker, place)
    assert (found["success"], found["failed"]) == (True, [])
    sources = {key for needed in found["upstream"].values() for key in needed if "/" in key}
    assert set(found["tables"]) <= sources, "dbt's keys of its sources are ours"
    assert found["upstream"]["stg_amplemarket__people"] == ["amplemarket/people"]
    order = found["materialised"]
    assert order.index("people") < order.index("stg_amplemarket__people")
    assert order.index("stg_amplemarket__people") < order.index("amplemarket__people")
    marts = "models_amplemarket"
    assert place.rows(f"SELECT count(*) FROM {marts}.amplemarket__people") == [(len(PEOPLE),)]


def test_where_a_batch_is_held_no_model_runs(worker: Worker, place: Place) -> None:
    place.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    found = run(worker, place)
    assert not found["success"]
    assert False in found["settled"]
    assert not [name for name in found["materialised"] if name.startswith("stg_")]
    assert place.posts() == 1
