"""The workspace on the command line: ``sync``, a lead list as an input, ``search``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from amplemarket_source.sandbox import Fault, SandboxServer
from tests.cli.command_line import Command, posts


def test_a_stream_that_is_none_gets_the_list_of_streams(amplemarket: Command, folder: Path) -> None:
    wrong = amplemarket("sync", "users", "leeds")
    assert wrong.exit_code == 2
    assert "'leeds'" in wrong.err
    assert "lead_list_leads" in wrong.err
    assert list(folder.glob("*.duckdb")) == []


def test_sync_says_each_stream_and_ends_with_five_where_one_fails(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.set_faults(Fault("http_status", path="/accounts", value=400))
    synced = amplemarket("sync", "users", "accounts", "--json")
    assert synced.exit_code == 5, synced.err
    document = synced.document
    assert document["exit_code"] == 5
    assert document["dataset"] == "amplemarket_workspace"
    assert document["destination"] == f"duckdb:///{folder / 'amplemarket.duckdb'}"
    assert document["streams"]["users"]["status"] == "done"
    assert document["streams"]["accounts"]["error"]["error"] == "RequestRefused"
    told = amplemarket("sync", "accounts")
    assert "not read to the end: accounts" in told.out
    server.sandbox.set_faults(Fault("http_status", path="/accounts", value=400))
    assert amplemarket("sync", "accounts", "--quiet").out == ""
    with duckdb.connect(str(folder / "amplemarket.duckdb"), read_only=True) as database:
        [(users,)] = database.execute("SELECT count(*) FROM amplemarket_workspace.users").fetchall()
    assert users == len(server.workspace.rows("users"))


@pytest.mark.usefixtures("tables")
def test_a_lead_list_is_bought_and_each_lead_keeps_the_id_of_its_entry(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.configure(leads_per_list=4)
    one = server.workspace.rows("lead_lists")[0]
    wanted = {row["id"] for row in server.workspace.rows("lead_list_leads", owner=one["id"])}
    planned = amplemarket("plan", "people", "--lead-list", one["id"], "--json")
    assert planned.exit_code == 0, planned.err
    assert planned.document["plans"][0]["to_buy"] == 4
    assert posts(server) == 0
    run = amplemarket("run", "people", "--lead-list", one["id"], "--json")
    assert run.exit_code == 0, run.err
    with duckdb.connect(str(folder / "amplemarket.duckdb"), read_only=True) as database:
        found = database.execute("SELECT external_id FROM amplemarket_data.leads").fetchall()
    assert {key for (key,) in found} == wanted
    gone = amplemarket("run", "people", "--lead-list", "none-of-them")
    assert gone.exit_code == 2
    assert "lead list none-of-them" in gone.err
    both = amplemarket("run", "people", "leads.csv", "--lead-list", one["id"])
    assert both.exit_code == 2


@pytest.mark.usefixtures("tables")
def test_what_a_search_finds_is_a_list_for_a_run(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    title = "person_titles=Chief"
    unknown = amplemarket("search", "people", "--filter", "titles=CEO")
    assert unknown.exit_code == 2
    assert "'titles'" in unknown.err
    assert "person_titles" in unknown.err
    assert amplemarket("search", "people").exit_code == 2
    assert server.sandbox.calls == []
    found = amplemarket("search", "people", "--filter", title, "--limit", "120")
    assert found.exit_code == 0, found.err
    assert "not known" in found.err
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert len(rows) == len({row["external_id"] for row in rows}) == 120
    assert all("Chief" in row["title"] for row in rows)
    again = amplemarket(
        "search", "people", "--filter", title, "--limit", "3", "--output", "found.jsonl", "--json"
    )
    assert again.document["rows"] == 3
    lines = (folder / "found.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {name: value or None for name, value in row.items()} for row in rows[:3]
    ]
    planned = amplemarket("plan", "people", "-", "--json", stdin=found.out).document
    assert planned["plans"][0]["to_buy"] == 120
    companies = amplemarket("search", "companies", "--filter", "company_sizes=51-200 employees")
    assert companies.exit_code == 0, companies.err
    assert companies.out.startswith("domain,linkedin_url,name,external_id\n")
