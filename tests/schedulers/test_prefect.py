"""The example of Prefect, run by Prefect: each end of a run is the right state of a flow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schedulers.environments import interpreter_of
from tests.schedulers.place import PEOPLE, Place
from tests.support.workers import Worker, environment_of

pytestmark = pytest.mark.xdist_group("prefect")


@pytest.fixture(scope="module")
def worker(home: Path) -> Iterator[Worker]:
    python = interpreter_of("prefect")
    environment = environment_of(
        python,
        home,
        PREFECT_HOME=str(home / "prefect"),
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    with Worker.running(
        python, Path(__file__).with_name("run_flow.py"), environment, home / "said.log"
    ) as running:
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
