"""Poll and pages: whatever goes wrong, what was bought is read by this run or by the next."""

from __future__ import annotations

import errno
import shutil
import threading
from pathlib import Path
from typing import Any

import dlt
import pytest

from amplemarket_source import pages as pages_module
from amplemarket_source.api import EnrichmentApi, Page
from amplemarket_source.errors import DestinationError
from amplemarket_source.kinds import PEOPLE, Kind
from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import SteppedRun


def test_a_request_that_runs_longer_than_poll_timeout_is_still_running(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(polls_until_done=1000, retry_after=60)
    report = deployment.run(email_leads("ada"), poll_timeout="10m")
    assert (report.exit_code, len(report.running_requests)) == (5, 1)
    assert deployment.outcomes() == {}
    assert 600 <= deployment.clock.monotonic() < 700
    deployment.sandbox.configure(polls_until_done=1)
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


@pytest.mark.parametrize("fault", ["gone_404", "gone_410"])
def test_a_request_the_api_does_not_know_is_expired_and_not_bought_again(
    deployment: Deployment, fault: str
) -> None:
    deployment.sandbox.set_faults(fault)
    report = deployment.run(email_leads("ada"))
    assert (deployment.requests(), report.exit_code) == (["expired"], 5)
    deployment.sandbox.set_faults()
    deployment.run(email_leads("ada", "bob"))
    assert deployment.times_submitted() == 1
    assert deployment.outcomes() == {"bob": "enriched"}


@pytest.mark.parametrize(
    ("fault", "status"),
    [("canceled_elsewhere", "canceled"), ("ends_error_with_rows", "error")],
)
def test_a_request_that_ends_early_loads_its_rows_and_frees_the_rest(
    deployment: Deployment, fault: str, status: str
) -> None:
    deployment.sandbox.set_faults(Fault(fault, count=1))
    leads = email_leads(*"abcd")
    report = deployment.run(leads)
    assert (deployment.requests(), deployment.people(), deployment.posts()) == ([status], 2, 1)
    assert sorted(deployment.outcomes().values()) == ["enriched"] * 2 + ["unanswered"] * 2
    assert report.exit_code == 5
    assert deployment.run(leads).exit_code == 0
    assert sum(charge.credits for charge in deployment.sandbox.charges) == 2


def test_a_key_revoked_while_polling_stops_the_run_and_loses_nothing(
    deployment: Deployment,
) -> None:
    deployment.sandbox.set_faults(Fault("unauthorized", method="GET", path="enrichment-requests"))
    report = deployment.run(email_leads("ada", "bob"), leads_per_request=1)
    assert (report.exit_code, deployment.posts(), report.leads_not_bought) == (3, 1, 1)
    deployment.sandbox.set_faults()
    assert deployment.run(email_leads("ada", "bob"), leads_per_request=1).exit_code == 0
    assert deployment.times_submitted() == 1


def test_a_refused_key_ends_the_waiting_of_all_the_others(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.sandbox.configure(polls_until_done=1000, retry_after=3600)
    deployment.buy(email_leads("ada", "bob"), leads_per_request=1, poll_timeout="0s")
    deployment.sandbox.set_faults(Fault("unauthorized", method="GET", path="enrichment-requests/1"))
    refused, sleep = threading.Event(), deployment.clock.sleep

    def wait_for_the_refusal(seconds: float) -> None:
        if seconds >= 0.5:
            refused.wait(5)
        sleep(seconds)

    def watch(run: SteppedRun) -> None:
        failed = run.report.failed
        monkeypatch.setattr(run.report, "failed", lambda error: (failed(error), refused.set()))

    monkeypatch.setattr(deployment.clock, "sleep", wait_for_the_refusal)
    report = deployment.run(None, max_requests_in_flight=2, meanwhile=watch)
    assert (report.exit_code, len(report.running_requests)) == (3, 2)
    assert deployment.clock.monotonic() < 3600


def test_a_run_that_is_told_to_stop_ends_its_waits_and_buys_nothing_more(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.sandbox.configure(polls_until_done=1000, retry_after=3600)
    sleep = deployment.clock.sleep

    def interrupt(run: SteppedRun) -> None:
        def stop_in_a_long_wait(seconds: float) -> None:
            sleep(seconds)
            if seconds >= 0.5:
                run.stop()

        monkeypatch.setattr(deployment.clock, "sleep", stop_in_a_long_wait)

    report = deployment.run(email_leads("ada", "bob"), leads_per_request=1, meanwhile=interrupt)
    assert deployment.clock.monotonic() < 3
    assert (report.exit_code, deployment.posts(), report.leads_not_bought) == (5, 1, 1)
    monkeypatch.undo()
    deployment.sandbox.configure(polls_until_done=1)
    deployment.run(email_leads("ada", "bob"))
    assert deployment.times_submitted() == 1


def test_no_credits_while_polling_stops_the_buying_and_keeps_the_request(
    deployment: Deployment,
) -> None:
    deployment.sandbox.set_faults(
        Fault("insufficient_at_once", method="GET", path="enrichment-requests")
    )
    report = deployment.run(email_leads("ada", "bob"), leads_per_request=1)
    assert (report.exit_code, deployment.posts(), len(report.running_requests)) == (4, 1, 1)
    deployment.sandbox.set_faults()
    assert deployment.run(email_leads("ada", "bob")).exit_code == 0
    assert deployment.times_submitted() == 1


def test_a_run_stopped_while_the_api_says_429_has_provably_not_sent(deployment: Deployment) -> None:
    deployment.sandbox.set_faults("post_429")

    def interrupt(run: SteppedRun) -> None:
        deployment.clock.on_sleep = run.stop

    report = deployment.run(email_leads("ada"), meanwhile=interrupt)
    assert (deployment.requests(), report.exit_code) == (["dropped"], 5)


@pytest.mark.parametrize("fault", ["next_same", "next_cycle", "next_other_host"])
def test_pages_that_lead_nowhere_leave_the_request_open(deployment: Deployment, fault: str) -> None:
    deployment.sandbox.configure(page_size=1)
    deployment.sandbox.set_faults(fault)
    report = deployment.run(email_leads("ada", "bob", "cy"))
    assert (report.exit_code, deployment.people()) == (6, 0)
    deployment.sandbox.set_faults()
    assert deployment.run(None).exit_code == 0
    assert (deployment.people(), deployment.posts()) == (3, 1)


def test_a_disk_that_is_full_leaves_the_request_open(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pages_module, "_write", full)
        report = deployment.run(email_leads("ada"))
    assert report.exit_code == 7
    assert "No space left" in str(report.errors[0])
    deployment.run(None)
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_pages_complete_on_disk_load_without_a_call_and_are_removed_by_then(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"))
    calls = len(deployment.sandbox.calls)
    with deployment.opened(base_url="http://127.0.0.1:9") as run:
        run.prepare({})
        assert [answer.record.lead_count for answer in run.completed()] == [1]
    deployment.run(None, base_url="http://127.0.0.1:9")
    assert len(deployment.sandbox.calls) == calls
    assert deployment.outcomes() == {"ada": "enriched"}
    assert spooled(deployment) == []


def spooled(deployment: Deployment) -> list[Path]:
    return [path for path in (deployment.folder / "pipelines").rglob("spool/*/*") if path.is_file()]


def test_pages_of_a_loaded_request_are_removed_by_the_next_run_where_a_kill_left_them(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"))
    (page, *_) = spooled(deployment)
    shutil.copytree(page.parent, deployment.folder / "left")
    deployment.run(None)
    shutil.copytree(deployment.folder / "left", page.parent)
    deployment.run(None)
    assert spooled(deployment) == []


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "summary"])
def test_pages_damaged_on_disk_are_read_again(deployment: Deployment, damage: str) -> None:
    deployment.buy(email_leads("ada"))
    page, summary = (
        next(path for path in spooled(deployment) if path.name.startswith(name))
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
    deployment.run(None)
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_pages_are_readable_by_their_user_alone(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada"))
    for path in spooled(deployment):
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_a_load_that_fails_keeps_the_answers_and_stops_the_buying(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.buy(email_leads("ada"))
    gets = deployment.gets()
    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", _refuse)
        with pytest.raises(DestinationError, match="Nothing is lost"):
            deployment.run(None)
    deployment.run(None)
    assert (deployment.outcomes(), deployment.gets(), deployment.posts()) == (
        {"ada": "enriched"},
        gets,
        1,
    )


def _refuse(*_: Any, **__: Any) -> None:
    raise ConnectionError("the warehouse is down")


def test_what_an_earlier_process_extracted_is_loaded_first(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("ada")})
        patch.setattr(dlt.Pipeline, "normalize", _refuse)
        with pytest.raises(DestinationError):
            run.load()
    assert deployment.pipeline().has_pending_data
    deployment.run(email_leads("bob"))
    assert deployment.outcomes() == {"ada": "enriched", "bob": "enriched"}
    assert not deployment.pipeline().has_pending_data
    assert threading.active_count() < 20, "every thread of the runs has ended"


def test_a_404_is_believed_when_it_lasts_ten_minutes_and_not_before(
    deployment: Deployment,
) -> None:
    deployment.sandbox.set_faults("gone_404")
    report = deployment.run(email_leads("ada"), poll_timeout="9m")
    assert (deployment.requests(), report.exit_code) == (["submitted"], 5)
    deployment.sandbox.set_faults(Fault("gone_404", count=2))
    deployment.clock.advance(3600)
    assert deployment.run(None).exit_code == 0
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_a_refresh_that_is_not_answered_keeps_the_person_and_is_not_bought_again_at_once(
    deployment: Deployment,
) -> None:
    leads = email_leads("ada")
    deployment.run(leads)
    deployment.clock.advance(40 * 86_400)
    deployment.sandbox.set_faults("rows_missing")
    for _ in range(3):
        assert deployment.run(leads, refresh_after="30d").exit_code == 0
    assert (deployment.posts(), deployment.outcomes()) == (2, {"ada": "enriched"})
    deployment.clock.advance(40 * 86_400)
    deployment.sandbox.set_faults()
    deployment.run(leads, refresh_after="30d")
    assert (deployment.posts(), deployment.people()) == (3, 1)


def test_a_request_that_shrinks_is_an_error_and_what_was_read_is_kept(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = EnrichmentApi.read

    def and_shrink(api: EnrichmentApi, kind: Kind, request_id: str) -> Page:
        page = read(api, kind, request_id)
        if page.terminal:
            deployment.sandbox.set_faults(Fault("page_set", {"results": []}))
        return page

    monkeypatch.setattr(EnrichmentApi, "read", and_shrink)
    deployment.sandbox.set_faults("rows_missing")
    report = deployment.run(email_leads("ada", "bob", "cy"))
    assert report.exit_code == 6
    assert "/1: the request has 0 rows, and had 2" in str(report.errors[0])
    assert sorted(deployment.outcomes().values()) == ["enriched", "enriched", "unanswered"]
    deployment.sandbox.set_faults()
    assert deployment.run(email_leads("ada", "bob", "cy")).exit_code == 0
    assert deployment.posts() == 1
