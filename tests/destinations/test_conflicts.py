"""A statement of the ledger that meets another transaction waits instead of failing a run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from amplemarket_source.warehouse import client
from tests.destinations.groups import on
from tests.destinations.scenario import Scenario
from tests.support.steps import open_ledger

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
input()
"""

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("warehouse", on("ducklake"), indirect=True)
def test_a_statement_waits_for_the_catalog_that_another_connection_has_locked(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.after("nothing")
    deployment = scenario.deployment
    conflicts = []
    with open_ledger(deployment.pipeline()) as ledger:
        key = ledger.warehouse.rows(
            f"SELECT request_key FROM {ledger.warehouse.name('enrichment_requests')}"
        )[0][0]
        other = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(deployment.folder / "lake.sqlite")],
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

        original = client._is_conflict
        monkeypatch.setattr(client, "_is_conflict", is_conflict)
        ledger.update(key, error_detail="written in the end")
        found = {row["request_key"]: row for row in deployment.table("enrichment_requests")}
    assert found[key]["error_detail"] == "written in the end"
    assert conflicts
