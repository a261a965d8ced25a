"""A workspace and a warehouse, syncs between them, and a recount of what the tables have to hold.

The recount reads the server's own rows, the JSON that it lists, and knows nothing of how the
package makes tables of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb as database

from amplemarket_source.destination import duckdb
from amplemarket_source.run.sync import WorkspaceSync
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.settings import WorkspaceSettings, resolve_workspace_settings
from amplemarket_source.streams.report import SyncReport

__all__ = ["LISTED", "Synced", "listed_rows"]

LISTED = (
    "users",
    "sequences",
    "mailboxes",
    "call_dispositions",
    "excluded_domains",
    "excluded_emails",
    "lead_lists",
    "calls",
    "accounts",
)
"""Streams that are listed whole."""
_DATASET = "amplemarket_workspace"
_CHILDREN = {
    "users": ("mailboxes", "user_id"),
    "sequences": ("dynamic_fields_used", "sequence_id"),
    "contacts": ("phone_numbers", "contact_id"),
}
_KEYS = {"excluded_domains": "domain", "excluded_emails": "email"}


class Synced:
    """One warehouse and one server."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server
        self.workspace = server.workspace
        self.file = folder / "warehouse.duckdb"

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "amplemarket_workspace",
            destination=duckdb(str(self.file)),
            dataset_name=_DATASET,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def settings(self, **given: Any) -> WorkspaceSettings:
        return resolve_workspace_settings(**self.arguments(**given))

    def arguments(self, **given: Any) -> dict[str, Any]:
        return {
            "api_key": "sandbox-key",
            "base_url": self.server.url,
            "requests_per_minute": 600_000,
            **given,
        }

    def sync(self, *streams: str, full: bool = False, **settings: Any) -> SyncReport:
        work = WorkspaceSync(self.pipeline(), self.settings(**settings), streams, is_full=full)
        return work.run()

    def wipe_disk(self) -> None:
        """Another machine: only the warehouse is left."""
        shutil.rmtree(self.folder / "pipelines", ignore_errors=True)

    def calls(self) -> int:
        return len(self.server.sandbox.calls)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with database.connect(str(self.file)) as connection:
            connection.execute(f"USE {_DATASET}")
            return connection.execute(sql, parameters).fetchall()

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table that have not left, by the names of their columns."""
        with database.connect(str(self.file)) as connection:
            connection.execute(f"USE {_DATASET}; SET timezone = 'UTC'")
            there = any(column.name == "deleted_at" for column in _columns(name))
            where = " WHERE deleted_at IS NULL" if there else ""
            found = connection.execute(f'SELECT * FROM "{name}"{where}')
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def deleted(self, name: str, key: str = "id") -> set[str]:
        return {
            row[0] for row in self.rows(f"SELECT {key} FROM {name} WHERE deleted_at IS NOT NULL")
        }

    def differences(self, streams: Iterable[str]) -> list[str]:
        """Where the tables are not what the server lists, in words; none is what is wanted."""
        return [
            text
            for stream in streams
            for text in self._differences(stream, listed_rows(self.workspace, stream))
        ]

    def _differences(self, stream: str, wanted: Mapping[str, dict[str, Any]]) -> list[str]:
        found = {row["_dlt_id"]: row for row in self.table(stream)}
        if stream == "contacts":
            # Whoever was met once stays one, whatever has become of the task.
            there = {row["id"]: row for row in self.workspace.rows("contacts")}
            wanted = {**wanted, **{key: there[key] for key in found.keys() & there.keys()}}
        if found.keys() != wanted.keys():
            missing, surplus = wanted.keys() - found.keys(), found.keys() - wanted.keys()
            return [f"{stream}: {len(missing)} missing, {len(surplus)} too many"]
        texts = []
        for key, row in wanted.items():
            for name, value in _flat(row).items():
                here = found[key].get(name)
                if _plain(here) != _plain(value):
                    texts.append(f"{stream} {key} {name}: {here!r}, not {value!r}")
        return texts + self._child_differences(stream, wanted)

    def _child_differences(self, stream: str, wanted: Mapping[str, dict[str, Any]]) -> list[str]:
        if stream not in _CHILDREN:
            return []
        path, key = _CHILDREN[stream]
        found: dict[str, list[Any]] = {one: [] for one in wanted}
        for item in sorted(self.table(f"{stream}__{path}"), key=lambda item: item["_dlt_list_idx"]):
            if item[key] in found:
                found[item[key]].append(item)
        texts = []
        for one, row in wanted.items():
            items = [item if isinstance(item, dict) else {"value": item} for item in row[path]]
            there = [
                {name: item.get(name) for name in given}
                for given, item in zip(items, found[one], strict=False)
            ]
            if items != there or len(found[one]) != len(items):
                texts.append(f"{stream}__{path} of {one}: {found[one]}, not {items}")
        return texts


def listed_rows(workspace: Any, stream: str) -> dict[str, dict[str, Any]]:
    """What the server lists of a stream now, by the key that its table has."""
    if stream == "lead_list_leads":
        return {
            f"{one['id']}:{lead['id']}": {**lead, "lead_list_id": one["id"]}
            for one in workspace.rows("lead_lists")
            for lead in workspace.rows(stream, owner=one["id"])
        }
    if stream == "tasks":
        return {
            task["id"]: task
            for user in workspace.rows("users")
            for task in workspace.rows(stream, owner=user["id"])
        }
    if stream == "contacts":
        met = {
            row["contact"]["id"]
            for name in ("tasks", "calls")
            for row in listed_rows(workspace, name).values()
            if row["contact"]
        }
        return {row["id"]: row for row in workspace.rows(stream) if row["id"] in met}
    key = _KEYS.get(stream, "id")
    return {row[key]: row for row in workspace.rows(stream)}


def _columns(name: str) -> tuple[Any, ...]:
    return next((table.columns for table in STREAM_TABLES if table.name == name), ())


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in row.items():
        if name == "owner" and isinstance(value, str) and "shared" in row:
            columns["owner__email"] = value
        elif isinstance(value, dict) and name != "_links":
            columns |= _flat(value, f"{prefix}{name}__")
        elif not isinstance(value, list) and name != "_links":
            columns[f"{prefix}{name}"] = value
    return columns


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).timestamp()
    if isinstance(value, str) and value.endswith("Z") and value[:2] == "20":
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    return value
