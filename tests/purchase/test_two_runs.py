"""Two runs at once: the second is refused with a clear sentence, and nothing is bought twice."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from amplemarket_source.errors import Busy
from amplemarket_source.load.waves import load_pending
from amplemarket_source.model import PEOPLE
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import Lease
from tests.purchase.shop import Shop, email_leads
from tests.support.steps import open_ledger


def test_a_second_run_of_the_pipeline_is_refused_while_the_first_goes_on(shop: Shop) -> None:
    with shop.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        with pytest.raises(Busy, match="Another run of pipeline 'amplemarket' is going on"):
            shop.run(email_leads("ada"))
        list(run.completed())
    assert shop.run(email_leads("ada")).exit_code == 0
    assert shop.times_submitted() == 1


def test_pending_packages_are_left_to_the_run_that_is_loading_them(shop: Shop) -> None:
    shop.buy(email_leads("ada"))
    pipeline = shop.pipeline()
    pipeline.extract(shop.source(email_leads("ada")))
    with shop.opened(), pytest.raises(Busy):
        load_pending(pipeline)


def test_a_duckdb_file_that_another_process_has_open_is_a_clear_sentence(shop: Shop) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()",
            str(shop.folder / "warehouse.duckdb"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    holder.stdout.readline()
    with pytest.raises(Busy, match="Another process has the DuckDB file open"):
        shop.run(email_leads("ada"))
    holder.communicate("\n")
    assert shop.posts() == 0
    assert shop.run(email_leads("ada")).exit_code == 0


def test_a_lock_whose_owner_died_does_not_block(shop: Shop) -> None:
    child = os.fork()
    if child == 0:
        shop.opened().__enter__()
        os._exit(1)
    os.waitpid(child, 0)
    assert shop.run(email_leads("ada")).exit_code == 0


def test_a_lease_admits_one_machine_and_ends_with_its_time(shop: Shop) -> None:
    with open_ledger(shop.pipeline()) as ledger:
        mine, theirs = (Lease(ledger.warehouse, name, shop.clock) for name in ("mine", "theirs"))
        mine.take()
        with pytest.raises(Busy, match="another machine"):
            theirs.take()
        shop.clock.advance(timedelta(minutes=4).total_seconds())
        mine.check()
        shop.clock.advance(timedelta(minutes=4).total_seconds())
        with pytest.raises(Busy):
            theirs.take()
        shop.clock.advance(timedelta(minutes=2).total_seconds())
        theirs.take()
        with pytest.raises(Busy):
            mine.check()


def test_a_lease_is_free_for_its_own_work_folder_and_when_it_was_released(shop: Shop) -> None:
    with open_ledger(shop.pipeline()) as ledger:
        Lease(ledger.warehouse, "mine", shop.clock).take()
        again = Lease(ledger.warehouse, "mine", shop.clock)
        again.take()
        again.release()
        Lease(ledger.warehouse, "theirs", shop.clock).take()


def test_a_run_that_lost_its_lease_sends_nothing_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Warehouse, "is_one_process", False)
    with shop.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        shop.clock.advance(timedelta(minutes=6).total_seconds())
        Lease(run.session.warehouse, "theirs", shop.clock).take()
        list(run.completed())
    assert (shop.posts(), run.report.exit_code) == (0, 5)
    assert isinstance(run.report.errors[0], Busy)
