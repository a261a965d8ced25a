"""Two runs at once: the second is refused with a clear sentence, and nothing is bought twice."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import filelock
import pytest

from amplemarket_source.errors import Busy
from amplemarket_source.journal import Journal
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.waves import load_pending
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import Lease, is_over, this_run
from amplemarket_source.working_folder import WorkingFolder
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger


def test_a_second_run_of_the_pipeline_is_refused_while_the_first_goes_on(
    deployment: Deployment,
) -> None:
    with deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        with pytest.raises(Busy, match="Another run of pipeline 'amplemarket' is going on"):
            deployment.run(email_leads("ada"))
        list(run.completed())
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert deployment.times_submitted() == 1


def test_pending_packages_are_left_to_the_run_that_is_loading_them(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada"))
    pipeline = deployment.pipeline()
    pipeline.extract(deployment.source(email_leads("ada")))
    with deployment.opened(), pytest.raises(Busy):
        load_pending(pipeline)


def test_whoever_holds_the_folder_is_alone_with_its_packages(deployment: Deployment) -> None:
    """Before the database is asked, which drops what a run that died was recording."""
    pipeline = deployment.pipeline("amplemarket_ledger")
    pipeline.extract([{"request_key": "1"}], table_name="enrichment_requests")
    pending = pipeline.list_extracted_load_packages()
    with filelock.FileLock(WorkingFolder.of(deployment.pipeline()).lock):
        with pytest.raises(Busy):
            deployment.run(email_leads("ada"))
        assert pipeline.list_extracted_load_packages() == pending != []
    deployment.run(email_leads("ada"))
    assert pipeline.list_extracted_load_packages() == []


def test_a_duckdb_file_that_another_process_has_open_is_a_clear_sentence(
    deployment: Deployment,
) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()",
            str(deployment.folder / "warehouse.duckdb"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    with pytest.raises(
        Busy, match=r"Another process has the DuckDB file \S+/warehouse.duckdb open"
    ):
        deployment.run(email_leads("ada"))
    holder.communicate("\n")
    assert deployment.posts() == 0
    assert deployment.run(email_leads("ada")).exit_code == 0


def test_a_lock_whose_owner_died_does_not_block(deployment: Deployment) -> None:
    child = os.fork()
    if child == 0:
        deployment.opened().__enter__()
        os._exit(1)
    os.waitpid(child, 0)
    assert deployment.run(email_leads("ada")).exit_code == 0


def test_a_lease_admits_one_machine_and_ends_with_its_time(deployment: Deployment) -> None:
    with open_ledger(deployment.pipeline()) as ledger:
        mine, theirs = (
            Lease(ledger.warehouse, name, deployment.clock) for name in ("mine", "theirs")
        )
        mine.take()
        with pytest.raises(Busy, match="Another run works on this destination"):
            theirs.take()
        deployment.clock.advance(timedelta(minutes=4).total_seconds())
        mine.check()
        deployment.clock.advance(timedelta(minutes=4).total_seconds())
        with pytest.raises(Busy):
            theirs.take()
        deployment.clock.advance(timedelta(minutes=2).total_seconds())
        theirs.take()
        with pytest.raises(Busy):
            mine.check()


def test_a_lease_is_free_once_it_was_released(deployment: Deployment) -> None:
    with open_ledger(deployment.pipeline()) as ledger:
        mine = Lease(ledger.warehouse, "mine", deployment.clock)
        mine.take()
        mine.release()
        Lease(ledger.warehouse, "theirs", deployment.clock).take()


def test_a_lease_whose_process_is_dead_is_free_at_once(deployment: Deployment) -> None:
    with open_ledger(deployment.pipeline()) as ledger:
        Lease(ledger.warehouse, _name_of_a_dead_run(), deployment.clock).take()
        Lease(ledger.warehouse, "theirs", deployment.clock).take()


def _name_of_a_dead_run() -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, this_run().encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reading, 1000).decode()


def test_a_lease_by_a_clock_that_is_days_ahead_shuts_nobody_out(deployment: Deployment) -> None:
    with open_ledger(deployment.pipeline()) as ledger:
        ahead = ManualClock(deployment.clock.now() + timedelta(days=10))
        Lease(ledger.warehouse, "ahead", ahead).take()
        Lease(ledger.warehouse, "mine", deployment.clock).take()


def test_a_run_is_over_only_where_this_machine_can_tell(deployment: Deployment) -> None:
    mine = this_run()
    machine, pid, started, mark = mine.split(":")
    assert is_over(mine), "it was never begun"
    assert not is_over(f"another:{pid}:{started}:{mark}")
    assert not is_over(f"{machine}:1:{_started_of(1)}:{mark}")
    assert is_over(f"{machine}:1:0:{mark}"), "the number was given to another process since"
    assert not is_over("a name of an older version")
    with deployment.opened():
        pass


def _started_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def test_two_threads_of_a_process_do_not_share_a_duckdb_file(deployment: Deployment) -> None:
    with deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        for lock in (deployment.folder / "pipelines").rglob("lock"):
            lock.unlink()
        with pytest.raises(Busy):
            deployment.run(email_leads("ada"))
        list(run.completed())
    assert deployment.posts() == 1


@pytest.mark.parametrize("step", [(Journal, "write"), (Ledger, "intend")])
def test_a_run_that_was_paused_past_its_lease_buys_nothing_that_another_can_buy(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, step: tuple[type, str]
) -> None:
    monkeypatch.setattr(Warehouse, "is_one_process", False)
    taken, do = [], getattr(*step)
    with deployment.opened() as run, monkeypatch.context() as patch:
        run.prepare({PEOPLE: email_leads("ada")})
        theirs = Lease(run.session.warehouse, "theirs", deployment.clock)

        def paused(*given: Any) -> Any:
            if not taken:
                deployment.clock.advance(360)
                theirs.take()
                taken.append(True)
            return do(*given)

        patch.setattr(*step, paused)
        list(run.completed())
        theirs.release()
    assert (len(taken), deployment.posts(), run.report.exit_code) == (1, 0, 5)
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert deployment.times_submitted() == 1


def test_a_run_that_lost_its_lease_sends_nothing_more(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Warehouse, "is_one_process", False)
    with deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        deployment.clock.advance(timedelta(minutes=6).total_seconds())
        Lease(run.session.warehouse, "theirs", deployment.clock).take()
        list(run.completed())
    assert (deployment.posts(), run.report.exit_code) == (0, 5)
    assert isinstance(run.report.errors[0], Busy)
