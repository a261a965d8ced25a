"""The example of Prefect, run by Prefect: each end of a run is the right state of a flow."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import psutil
import pytest

from amplemarket_source.sandbox import Fault
from tests.schedulers.environments import interpreter_of
from tests.schedulers.place import PEOPLE, Place
from tests.support.workers import Died, Worker, environment_of

pytestmark = pytest.mark.xdist_group("prefect")

Workers: TypeAlias = Callable[[], AbstractContextManager[Worker]]


@pytest.fixture(scope="module")
def workers(home: Path) -> Workers:
    """Makes processes of Prefect, each with a server of its own."""
    python = interpreter_of("prefect")
    environment = environment_of(
        python,
        home,
        PREFECT_HOME=str(home / "prefect"),
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    return lambda: Worker.running(
        python, Path(__file__).with_name("run_flow.py"), environment, home / "said.log"
    )


@pytest.fixture(scope="module")
def worker(workers: Workers) -> Iterator[Worker]:
    with workers() as running:
        yield running


def run(worker: Worker, place: Place, **settings: str) -> Any:
    return worker.order(leads=str(place.leads), environment=place.environment(**settings))


def credits_of(found: Any) -> dict[str, float]:
    """What the last artifact of a run says."""
    return {row["credits"]: row["number"] for row in found["artifacts"][-1]}


def test_a_run_that_ends_settled_is_completed_and_says_what_it_cost(
    worker: Worker, place: Place
) -> None:
    found = run(worker, place)
    assert (found["state"], found["tries"]) == ("COMPLETED", [1])
    assert credits_of(found)["email_credits_estimated"] == 0.5 * len(PEOPLE)
    assert found["retry_delay"] > 5 * 60, "a lease lasts for five minutes"
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)


def test_a_cap_that_is_reached_fails_the_flow_without_a_retry(worker: Worker, place: Place) -> None:
    found = run(worker, place, max_credits="0.5")
    assert (found["state"], found["tries"]) == ("FAILED", [1])
    assert credits_of(found)["email_credits_estimated"] == 0.5
    assert (place.people(), place.posts()) == (1, 1)


def test_what_still_runs_is_retried_until_it_is_settled(worker: Worker, place: Place) -> None:
    place.sandbox.configure(polls_until_done=3)
    found = run(worker, place, poll_timeout="0s")
    assert (found["state"], found["tries"]) == ("COMPLETED", [3])
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)


def test_a_held_batch_fails_for_good_and_is_never_sent_again(worker: Worker, place: Place) -> None:
    place.sandbox.set_faults(Fault("post_drop_after_accept"))
    for _ in range(2):
        found = run(worker, place)
        assert (found["state"], found["tries"]) == ("FAILED", [1])
    assert place.posts() == 1


def test_a_worker_that_is_killed_costs_nobody_a_second_charge(
    workers: Workers, worker: Worker, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = place.sandbox.request
    with workers() as doomed:

        def killing(*given: Any) -> Any:
            found = polled(*given)
            if found is not None:
                # With the server that it has started.
                for process in psutil.Process(doomed.pid).children(recursive=True):
                    process.kill()
                os.kill(doomed.pid, signal.SIGKILL)
            return found

        monkeypatch.setattr(place.sandbox, "request", killing)
        with pytest.raises(Died) as died:
            run(doomed, place)
        monkeypatch.undo()
    assert died.value.code == -signal.SIGKILL
    assert place.posts() == 1
    place.wipe_disk()
    found = run(worker, place)
    assert (found["state"], found["tries"]) == ("COMPLETED", [1])
    assert (place.people(), place.posts()) == (len(PEOPLE), 1)
