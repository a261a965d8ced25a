"""A person who is forgotten leaves the workspace's tables and does not come back."""

from __future__ import annotations

import pytest

from amplemarket_source import forget
from amplemarket_source.errors import UsageError
from tests.workspace.synced import Synced

pytestmark = pytest.mark.slow


def _texts(synced: Synced) -> str:
    """All that the tables say of contacts, tasks, calls, lists and rejects."""
    tables = ("contacts", "tasks", "calls", "lead_list_leads", "excluded_emails", "rejects")
    return repr([synced.rows(f"SELECT * FROM {table}") for table in tables])


def test_who_is_forgotten_leaves_every_table_and_stays_away(synced: Synced) -> None:
    workspace = synced.workspace
    user = workspace.rows("users")[0]
    task = next(t for t in workspace.rows("tasks", owner=user["id"]) if t["contact"])
    contact = next(c for c in workspace.rows("contacts") if c["id"] == task["contact"]["id"])
    workspace.change("tasks", task["id"], notes="Ask about the children")
    first = workspace.rows("lead_lists")[0]
    lead = workspace.add(
        "lead_list_leads",
        lead_list_id=first["id"],
        # Known in the list by another address, and by the same profile.
        email="another@private.example",
        linkedin_url=f"{contact['linkedin_url']}?trk=x",
    )
    workspace.add("excluded_emails", email="Another@Private.example")
    synced.sync()
    said = (contact["email"], contact["linkedin_url"], "another@private", "the children")
    assert [text for text in said if text in _texts(synced)] == list(said)
    pipeline = synced.pipeline()
    pipeline.dataset_name = "amplemarket_data"
    gone = forget(pipeline, email=contact["email"].upper())
    assert gone.found
    assert gone.rows_removed["contacts"] == 1
    assert gone.rows_removed["lead_list_leads"] >= 1
    assert gone.rows_removed["excluded_emails"] == 1
    assert "amplemarket_workspace" in gone.database
    assert [text for text in said if text.lower() in _texts(synced).lower()] == []
    assert synced.rows(
        "SELECT count(*) FROM contacts__phone_numbers WHERE contact_id = ?", contact["id"]
    ) == [(0,)]
    assert task["id"] in {row["id"] for row in synced.table("tasks")}
    files = [path for path in synced.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if contact["email"].encode() in path.read_bytes()] == []
    # The API has them still, and lists them again.
    workspace.change("tasks", task["id"], notes="Ask about the children again")
    workspace.change("lead_list_leads", lead["id"], title="New")
    workspace.change("lead_lists", first["id"])
    report = synced.sync(full=True)
    assert report.exit_code == 0
    assert [text for text in said if text.lower() in _texts(synced).lower()] == []
    assert forget(pipeline, contact_id=contact["id"]).found is False
    with pytest.raises(UsageError, match="Nobody is erased"):
        forget(pipeline, email="nobody@site.example")
