"""The main job where a scheduler calls it: in any thread, and whatever ended the run before."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import filelock
import pytest

from amplemarket_source import enrich, resume, settled
from amplemarket_source.errors import Busy, Unfinished
from amplemarket_source.working_folder import WorkingFolder
from tests.support.deployment import Deployment, email_leads

_SETTINGS = {"api_key": "sandbox-key", "requests_per_minute": 600_000}


def test_a_run_in_a_thread_that_is_not_the_main_one_is_a_run(deployment: Deployment) -> None:
    with ThreadPoolExecutor(1) as pool:
        report = pool.submit(
            enrich,
            deployment.pipeline(),
            email_leads("ada"),
            base_url=deployment.server.url,
            **_SETTINGS,
        ).result()
    report.raise_unless_settled()
    assert (deployment.people(), deployment.posts()) == (1, 1)


def test_a_run_that_left_requests_running_is_gone_on_with_and_never_green(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(polls_until_done=1_000_000)
    given = {"base_url": deployment.server.url, "poll_timeout": "0s", **_SETTINGS}
    report = enrich(deployment.pipeline(), email_leads("ada"), **given)
    assert (report.exit_code, report.needs_a_person) == (5, False)
    for check in (report.raise_unless_settled, lambda: settled(deployment.pipeline())):
        with pytest.raises(Unfinished):
            check()
    deployment.sandbox.configure(polls_until_done=1)
    resume(deployment.pipeline(), **given | {"poll_timeout": "1m"}).raise_unless_settled()
    settled(deployment.pipeline())
    assert (deployment.people(), deployment.posts()) == (1, 1)


def test_a_run_from_python_waits_for_another_one_as_long_as_it_is_told(
    deployment: Deployment,
) -> None:
    given = {"base_url": deployment.server.url, **_SETTINGS}
    lock = filelock.FileLock(WorkingFolder.of(deployment.pipeline()).lock, thread_local=False)
    with lock:
        with pytest.raises(Busy):
            enrich(deployment.pipeline(), email_leads("ada"), **given)
        over = threading.Timer(0.2, lock.release)
        over.start()
        report = enrich(deployment.pipeline(), email_leads("ada"), wait_for_lock="1m", **given)
        over.join()
    assert (report.exit_code, deployment.posts()) == (0, 1)


class _TimeOut(BaseException):
    """What a scheduler raises in the main thread of a task that takes too long."""


def test_a_time_out_of_the_scheduler_ends_the_run_with_the_call(deployment: Deployment) -> None:
    deployment.sandbox.configure(polls_until_done=1_000_000)
    given = {"base_url": deployment.server.url, **_SETTINGS}

    def time_out(*_: Any) -> None:
        raise _TimeOut

    def send() -> None:
        while not deployment.gets():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, time_out)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(_TimeOut):
            enrich(deployment.pipeline(), email_leads("ada"), **given)
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)
    assert "amplemarket-run" not in {thread.name for thread in threading.enumerate()}
    deployment.sandbox.configure(polls_until_done=1)
    enrich(deployment.pipeline(), email_leads("ada"), **given).raise_unless_settled()
    assert (deployment.people(), deployment.posts()) == (1, 1)


def test_nothing_of_a_person_stays_in_the_working_folder(
    deployment: Deployment, tmp_path: Path
) -> None:
    given = {"base_url": deployment.server.url, **_SETTINGS}
    enrich(deployment.pipeline(), email_leads("zebulon"), reveal_email=True, **given)
    files = [file for file in (deployment.folder / "pipelines").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if b"zebulon" in file.read_bytes()]
