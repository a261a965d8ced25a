"""A statement of the ledger that meets another transaction waits instead of failing a run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from amplemarket_source.purchase import warehouse

from tests.destinations.groups import on
from tests.destinations.story import Story
from tests.support.steps import open_ledger

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
input()
"""

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("home", on("ducklake"), indirect=True)
def test_a_statement_waits_for_the_catalog_that_another_connection_has_locked(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.after("nothing")
    household = story.household
    conflicts = []
    with open_ledger(household.pipeline()) as ledger:
        key = ledger.warehouse.rows(
            f"SELECT request_key FROM {ledger.warehouse.name('enrichment_requests')}"
        )[0][0]
        other = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(household.folder / "lake.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        other.stdout.readline()

        def is_conflict(error: BaseException) -> bool:
            conflicts.append(error)
            if other.poll() is None:
                other.communicate("let go\n")
            return original(error)

        original = warehouse._is_conflict
        monkeypatch.setattr(warehouse, "_is_conflict", is_conflict)
        ledger.update(key, error_detail="written in the end")
        found = {row["request_key"]: row for row in household.table("enrichment_requests")}
    assert found[key]["error_detail"] == "written in the end"
    assert conflicts
