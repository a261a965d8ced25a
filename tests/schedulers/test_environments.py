"""What is missing on a machine is said, and fails where nothing may be left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.environments import ALL, Environment, Missing, not_tested


def test_what_is_missing_is_skipped_aloud_and_fails_where_all_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = Environment("nowhere", "Scheduler 1.2", Path(__file__), python="3.99")
    with pytest.raises(Missing, match=r"Scheduler 1\.2 needs Python 3\.99") as missing:
        nowhere.ensure()
    nowhere.folder.with_suffix(".lock").unlink()
    monkeypatch.delenv(ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"Scheduler 1\.2 is NOT TESTED"):
        not_tested(nowhere.version, missing.value)
    monkeypatch.setenv(ALL, "1")
    with pytest.raises(pytest.fail.Exception, match=r"Scheduler 1\.2 is missing"):
        not_tested(nowhere.version, missing.value)
