"""The streams of the workspace on every destination: first load, changes, what has left."""

from __future__ import annotations

from pathlib import Path

import pytest

from amplemarket_source.run.sync import sync
from tests.destinations.deployment import KEY, WarehouseDeployment
from tests.destinations.warehouses import TestedWarehouse
from tests.workspace.conftest import SMALL

pytestmark = pytest.mark.timeout(400)
_STREAMS = ("users", "lead_lists", "lead_list_leads", "calls")
_SLOW = ("users", "calls")
"""Of BigQuery, whose emulator takes two seconds for each table of a load."""


@pytest.mark.guarantee("the workspace's tables follow it; what has left is marked")
def test_streams_follow_the_workspace(warehouse: TestedWarehouse, tmp_path: Path) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        assert isinstance(deployment, WarehouseDeployment)
        sizes = {name: value for name, value in vars(SMALL).items() if name != "seed"}
        deployment.sandbox.configure(**sizes)
        workspace = deployment.server.workspace
        streams = _SLOW if warehouse.name == "bigquery" else _STREAMS

        def synced() -> dict[str, int]:
            report = sync(
                deployment.pipeline(),
                streams,
                api_key=KEY,
                base_url=deployment.server.url,
                requests_per_minute=600_000,
            )
            assert report.exit_code == 0, report.headline
            return {name: one.changed for name, one in report.streams.items() if one.changed}

        wanted = {"users": 3, "lead_lists": 3, "lead_list_leads": 15, "calls": 9}
        assert synced() == {name: wanted[name] for name in streams}
        first, second, third = workspace.rows("users")
        workspace.remove("mailboxes", first["mailboxes"][0]["id"])
        workspace.remove("users", third["id"])
        gone, *_ = workspace.rows("lead_lists")
        workspace.remove("lead_lists", gone["id"])
        workspace.add("calls", start_date="2026-10-20T10:00:00Z", notes="They call back")
        workspace.add_field("users", "team", "north")
        deployment.machine = "elsewhere"
        changed = synced()
        assert changed["users"] == 2
        assert changed["calls"] == 1
        with deployment.client() as client:
            name = client.make_qualified_table_name

            def rows(sql: str) -> list[tuple[object, ...]]:
                return sorted(tuple(row) for row in client.execute_sql(sql) or [])

            there = "deleted_at IS NULL"
            assert rows(f"SELECT id, team FROM {name('users')} WHERE {there}") == sorted(
                [(first["id"], "north"), (second["id"], "north")]
            )
            assert rows(f"SELECT id FROM {name('users')} WHERE NOT {there}") == [(third["id"],)]
            boxes = sum(len(user["mailboxes"]) for user in workspace.rows("users"))
            kept = f"SELECT id FROM {name('users')} WHERE {there}"
            [(found,)] = rows(
                f"SELECT count(*) FROM {name('users__mailboxes')} WHERE user_id IN ({kept})"
            )
            assert found == boxes
            if "lead_list_leads" in streams:
                leads = name("lead_list_leads")
                left = f"SELECT DISTINCT lead_list_id FROM {leads} WHERE NOT {there}"
                assert rows(left) == [(gone["id"],)]
            [(found,)] = rows(
                f"SELECT count(*) FROM {name('calls')} "
                "WHERE start_date = '2026-10-20 10:00:00+00:00'"
            )
            assert found == 1
