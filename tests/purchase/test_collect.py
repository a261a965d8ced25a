"""Poll and pages: whatever goes wrong, what was bought is read by this run or by the next."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from typing import Any

import dlt
import pytest

from amplemarket_source import pages as pages_module
from amplemarket_source.errors import DestinationError
from amplemarket_source.model import PEOPLE
from amplemarket_source.sandbox import Fault
from tests.purchase.shop import Shop, email_leads
from tests.support.steps import SteppedRun


def test_a_request_that_runs_longer_than_poll_timeout_is_still_running(shop: Shop) -> None:
    shop.sandbox.configure(polls_until_done=1000, retry_after=60)
    report = shop.run(email_leads("ada"), poll_timeout="10m")
    assert (report.exit_code, len(report.running_requests)) == (5, 1)
    assert shop.outcomes() == {}
    assert 600 <= shop.clock.monotonic() < 700
    shop.sandbox.configure(polls_until_done=1)
    assert shop.run(email_leads("ada")).exit_code == 0
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


@pytest.mark.parametrize("fault", ["gone_404", "gone_410"])
def test_a_request_the_api_does_not_know_is_expired_and_not_bought_again(
    shop: Shop, fault: str
) -> None:
    shop.sandbox.set_faults(fault)
    report = shop.run(email_leads("ada"))
    assert (shop.requests(), report.exit_code) == (["expired"], 5)
    shop.sandbox.set_faults()
    shop.run(email_leads("ada", "bob"))
    assert shop.times_submitted() == 1
    assert shop.outcomes() == {"bob": "enriched"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [("canceled_elsewhere", "canceled"), ("ends_error_with_rows", "error")],
)
def test_a_request_that_ends_early_loads_its_rows_and_frees_the_rest(
    shop: Shop, fault: str, status: str
) -> None:
    shop.sandbox.set_faults(Fault(fault, count=1))
    leads = email_leads(*"abcd")
    report = shop.run(leads)
    assert (shop.requests(), shop.people(), shop.posts()) == ([status], 2, 1)
    assert sorted(shop.outcomes().values()) == ["enriched"] * 2 + ["unanswered"] * 2
    assert report.exit_code == 5
    assert shop.run(leads).exit_code == 0
    assert sum(charge.credits for charge in shop.sandbox.charges) == 2


def test_a_key_revoked_while_polling_stops_the_run_and_loses_nothing(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("unauthorized", method="GET", path="enrichment-requests"))
    report = shop.run(email_leads("ada", "bob"), leads_per_request=1)
    assert (report.exit_code, shop.posts(), report.leads_not_bought) == (3, 1, 1)
    shop.sandbox.set_faults()
    assert shop.run(email_leads("ada", "bob"), leads_per_request=1).exit_code == 0
    assert shop.times_submitted() == 1


def test_a_refused_key_ends_the_waiting_of_all_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sandbox.configure(polls_until_done=1000, retry_after=3600)
    shop.buy(email_leads("ada", "bob"), leads_per_request=1, poll_timeout="0s")
    shop.sandbox.set_faults(Fault("unauthorized", method="GET", path="enrichment-requests/1"))
    refused, sleep = threading.Event(), shop.clock.sleep

    def wait_for_the_refusal(seconds: float) -> None:
        if seconds >= 0.5:
            refused.wait(5)
        sleep(seconds)

    def watch(run: SteppedRun) -> None:
        failed = run.report.failed
        monkeypatch.setattr(run.report, "failed", lambda error: (failed(error), refused.set()))

    monkeypatch.setattr(shop.clock, "sleep", wait_for_the_refusal)
    report = shop.run(None, max_requests_in_flight=2, meanwhile=watch)
    assert (report.exit_code, len(report.running_requests)) == (3, 2)
    assert shop.clock.monotonic() < 3600


def test_a_run_that_is_told_to_stop_ends_its_waits_and_buys_nothing_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sandbox.configure(polls_until_done=1000, retry_after=3600)
    sleep = shop.clock.sleep

    def interrupt(run: SteppedRun) -> None:
        def stop_in_a_long_wait(seconds: float) -> None:
            sleep(seconds)
            if seconds >= 0.5:
                run.stop()

        monkeypatch.setattr(shop.clock, "sleep", stop_in_a_long_wait)

    report = shop.run(email_leads("ada", "bob"), leads_per_request=1, meanwhile=interrupt)
    assert shop.clock.monotonic() < 3
    assert (report.exit_code, shop.posts(), report.leads_not_bought) == (5, 1, 1)
    monkeypatch.undo()
    shop.sandbox.configure(polls_until_done=1)
    shop.run(email_leads("ada", "bob"))
    assert shop.times_submitted() == 1


def test_no_credits_while_polling_stops_the_buying_and_keeps_the_request(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("insufficient_at_once", method="GET", path="enrichment-requests"))
    report = shop.run(email_leads("ada", "bob"), leads_per_request=1)
    assert (report.exit_code, shop.posts(), len(report.running_requests)) == (4, 1, 1)
    shop.sandbox.set_faults()
    assert shop.run(email_leads("ada", "bob")).exit_code == 0
    assert shop.times_submitted() == 1


def test_a_run_stopped_while_the_api_says_429_has_provably_not_sent(shop: Shop) -> None:
    shop.sandbox.set_faults("post_429")

    def interrupt(run: SteppedRun) -> None:
        shop.clock.on_sleep = run.stop

    report = shop.run(email_leads("ada"), meanwhile=interrupt)
    assert (shop.requests(), report.exit_code) == (["dropped"], 5)


@pytest.mark.parametrize("fault", ["next_same", "next_cycle", "next_other_host"])
def test_pages_that_lead_nowhere_leave_the_request_open(shop: Shop, fault: str) -> None:
    shop.sandbox.configure(page_size=1)
    shop.sandbox.set_faults(fault)
    report = shop.run(email_leads("ada", "bob", "cy"))
    assert (report.exit_code, shop.people()) == (6, 0)
    shop.sandbox.set_faults()
    assert shop.run(None).exit_code == 0
    assert (shop.people(), shop.posts()) == (3, 1)


def test_a_disk_that_is_full_leaves_the_request_open(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pages_module, "_write", full)
        report = shop.run(email_leads("ada"))
    assert report.exit_code == 7
    assert "No space left" in str(report.errors[0])
    shop.run(None)
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


def test_pages_complete_on_disk_load_without_a_call_and_are_removed_by_then(shop: Shop) -> None:
    shop.buy(email_leads("ada"))
    calls = len(shop.sandbox.calls)
    with shop.opened(base_url="http://127.0.0.1:9") as run:
        run.prepare({})
        assert [answer.record.lead_count for answer in run.completed()] == [1]
    shop.run(None, base_url="http://127.0.0.1:9")
    assert len(shop.sandbox.calls) == calls
    assert shop.outcomes() == {"ada": "enriched"}
    assert spooled(shop) == []


def spooled(shop: Shop) -> list[Path]:
    return [path for path in (shop.folder / "pipelines").rglob("spool/*/*") if path.is_file()]


def test_pages_of_a_loaded_request_are_removed_by_the_next_run_where_a_kill_left_them(
    shop: Shop,
) -> None:
    pipeline = shop.pipeline()
    pipeline.run(shop.source(email_leads("ada")))
    assert spooled(shop), "a plain run does not see its own load"
    shop.run(None)
    assert spooled(shop) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "summary"])
def test_pages_damaged_on_disk_are_read_again(shop: Shop, damage: str) -> None:
    shop.buy(email_leads("ada"))
    page, summary = (
        next(path for path in spooled(shop) if path.name.startswith(name))
        for name in ("page", "complete")
    )
    content = page.read_bytes()
    if damage == "cut":
        page.write_bytes(content[:-1])
    elif damage == "flipped":
        page.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
    elif damage == "missing":
        page.unlink()
    else:
        summary.write_bytes(b"{")
    shop.run(None)
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


def test_pages_are_readable_by_their_user_alone(shop: Shop) -> None:
    shop.buy(email_leads("ada"))
    for path in spooled(shop):
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_a_load_that_fails_keeps_the_answers_and_stops_the_buying(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.buy(email_leads("ada"))
    gets = shop.gets()
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", _refuse)
        with pytest.raises(DestinationError, match="Nothing is lost"):
            shop.run(None)
    shop.run(None)
    assert (shop.outcomes(), shop.gets(), shop.posts()) == ({"ada": "enriched"}, gets, 1)


def _refuse(*_: Any, **__: Any) -> None:
    raise ConnectionError("the warehouse is down")


def test_what_an_earlier_process_extracted_is_loaded_first(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, shop.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        patch.setattr(dlt.Pipeline, "normalize", _refuse)
        with pytest.raises(DestinationError):
            run.load()
    assert shop.pipeline().has_pending_data
    shop.run(email_leads("bob"))
    assert shop.outcomes() == {"ada": "enriched", "bob": "enriched"}
    assert not shop.pipeline().has_pending_data
    assert threading.active_count() < 20, "every thread of the runs has ended"
