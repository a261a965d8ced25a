"""How a run ends is what Dagster shows: states, retries, checks, signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
import filelock
import pytest

from amplemarket_source.dagster import amplemarket_assets
from amplemarket_source.sandbox import Call
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.working_folder import WorkingFolder
from tests.schedulers.in_dagster.scheduled import (
    MISSES,
    NEVER,
    ROOT,
    Scheduled,
    check_of,
    failure_of,
    mart,
    materialised_by,
    retries_of,
)


def test_a_settled_run_materialises_every_table_with_its_rows_and_what_it_cost(
    scheduled: Scheduled,
) -> None:
    result = scheduled.materialise(scheduled.assets(), mart)
    assert result.success
    found = materialised_by(result)
    assert found.keys() == {*TABLES, "mart"}
    assert found["people"]["dagster/row_count"] == found["people"]["rows_of_this_run"] == 3
    spent = scheduled.server.sandbox.account.email_spent
    assert found["people"]["email_credits_estimated"] == spent == 1.5
    assert found["people"]["held_requests"] == {}
    assert "email_credits_estimated" not in found["companies"]
    assert found["people__phone_numbers"]["dagster/row_count"] == 0
    assert check_of(result).passed
    said = repr(result.all_events).lower()
    assert "quill" not in said
    assert "@" not in said


def test_a_second_materialise_in_one_process_buys_nothing_also_with_a_pipeline_made_once(
    scheduled: Scheduled,
) -> None:
    assets = amplemarket_assets(scheduled.pipeline(), MISSES)
    assert scheduled.materialise(assets).success
    again = scheduled.materialise(assets)
    assert again.success
    assert materialised_by(again)["enrichment_results"]["rows_of_this_run"] == 0
    assert materialised_by(again)["enrichment_results"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


def test_credits_that_are_gone_fail_the_step_at_once_and_what_was_paid_for_is_materialised(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(email_credits=1.0)
    assets = scheduled.assets(max_retries=3, leads_per_request=2, max_requests_in_flight=1)
    result = scheduled.materialise(assets, mart)
    assert not result.success
    assert retries_of(result) == 0
    failure = failure_of(result).user_failure_data
    assert failure.metadata["exit_code"].value == 4
    assert "insufficient_credits" in failure.description
    found = materialised_by(result)
    assert found["people"]["dagster/row_count"] == 2
    assert "mart" not in found


@pytest.mark.parametrize(
    ("settings", "exit_code"),
    [({"api_key": "another-key"}, 3), ({"leads_per_request": 0}, 2), ({"max_credits": 0}, 4)],
)
def test_what_no_time_mends_is_not_tried_again(
    scheduled: Scheduled, settings: dict[str, Any], exit_code: int
) -> None:
    result = scheduled.materialise(scheduled.assets(max_retries=3, **settings))
    assert retries_of(result) == 0
    assert failure_of(result).user_failure_data.metadata["exit_code"].value == exit_code
    assert scheduled.posts() == 0


def test_an_answer_that_breaks_the_contract_fails_the_step_at_once(scheduled: Scheduled) -> None:
    scheduled.server.sandbox.set_faults("missing_results")
    result = scheduled.materialise(scheduled.assets(max_retries=3))
    assert retries_of(result) == 0
    assert failure_of(result).user_failure_data.metadata["exit_code"].value == 6


def test_a_run_that_is_still_going_on_is_asked_again_until_it_is_settled(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(polls_until_done=2)
    assets = scheduled.assets(MISSES, max_retries=5, poll_timeout="0s")
    result = scheduled.materialise(assets, mart)
    assert result.success
    assert retries_of(result) == 1
    assert check_of(result).passed
    assert materialised_by(result)["enrichment_results"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


def test_at_the_end_of_the_retries_the_check_warns_and_the_next_run_goes_on(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(polls_until_done=NEVER)
    assets = scheduled.assets(MISSES, max_retries=1, poll_timeout="0s")
    result = scheduled.materialise(assets, mart)
    assert result.success
    assert retries_of(result) == 1
    assert (check_of(result).passed, check_of(result).severity) == (
        False,
        dg.AssetCheckSeverity.WARN,
    )
    assert check_of(result).metadata["requests_running"].value == 1
    assert {*TABLES, "mart"} == materialised_by(result).keys()
    scheduled.server.sandbox.settle()
    again = scheduled.materialise(assets)
    assert check_of(again).passed
    assert scheduled.posts() == 1


@pytest.mark.slow
def test_without_its_check_an_unfinished_run_fails_the_step(scheduled: Scheduled) -> None:
    scheduled.server.sandbox.configure(polls_until_done=NEVER)
    result = scheduled.materialise(
        scheduled.assets(poll_timeout="0s"), select=["people__experiences"]
    )
    assert failure_of(result).user_failure_data.metadata["exit_code"].value == 5


def test_a_held_batch_blocks_what_follows_and_the_check_names_it_and_its_credits(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.set_faults("post_drop_after_accept")
    assets = scheduled.assets(max_retries=3)
    result = scheduled.materialise(assets, mart)
    assert not result.success
    assert retries_of(result) == 0
    check = check_of(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    ((request_key,),) = scheduled.rows("SELECT request_key FROM enrichment_requests")
    assert check.metadata["held_requests"].value == {request_key: 2.0}
    assert check.metadata["credits_at_stake"].value == 2.0
    assert "amplemarket status" in check.description
    assert "mart" not in materialised_by(result)
    scheduled.server.sandbox.set_faults()
    assert not scheduled.materialise(assets).success
    assert scheduled.posts() == 1


def test_a_destination_that_fails_is_tried_again_and_fails_the_step_at_the_end(
    scheduled: Scheduled,
) -> None:
    file = scheduled.folder / "amplemarket.duckdb"
    file.write_bytes(bytes(8) + b"DUCK" + b"damaged" * 9000)
    result = scheduled.materialise(scheduled.assets(max_retries=2))
    assert retries_of(result) == 2
    assert failure_of(result).user_failure_data.metadata["exit_code"].value == 7
    assert materialised_by(result) == {}
    assert scheduled.posts() == 0


def test_beside_another_run_it_is_tried_again_and_there_is_nothing_to_materialise(
    scheduled: Scheduled,
) -> None:
    with filelock.FileLock(WorkingFolder.of(scheduled.pipeline()).lock):
        result = scheduled.materialise(scheduled.assets(max_retries=1))
    assert retries_of(result) == 1
    assert failure_of(result).user_failure_data.metadata["exit_code"].value == 5
    assert "Another run" in failure_of(result).user_failure_data.description
    assert materialised_by(result) == {}
    assert scheduled.posts() == 0


class _Calls(list[Call]):
    """The server's log of calls, that does something once at the first poll."""

    def __init__(self, at_first_poll: Callable[[], object]) -> None:
        super().__init__()
        self._at_first_poll: Callable[[], object] | None = at_first_poll

    def append(self, call: Call) -> None:
        super().append(call)
        if "/enrichment-requests/" in call.path and self._at_first_poll is not None:
            act, self._at_first_poll = self._at_first_poll, None
            act()


@pytest.mark.parametrize(
    "stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_stop_signal_while_polling_ends_the_run_and_the_next_one_goes_on(
    scheduled: Scheduled, stop: signal.Signals
) -> None:
    sandbox = scheduled.server.sandbox
    sandbox.configure(polls_until_done=NEVER, retry_after=60)
    sandbox.calls = _Calls(lambda: os.kill(os.getpid(), stop))
    assets = scheduled.assets(max_retries=1, poll_timeout="20s")
    result = scheduled.materialise(assets)
    assert failure_of(result).error.cls_name == "DagsterExecutionInterruptedError"
    assert retries_of(result) == 0
    assert scheduled.rows("SELECT exit_code, finished_at IS NULL FROM enrichment_runs") == [
        (5, False)
    ]
    sandbox.settle()
    assert scheduled.materialise(assets).success
    assert scheduled.posts() == 1
    assert len(sandbox.charges) == 3


@pytest.mark.slow
def test_a_process_of_dagster_that_is_stopped_while_polling_ends_and_the_next_one_goes_on(
    scheduled: Scheduled,
) -> None:
    sandbox = scheduled.server.sandbox
    sandbox.configure(polls_until_done=NEVER, retry_after=60)
    shutil.copy(ROOT / "pipelines" / "dagster_definitions.py", scheduled.folder)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*"),
            *("-f", "dagster_definitions.py"),
        ],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DLT_DATA_DIR": str(scheduled.folder / "dlt"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Another process: all one can do is look again. A poll follows the recorded purchase.
        deadline = time.monotonic() + 90
        while not any("/enrichment-requests/" in call.path for call in sandbox.calls):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Stopping" in out + err
    sandbox.settle()
    assert scheduled.materialise(scheduled.assets()).success
    assert scheduled.posts() == 1
    assert len(sandbox.charges) == 3
