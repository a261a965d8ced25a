"""The example of Airflow, run by Airflow: each end of a run is the right state of a task."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from amplemarket_source.sandbox import Fault
from tests.dbt.environment import copied
from tests.schedulers.environments import interpreter_of
from tests.schedulers.place import PEOPLE, Place
from tests.support.workers import Died, Worker, environment_of

pytestmark = pytest.mark.xdist_group("airflow")

ONE_TASK, SUBMIT_AND_WAIT, THEN_DBT = (
    "amplemarket_one_task",
    "amplemarket_submit_and_wait",
    "amplemarket_then_dbt",
)
EXAMPLE = Path(__file__).parents[2] / "pipelines" / "airflow_dag.py"

Workers: TypeAlias = Callable[[], AbstractContextManager[Worker]]


@pytest.fixture(scope="module")
def workers(home: Path) -> Workers:
    """Makes processes of Airflow with one database between them."""
    python = interpreter_of("airflow")
    (home / "dags").mkdir()
    shutil.copy(EXAMPLE, home / "dags")
    environment = environment_of(
        python,
        home,
        AIRFLOW_HOME=str(home / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags"),
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        # dlt looks for settings in Airflow's Variables too, in whichever thread needs them. Workers
        # ask for them one by one; `dag.test()` does not, and loses its answers.
        PROVIDERS__ENABLE_AIRFLOW_SECRETS="false",
        # dbt keeps what it compiles and says beside the project.
        DBT_TARGET_PATH=str(home / "dbt" / "target"),
        DBT_LOG_PATH=str(home / "dbt" / "logs"),
        DBT_SEND_ANONYMOUS_USAGE_STATS="False",
        AIRFLOW_VAR_AMPLEMARKET_DBT_PROJECT=str(copied(home / "dbt")),
    )
    subprocess.run(
        [python.parent / "airflow", "db", "migrate"],
        check=True,
        capture_output=True,
        env=environment,
        cwd=home,
    )
    return lambda: Worker.running(
        python, Path(__file__).with_name("run_dag.py"), environment, home / "said.log"
    )


@pytest.fixture(scope="module")
def worker(workers: Workers) -> Iterator[Worker]:
    with workers() as running:
        yield running


def run(worker: Worker, place: Place, dag: str, *, more: Any = None, **settings: str) -> Any:
    """How a DAG and its tasks ended.

    Args:
        settings: of ours.
    """
    return worker.order(dag=dag, environment=place.environment(**settings), **(more or {}))


def test_the_file_is_parsed_without_a_key_and_without_the_packages_of_the_tasks(
    workers: Workers,
) -> None:
    with workers() as fresh:
        found = fresh.order()
    assert found["imported"] == []
    assert set(found["dags"]) == {ONE_TASK, SUBMIT_AND_WAIT, THEN_DBT}
    for dag in found["dags"].values():
        assert dag["max_active_runs"] == 1
        assert dag["retry_delay"] > 5 * 60, "a lease lasts for five minutes"


@pytest.mark.parametrize("dag", [ONE_TASK, SUBMIT_AND_WAIT, THEN_DBT])
def test_each_shape_ends_settled(worker: Worker, place: Place, dag: str) -> None:
    place.sandbox.configure(polls_until_done=4)
    more = {"AMPLEMARKET_WAREHOUSE": str(place.warehouse)}
    found = worker.order(dag=dag, environment=place.environment() | more)
    assert {state for state, _ in found["tasks"].values()} == {"success"}, found
    assert found["state"] == "success"
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)
    if dag == THEN_DBT:
        assert place.rows("SELECT count(*) FROM models_amplemarket.amplemarket__people") == [
            (len(PEOPLE),)
        ]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_credits": "0.5"},
        {"api_key": "of nobody"},
        {"poll_timeout": "soon"},
        {},
    ],
    ids=["cap reached", "key refused", "wrong setting", "account empty"],
)
def test_what_no_retry_helps_fails_the_task_for_good(
    worker: Worker, place: Place, settings: dict[str, str]
) -> None:
    if not settings:
        place.sandbox.configure(email_credits=0)
    found = run(worker, place, ONE_TASK, **settings)
    assert found == {"state": "failed", "tasks": {"enrich_leads": ["failed", 1]}}


def test_what_still_runs_is_retried_until_it_is_settled(worker: Worker, place: Place) -> None:
    place.sandbox.configure(polls_until_done=3)
    found = run(worker, place, ONE_TASK, poll_timeout="0s")
    assert found == {"state": "success", "tasks": {"enrich_leads": ["success", 3]}}
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)


@pytest.mark.parametrize("dag", [ONE_TASK, SUBMIT_AND_WAIT])
def test_a_held_batch_fails_for_good_and_is_never_sent_again(
    worker: Worker, place: Place, dag: str
) -> None:
    place.sandbox.set_faults(Fault("post_drop_after_accept"))
    for _ in range(2):
        found = run(worker, place, dag)
        first = "enrich_leads" if dag == ONE_TASK else "submit"
        assert found["state"] == "failed"
        assert found["tasks"].pop(first) == ["failed", 1]
        assert all(state == "upstream_failed" for state, _ in found["tasks"].values())
    assert place.posts() == 1


def test_a_sensor_that_meets_a_held_batch_fails_for_good(worker: Worker, place: Place) -> None:
    place.sandbox.set_faults(Fault("post_drop_after_accept"))
    run(worker, place, ONE_TASK)
    found = run(worker, place, SUBMIT_AND_WAIT, more={"only": "answered"})
    assert found == {"state": "failed", "tasks": {"answered": ["failed", 1]}}


def test_a_task_that_timed_out_is_retried_and_goes_on(workers: Workers, place: Place) -> None:
    place.sandbox.configure(polls_until_done=2)
    place.sandbox.set_faults(
        Fault("retry_after", value="600", method="GET", path="/enrich", count=1)
    )
    with workers() as fresh:
        found = run(fresh, place, ONE_TASK, more={"execution_timeout": 6})
    assert found == {"state": "success", "tasks": {"enrich_leads": ["success", 2]}}
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)


@pytest.mark.parametrize(("step", "people"), [("accept", 0), ("request", len(PEOPLE))])
def test_a_worker_that_is_killed_costs_nobody_a_second_charge(
    workers: Workers,
    worker: Worker,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    people: int,
) -> None:
    """Between POST and answer: the batch is held. While it is polled: the next run goes on."""
    original = getattr(place.sandbox, step)
    with workers() as doomed:

        def killing(*given: Any) -> Any:
            result = original(*given)
            if step == "accept" or result is not None:
                os.kill(doomed.pid, signal.SIGKILL)
            return result

        monkeypatch.setattr(place.sandbox, step, killing)
        with pytest.raises(Died) as died:
            run(doomed, place, ONE_TASK)
        monkeypatch.undo()
    assert died.value.code == -signal.SIGKILL
    assert place.posts() == 1
    place.wipe_disk()
    found = run(worker, place, ONE_TASK)
    assert found["tasks"]["enrich_leads"] == ["success" if people else "failed", 1]
    assert (place.people(), place.posts()) == (people, 1)
