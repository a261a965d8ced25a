"""Changes to a workspace as people make them, each from two numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from amplemarket_source.sandbox.workspace import Workspace

__all__ = ["CHANGES"]

_LATER = "2026-10-20T09:00:00Z"


def _some(rows: list[dict[str, Any]], which: int) -> dict[str, Any] | None:
    return rows[which % len(rows)] if rows else None


def _rename(workspace: Workspace, which: int) -> None:
    stream: Any = ("users", "sequences", "mailboxes", "accounts")[which % 4]
    row = _some(workspace.rows(stream), which // 4)
    if row:
        name = "email" if stream == "mailboxes" else "name"
        workspace.change(stream, row["id"], **{name: f"{which}@new.example"})


def _remove(workspace: Workspace, which: int) -> None:
    stream: Any = ("users", "mailboxes", "accounts", "excluded_emails", "excluded_domains")[
        which % 5
    ]
    key = {"excluded_emails": "email", "excluded_domains": "domain"}.get(stream, "id")
    rows = workspace.rows(stream)
    row = _some(rows, which // 5)
    if row and not (stream == "users" and len(rows) == 1):
        workspace.remove(stream, row[key])
        _REMOVED.setdefault(workspace, []).append((stream, row))


_REMOVED: WeakKeyDictionary[Workspace, list[tuple[Any, dict[str, Any]]]] = WeakKeyDictionary()


def _bring_back(workspace: Workspace, which: int) -> None:
    removed = _REMOVED.get(workspace, [])
    if removed:
        stream, row = removed.pop(which % len(removed))
        if stream == "mailboxes":
            users = {user["id"] for user in workspace.rows("users")}
            if row["user"]["id"] not in users:
                return
            row = {**row, "user_id": row["user"]["id"]}
        workspace.add(stream, **row)


def _task(workspace: Workspace, which: int) -> None:
    user = _some(workspace.rows("users"), which)
    if user is None:
        return
    tasks = workspace.rows("tasks", owner=user["id"])
    task = _some(tasks, which // 3)
    if which % 3 == 0 or task is None:
        workspace.add("tasks", user_id=user["id"], notes=f"Note {which}")
    elif which % 3 == 1:
        is_done = task["status"] != "scheduled"
        workspace.change(
            "tasks",
            task["id"],
            status="scheduled" if is_done else "completed",
            finished_on=None if is_done else _LATER,
        )
    else:
        workspace.remove("tasks", task["id"])


def _list(workspace: Workspace, which: int) -> None:
    lists = workspace.rows("lead_lists")
    one = _some(lists, which)
    if one is None:
        return
    leads = workspace.rows("lead_list_leads", owner=one["id"])
    lead = _some(leads, which // 4)
    if which % 4 == 0 and len(lists) > 1:
        workspace.remove("lead_lists", one["id"])
    elif which % 4 == 1 or lead is None:
        workspace.add("lead_list_leads", lead_list_id=one["id"], first_name=f"N{which}")
    else:
        # What becomes of a lead moves its list, as the rule of the stream has it.
        if which % 4 == 2:
            workspace.remove("lead_list_leads", lead["id"])
        else:
            workspace.change("lead_list_leads", lead["id"], title=f"Title {which}")
        workspace.change("lead_lists", one["id"], updated_at=f"2026-10-21T07:{which % 60:02}:00Z")


def _call(workspace: Workspace, which: int) -> None:
    calls = workspace.rows("calls")
    call = _some(calls, which)
    if which % 2 or call is None:
        workspace.add("calls", start_date=_LATER, notes=f"Call {which}")
    else:
        workspace.change("calls", call["id"], notes=f"Call {which}")


def _field(workspace: Workspace, which: int) -> None:
    stream: Any = ("users", "calls", "tasks", "accounts")[which % 4]
    workspace.add_field(stream, f"extra_{which % 3}", (7, "seven", 7.5)[which % 3])


CHANGES: tuple[Callable[[Workspace, int], None], ...] = (
    _rename,
    _remove,
    _bring_back,
    _task,
    _list,
    _call,
    _field,
)
