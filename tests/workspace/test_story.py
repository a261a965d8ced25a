"""Three syncs of a workspace that moves: changes, deletions, a new field, a killed process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workspace.synced import LISTED, Synced

ALL = (*LISTED, "tasks", "lead_list_leads", "contacts")


@pytest.mark.slow
@pytest.mark.parametrize("point", ["read:9", "done:0"], ids=["reading", "before it is noted"])
def test_tables_follow_the_workspace_whatever_dies(synced: Synced, point: str) -> None:
    workspace = synced.workspace
    assert synced.sync().exit_code == 0
    assert synced.differences(ALL) == []

    user, other, leaving = workspace.rows("users")
    theirs = {task["id"] for task in workspace.rows("tasks", owner=leaving["id"])}
    workspace.remove("users", leaving["id"])
    workspace.change("users", user["id"], name="Ada Renamed", role="admin")
    mailbox = workspace.remove("mailboxes", user["mailboxes"][0]["id"])
    gone_list, kept_list, _ = workspace.rows("lead_lists")
    workspace.remove("lead_lists", gone_list["id"])
    lead = workspace.add("lead_list_leads", lead_list_id=kept_list["id"], first_name="Grace")
    task = next(
        task
        for task in workspace.rows("tasks", owner=other["id"])
        if task["status"] == "scheduled" and task["contact"]
    )
    workspace.change(
        "tasks", task["id"], status="completed", finished_on="2026-10-20T09:00:00Z", notes="Met"
    )
    workspace.change("contacts", task["contact"]["id"], title="Chief of Everything")
    workspace.add("calls", start_date="2026-10-20T10:00:00Z", notes="They call back")
    workspace.add_field("calls", "sentiment", "warm")
    killed = subprocess.run(
        [sys.executable, "-m", "tests.workspace.killed", synced.folder, synced.server.url, point],
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr.decode()
    synced.wipe_disk()
    report = synced.sync()
    assert report.exit_code == 0
    # Calls before the window are read again by a full sync alone.
    assert synced.differences(set(ALL) - {"calls"}) == []
    assert synced.sync(full=True).exit_code == 0
    assert synced.differences(ALL) == []
    assert synced.rows("SELECT DISTINCT sentiment FROM calls") == [("warm",)]
    assert synced.deleted("users") == {leaving["id"]}
    assert synced.deleted("tasks") == theirs
    assert synced.deleted("mailboxes") == {mailbox["id"]}
    assert synced.deleted("lead_lists") == {gone_list["id"]}
    left = synced.rows(
        "SELECT DISTINCT lead_list_id FROM lead_list_leads WHERE deleted_at > '1970-01-01'"
    )
    assert left == [(gone_list["id"],)]
    assert lead["id"] in {row["id"] for row in synced.table("lead_list_leads")}

    workspace.add("mailboxes", user_id=user["id"], **mailbox)
    workspace.add("lead_lists", **gone_list)
    assert synced.sync().exit_code == 0
    assert synced.differences(ALL) == []
    assert synced.deleted("mailboxes") == set()
    again = synced.sync()
    assert {name: one.changed for name, one in again.streams.items() if one.changed} == {}
