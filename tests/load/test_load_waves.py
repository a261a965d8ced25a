"""Finished requests are loaded in waves that fit the memory, and nothing waits for long."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from threading import Event

import pytest

from amplemarket_source.errors import UnexpectedResponse
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.load import waves
from amplemarket_source.load.waves import _gathered, _Wave, load_waves
from amplemarket_source.model import RequestRecord
from amplemarket_source.pages import CompletedRequest, Spool, Summary
from tests.support.deployment import Deployment, email_leads


def _answer(folder: Path, name: str, size: int) -> CompletedRequest:
    at = datetime(2026, 11, 23, tzinfo=timezone.utc)
    record = RequestRecord(name, PEOPLE, "completed", "18", 1, 0.5, 0.0)
    summary = Summary("completed", at, page_count=1, byte_count=size)
    return CompletedRequest(record, Spool(folder).request(name), summary)


def _queue(
    *items: CompletedRequest | BaseException | None,
) -> queue.Queue[CompletedRequest | BaseException | None]:
    found: queue.Queue[CompletedRequest | BaseException | None] = queue.Queue()
    for item in items:
        found.put(item)
    return found


def _none() -> float:
    return 0.0


def test_a_wave_ends_when_its_pages_have_the_size_that_fits(tmp_path: Path) -> None:
    answers = [_answer(tmp_path, str(number), 60) for number in range(5)]
    waves = list(_gathered(_queue(*answers, None), _Wave(seconds=3_600, size=100), _none))
    assert waves == [answers[:2], answers[2:4], answers[4:]]


def test_what_is_there_when_the_time_is_over_is_loaded(tmp_path: Path) -> None:
    found = _queue(_answer(tmp_path, "early", 1))
    waves = _gathered(found, _Wave(seconds=0, size=100), _none)
    assert [answer.record.request_key for answer in next(waves)] == ["early"]
    found.put(None)
    assert list(waves) == []


def test_a_wave_too_small_for_what_is_there_goes_on_until_its_pages_have_the_size(
    tmp_path: Path,
) -> None:
    found = _queue(_answer(tmp_path, "1", 60))
    times_over = []

    def least() -> float:
        times_over.append(len(times_over))
        found.put(_answer(tmp_path, "2", 60))
        return 3.0

    waves = _gathered(found, _Wave(seconds=0, size=100), least)
    assert [answer.record.request_key for answer in next(waves)] == ["1", "2"]
    for name in ("3", "4", "5"):
        found.put(_answer(tmp_path, name, 1))
    assert [answer.record.request_key for answer in next(waves)] == ["3", "4", "5"]
    found.put(_answer(tmp_path, "6", 1))
    found.put(None)
    assert [answer.record.request_key for answer in next(waves)] == ["6"]
    assert times_over == [0], "asked once for a run"


def test_what_was_read_before_an_error_is_loaded_first(tmp_path: Path) -> None:
    answer = _answer(tmp_path, "paid", 1)
    error = UnexpectedResponse("odd", method="GET", path="/people")
    waves = _gathered(_queue(answer, error), _Wave(seconds=3_600, size=100), _none)
    assert next(waves) == [answer]
    with pytest.raises(UnexpectedResponse):
        next(waves)


def test_what_was_loaded_is_in_the_file_while_the_api_is_waited_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waves, "_LOCAL", _Wave(seconds=3_600, size=1))
    log = deployment.folder / "warehouse.duckdb.wal"
    written = Event()
    left: list[int] = []
    with deployment.opened(batch_size=1) as run:
        checkpoint = run.session.warehouse.checkpoint

        def noting() -> None:
            assert log.stat().st_size
            checkpoint()
            written.set()

        def one_after_the_other() -> Iterator[CompletedRequest]:
            completed = run.completed()
            yield next(completed)
            assert written.wait(60)
            left.append(log.stat().st_size if log.exists() else 0)
            yield from completed

        monkeypatch.setattr(run.session.warehouse, "checkpoint", noting)
        run.prepare({PEOPLE: email_leads("ada", "bob")})
        load_waves(run.session, one_after_the_other())
    assert left == [0]
    assert deployment.rows("SELECT count(*) FROM people") == [(2,)]
