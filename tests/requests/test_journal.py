"""The journal: each line is on disk before the next step, and a damaged file buys nothing."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source import journal as journal_module
from amplemarket_source.errors import LedgerError
from amplemarket_source.journal import Journal, JournalEntry


def test_the_last_line_counts_and_survives_the_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("intended", "r1")
    journal.write("posting", "r1")
    journal.write("accepted", "r1", "18")
    journal.write("posting", "r2")
    found = Journal(tmp_path / "journal.jsonl")
    assert found.entry("r1") == JournalEntry("accepted", "18")
    assert found.entry("r2") == JournalEntry("posting")
    assert found.entry("r3") is None


def test_a_line_cut_by_a_power_failure_was_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).write("intended", "r1")
    whole = path.read_bytes()
    Journal(path).write("posting", "r1")
    path.write_bytes(path.read_bytes()[:-3])
    found = Journal(path)
    assert found.entry("r1") == JournalEntry("intended")
    assert path.read_bytes() == whole, "the next line is not glued to it"


@pytest.mark.parametrize("line", ["rubbish", "[]", "{}", '{"v": 1}'])
def test_a_damaged_journal_is_refused_with_advice(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(LedgerError, match=r"line 1: the journal of purchases is damaged. Move"):
        Journal(path)


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"v": 2, "event": "posting", "request_key": "r1"}\n')
    with pytest.raises(LedgerError, match="newer version"):
        Journal(path)


def test_a_line_that_does_not_fit_the_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("intended", "r1")
    force = journal_module._force

    def half(file: Any, content: bytes) -> None:
        file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module, "_force", half)
    with pytest.raises(LedgerError, match="No space left"):
        journal.write("posting", "r1")
    monkeypatch.setattr(journal_module, "_force", force)
    journal.write("refused", "r1")
    assert Journal(path).entry("r1") == JournalEntry("refused")


def test_settled_requests_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("accepted", "r1", "18")
    journal.write("posting", "r2")
    journal.keep_only({"r2"})
    assert (Journal(path).entry("r1"), Journal(path).entry("r2")) == (None, JournalEntry("posting"))
    assert path.stat().st_mode & 0o077 == 0
