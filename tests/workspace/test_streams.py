"""What becomes of each stream: windows, moves, odd rows, what is gone, what fails."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import parse_qs

import duckdb
import pytest

from amplemarket_source import workspace
from amplemarket_source.errors import KeyRefused, UsageError
from amplemarket_source.sandbox import Fault
from tests.workspace.synced import Synced


def _asked(synced: Synced, since: int, path: str) -> list[dict[str, list[str]]]:
    """The queries of the calls of a path."""
    return [
        parse_qs(call.query) for call in synced.server.sandbox.calls[since:] if call.path == path
    ]


def test_a_stream_that_fails_is_named_marks_nothing_and_leaves_the_others_alone(
    synced: Synced,
) -> None:
    synced.sync()
    gone = synced.workspace.rows("accounts")[0], synced.workspace.rows("sequences")[0]
    synced.workspace.remove("accounts", gone[0]["id"])
    synced.workspace.remove("sequences", gone[1]["id"])
    kept = synced.workspace.rows("lead_lists")[0]
    synced.server.sandbox.set_faults(
        Fault("http_status", path="/accounts", value=400),
        Fault("http_status", path=f"/lead-lists/{kept['id']}", value=404),
    )
    synced.workspace.change("lead_lists", kept["id"], updated_at="2026-10-20T09:00:00Z")
    report = synced.sync("accounts", "sequences", "lead_lists", "lead_list_leads")
    assert report.exit_code == 5
    assert list(report.failed) == ["accounts"]
    assert "accounts" in report.headline
    assert synced.deleted("accounts") == set()
    assert synced.deleted("sequences") == {gone[1]["id"]}
    # A list that is deleted between list and read is counted, and no trouble.
    assert report.streams["lead_list_leads"].gone == 1
    assert synced.deleted("lead_list_leads") == set()
    synced.server.sandbox.set_faults()
    assert synced.sync("accounts").exit_code == 0
    assert synced.deleted("accounts") == {gone[0]["id"]}


def test_a_key_that_is_none_ends_the_sync(synced: Synced) -> None:
    with pytest.raises(KeyRefused):
        synced.sync(api_key="another")


def test_only_what_can_have_moved_is_read_again(synced: Synced) -> None:
    moved, still, _ = synced.workspace.rows("lead_lists")
    for one in (moved, still):
        synced.workspace.change("lead_lists", one["id"], status="completed")
    synced.sync()
    calls = synced.workspace.rows("calls")
    synced.workspace.change("lead_lists", moved["id"], updated_at="2026-10-20T09:00:00Z")
    before = synced.calls()
    synced.sync("calls", "lead_list_leads", calls_overlap="1d")
    [window] = _asked(synced, before, "/calls")
    last = max(call["start_date"] for call in calls)
    assert window["start_date_from"] == [last.replace(last[8:10], f"{int(last[8:10]) - 1:02}", 1)]
    assert len(_asked(synced, before, f"/lead-lists/{moved['id']}")) == 1
    assert _asked(synced, before, f"/lead-lists/{still['id']}") == []


@pytest.mark.parametrize("order", ["newest_first", "last_finished_first"])
def test_finished_tasks_are_read_down_to_known_ones_where_the_order_allows_and_none_is_missed(
    synced: Synced, order: str
) -> None:
    synced.server.sandbox.configure(task_order=order, tasks_per_user=100)
    synced.sync("users", "task_statuses", "tasks")
    still, ending, losing = synced.workspace.rows("users")
    ended = next(t for t in _tasks(synced, ending) if t["status"] == "scheduled")
    last = max(t["finished_on"] or "" for t in _tasks(synced, still))
    later = last.replace(last[:4], str(int(last[:4]) + 1), 1)
    synced.workspace.change("tasks", ended["id"], status="completed", finished_on=later)
    synced.workspace.add("tasks", user_id=still["id"], status="completed", finished_on=later)
    gone = next(t for t in _tasks(synced, losing) if t["status"] == "scheduled")
    synced.workspace.remove("tasks", gone["id"])
    before = synced.calls()
    report = synced.sync("users", "task_statuses", "tasks")
    assert synced.differences(["tasks"]) == []
    assert synced.deleted("tasks") == {gone["id"]}
    assert (report.streams["tasks"].changed, report.streams["tasks"].deleted) == (2, 1)
    asked = [(q["user_id"][0], q["status"][0]) for q in _asked(synced, before, "/tasks")]
    assert asked.count((still["id"], "completed")) == 1
    # Of an open task that is in no list any more only the end of all of them tells.
    assert asked.count((losing["id"], "completed")) == 3


def _tasks(synced: Synced, user: dict[str, Any]) -> list[dict[str, Any]]:
    return synced.workspace.rows("tasks", owner=user["id"])


def test_tasks_leave_with_their_user_and_come_back_with_them(synced: Synced) -> None:
    streams = ("users", "task_statuses", "tasks")
    synced.sync(*streams)
    user, *_ = synced.workspace.rows("users")
    theirs = {task["id"] for task in _tasks(synced, user)}
    synced.workspace.remove("users", user["id"])
    # Users are listed for their tasks alone.
    report = synced.sync("tasks")
    assert synced.deleted("tasks") == theirs
    assert report.streams["tasks"].deleted == len(theirs)
    assert synced.sync(*streams).streams["tasks"].deleted == 0
    synced.workspace.add("users", **user)
    report = synced.sync(*streams)
    assert report.streams["tasks"].changed == len(theirs)
    assert synced.differences(["users", "tasks"]) == []


def test_odd_rows_are_rejects_or_fitted_and_the_rest_lands(synced: Synced) -> None:
    synced.sync("users")
    body = {
        "users": [
            {"id": "u1", "name": "Ada", "mailboxes": [{"id": "m1", "email": "ada@x.example"}]},
            {"id": 2, "name": {"first": "Grace"}, "status": 5, "mailboxes": {"id": "m2"}},
            {"name": "Nobody"},
            "no object",
            {"id": "u3", "name": "Edsger", "joined": "2026-01-01", "deleted_at": "never"},
            {"id": "u1", "name": "Ada twice"},
        ]
    }
    synced.server.sandbox.set_faults(Fault("other_body", path="/users", value=json.dumps(body)))
    report = synced.sync("users")
    assert report.exit_code == 0
    found = {row["id"]: row for row in synced.table("users")}
    assert {name: row["name"] for name, row in found.items()} == {
        "u1": "Ada",
        "2": None,
        "u3": "Edsger",
    }
    assert found["2"]["status"] == "5"
    assert found["u3"]["joined"] == "2026-01-01"
    assert report.rejects["users_without_id"] == 2
    assert report.rejects["users.name: not text"] == 1
    assert {row["id"] for row in synced.table("users__mailboxes")} >= {"m1", "m2"}
    assert sum(name.startswith("users.deleted_at_x") for name in report.new_fields) == 1
    first = _times_of_rejects(synced)
    assert synced.sync("users").streams["users"].changed == 0
    # What has no key is met by every sync, and keeps the time when it was met first.
    again = _times_of_rejects(synced)
    assert {key: one for key, (one, _) in again.items()} == {
        k: one for k, (one, _) in first.items()
    }
    assert sum(first[key][1] < last for key, (_, last) in again.items()) == 2


def _times_of_rejects(synced: Synced) -> dict[str, tuple[Any, Any]]:
    rows = synced.rows("SELECT reject_id, first_rejected_at, rejected_at FROM rejects")
    return {key: (first, last) for key, first, last in rows}


@pytest.mark.slow
def test_a_contact_that_is_gone_is_a_row_that_says_no_more(synced: Synced) -> None:
    gone = next(
        task["contact"]
        for user in synced.workspace.rows("users")
        for task in synced.workspace.rows("tasks", owner=user["id"])
        if task["contact"]
    )
    synced.workspace.remove("contacts", gone["id"])
    report = synced.sync("tasks", "contacts")
    assert report.exit_code == 0
    assert report.streams["contacts"].gone == 1
    assert synced.deleted("contacts") == {gone["id"]}
    before = synced.calls()
    synced.sync("contacts")
    assert _asked(synced, before, "/contacts") == []


@pytest.mark.slow
def test_a_list_with_its_owner_as_an_object_has_the_same_column(synced: Synced) -> None:
    synced.server.sandbox.configure(list_owner="object")
    synced.sync("lead_lists")
    owners = {row["owner__email"] for row in synced.table("lead_lists")}
    assert owners <= {user["email"] for user in synced.workspace.rows("users")}


@pytest.mark.slow
def test_job_openings_are_those_of_loaded_companies(synced: Synced) -> None:
    with duckdb.connect(str(synced.file)) as connection:
        connection.execute("CREATE SCHEMA amplemarket_data")
        connection.execute("CREATE TABLE amplemarket_data.companies AS SELECT 'c1' AS id")
    assert "job_openings" not in synced.sync("users").streams
    synced.sync("job_openings")
    assert {row["company_id"] for row in synced.table("job_openings")} == {"c1"}
    assert len(synced.table("job_openings")) == 3


def test_a_plain_run_reads_what_is_selected_and_leaves_nobody_in_working_folders(
    synced: Synced, caplog: pytest.LogCaptureFixture
) -> None:
    source = workspace(**synced.arguments()).with_resources("users", "tasks")
    synced.pipeline().run(source)
    assert synced.differences(["users", "tasks"]) == []
    assert synced.table("calls") == []
    name = synced.workspace.rows("users")[0]["name"].encode()
    files = [path for path in synced.folder.rglob("*") if path.is_file() and path != synced.file]
    assert [path.name for path in files if name in path.read_bytes()] == []
    # dlt drops the tables when it loads: all is read as if nothing were known.
    synced.pipeline().run(
        workspace(**synced.arguments()).with_resources("users"), refresh="drop_resources"
    )
    assert synced.differences(["users"]) == []
    synced.server.sandbox.set_faults(Fault("http_status", path="/users", value=400))
    with caplog.at_level(logging.ERROR):
        synced.pipeline().run(workspace(**synced.arguments()).with_resources("users"))
    assert "not read to the end: users" in caplog.text


@pytest.mark.parametrize("how", [{"write_disposition": "append"}, {"primary_key": "name"}])
def test_what_would_lose_or_double_rows_is_refused(synced: Synced, how: dict[str, str]) -> None:
    with pytest.raises(Exception, match="cannot be changed") as raised:
        synced.pipeline().run(workspace(**synced.arguments()).with_resources("users"), **how)
    causes = []
    error: BaseException | None = raised.value
    while error is not None:
        causes.append(error)
        error = error.__cause__ or error.__context__
    assert any(isinstance(cause, UsageError) for cause in causes)


def test_the_first_load_makes_every_declared_column_of_what_is_selected(synced: Synced) -> None:
    described = synced.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'calls' "
        "AND table_schema = 'amplemarket_workspace'"
    )
    assert {"start_date", "from", "transcription", "deleted_at"} <= {name for (name,) in described}
