"""``run``, ``plan`` and ``status``: the main job as a person types it."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts, write_leads


def test_a_run_loads_what_the_server_answers_and_a_second_one_sends_no_post(
    amplemarket: Command, leads: str, server: SandboxServer, folder: Path
) -> None:
    first = amplemarket("run", "people", leads)
    assert first.exit_code == 0, first.err
    assert "3 enriched" in first.out
    assert "1 not_found" in first.out
    with duckdb.connect(str(folder / "amplemarket.duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM amplemarket_data.people").fetchone() == (3,)
    assert posts(server) == 1

    second = amplemarket("run", "people", leads)
    assert second.exit_code == 0, second.err
    assert "nothing to buy" in second.err
    assert posts(server) == 1


def test_json_stands_alone_on_standard_output_and_counts_what_was_bought(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    found = amplemarket("run", "people", leads, "--json")
    assert found.document["outcomes"] == {"enriched": 3, "not_found": 1}
    assert found.document["tables"]["people"] == 3
    assert found.document["credits"]["email_credits_estimated"] == pytest.approx(
        server.sandbox.account.email_spent
    )
    assert found.document["dataset"] == "amplemarket_data"
    assert found.document["exit_code"] == 0


def test_the_summary_says_where_the_time_went_and_what_it_could_cost(
    amplemarket: Command, leads: str
) -> None:
    told = amplemarket("run", "people", leads)
    assert "wait for the API" in told.out
    assert "flatten" in told.out
    assert "4 leads in 1 request\n" in told.out
    assert "1.5 email, 0 phone (estimated), at most 2 email, 0 phone" in told.out
    document = amplemarket("run", "people", leads, "--json", "--refresh-after", "0s").document
    assert set(document["seconds"]) == {"plan", "wait", "flatten", "load", "total"}
    assert document["api"]["fetch_seconds"] > 0


def test_columns_of_a_first_load_are_counted_and_only_later_ones_are_news(
    amplemarket: Command, leads: str, server: SandboxServer, folder: Path
) -> None:
    first = amplemarket("run", "people", leads)
    assert re.search(r"new fields  \d+ undocumented columns kept \(--json", first.out), first.out
    nickname = {"name": "row_patch", "value": {"index": 0, "patch": {"nickname": "Countess"}}}
    server.sandbox.set_faults(nickname)
    more = write_leads(folder / "more.csv", [{"email": "more@site.example"}])
    second = amplemarket("run", "people", more)
    assert "new fields  people.nickname (text)\n" in second.out
    assert "kept" not in second.out


def test_rejected_rows_of_the_input_are_counted_by_reason(
    amplemarket: Command, folder: Path
) -> None:
    source = write_leads(folder / "odd.csv", [{"email": "ada@site.example"}, {"email": "nobody"}])
    found = amplemarket("run", "people", source, "--json").document
    assert found["rejects"] == {"email_malformed": 1}


def test_companies_run_like_people_and_quiet_says_nothing_on_the_way(
    amplemarket: Command, folder: Path
) -> None:
    source = write_leads(folder / "c.csv", [{"domain": "a.example"}, {"domain": "b.example"}])
    found = amplemarket("run", "companies", source, "--json", "--quiet")
    assert found.err == ""
    assert (found.exit_code, found.document["tables"]["companies"]) == (0, 2)


def test_leads_come_from_standard_input_or_a_query(amplemarket: Command, folder: Path) -> None:
    piped = amplemarket("run", "people", "-", "--json", stdin="email\nada@site.example\n")
    assert piped.document["outcomes"] == {"enriched": 1}
    with duckdb.connect(str(folder / "crm.duckdb")) as crm:
        crm.execute("CREATE TABLE contacts AS SELECT 'grace@site.example' AS email")
    query = ("--query", "SELECT email FROM contacts", "--from", "duckdb:///crm.duckdb")
    asked = amplemarket("run", "people", *query, "--json")
    assert asked.document["outcomes"] == {"enriched": 1}


@pytest.mark.parametrize("command", [("plan", "people"), ("run", "people", "--dry-run")])
def test_a_plan_prices_the_run_needs_no_key_and_sends_nothing(
    amplemarket: Command,
    leads: str,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    found = amplemarket(*command, leads, "--reveal-email", "--json")
    assert found.exit_code == 0, found.err
    (plan,) = found.document["plans"]
    assert (plan["read"], plan["to_buy"], plan["email_credits_max"]) == (4, 4, 6.0)
    assert server.sandbox.calls == []
    assert amplemarket("status", "--json").document["requests"] == {}


def test_max_credits_stops_before_the_post_that_could_exceed_it(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    limits = ("--max-credits", "1", "--leads-per-request", "2", "--max-requests-in-flight", "1")
    found = amplemarket("run", "people", leads, *limits)
    assert found.exit_code == 4
    assert "max_credits" in found.out
    assert posts(server) == 1


def test_a_plan_above_the_cap_says_where_the_run_would_stop(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    limits = ("--max-credits", "3.5", "--reveal-email")
    found = amplemarket("plan", "people", leads, *limits)
    assert "3.5 credits for the run: it stops after 2 leads, 2 would not be bought" in found.out
    assert amplemarket("plan", "people", leads, *limits, "--json").document["cap"] == {
        "max_credits": 3.5,
        "max_credits_per": "run",
        "committed": 0.0,
        "leads_beyond": 2,
    }
    assert "enough for all" in amplemarket("plan", "people", leads, "--max-credits", "2").out
    run = amplemarket("run", "people", leads, *limits)
    assert "it stops after 2 leads" in run.err
    assert (run.exit_code, server.sandbox.log()["totals"]["leads"]) == (4, 2)


def test_what_the_cap_left_out_is_counted_and_said_what_would_help(
    amplemarket: Command, leads: str
) -> None:
    found = amplemarket("run", "people", leads, "--max-credits", "1", "--json")
    assert found.document["leads"] == {
        "bought": 2,
        "not_bought": 2,
        "not_bought_for": {"max_credits": 2},
        "never_asked": 0,
    }
    status = amplemarket("status")
    assert "Not bought yet: 2 leads" in status.out
    assert amplemarket("status", "--json").document["leads_not_bought"] == 2
    capped = amplemarket("run", "people", leads, "--max-credits", "0.5")
    assert "the same command again buys the next ones" in capped.out
    daily = ("--max-credits", "1", "--max-credits-per", "day")
    stopped = amplemarket("run", "people", leads, *daily)
    assert "max_credits does not pay for 1 lead: a higher --max-credits" in stopped.out
    assert "the same command after midnight (UTC)" in stopped.out
    assert "same command again" not in stopped.out


def test_where_the_same_command_would_stop_the_same_way_it_is_not_proposed(
    amplemarket: Command, leads: str
) -> None:
    found = amplemarket("run", "people", leads, "--max-credits", "1", "--reveal-email")
    assert "does not pay for 4 leads: a higher --max-credits buys them" in found.out
    assert "Raise max_credits to 1.5 or more." in found.out
    assert "same command" not in found.out


def test_sandbox_needs_no_key_and_invents_leads_of_every_kind(
    amplemarket: Command, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    found = amplemarket("run", "people", "--sandbox", "--json")
    assert found.exit_code == 0, found.err
    (plan,) = found.document["plans"]
    assert (plan["read"], plan["duplicate"], plan["invalid"]) == (250, 10, 5)
    assert found.document["outcomes"] == {"enriched": 220, "not_found": 12, "gdpr_removed": 3}
    # Invented people stay out of the tables of real ones.
    assert found.document["dataset"] == "amplemarket_sandbox_data"
    assert not Path("amplemarket.duckdb").exists()
    assert server.sandbox.calls == []


def test_a_duckdb_file_keeps_its_pipeline_beside_it(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    # dlt remembers the first folder of a pipeline's name: a second project would write there.
    other = folder / "other"
    other.mkdir()
    assert amplemarket("run", "people", leads).exit_code == 0
    found = amplemarket(
        "run", "people", leads, "--destination", "duckdb:///other/amplemarket.duckdb", "--json"
    )
    assert found.document["tables"]["people"] == 3
    assert found.document["leads"]["bought"] == 4
    assert (other / ".dlt" / ".var" / "pipelines").is_dir()


def test_status_agrees_with_the_server_to_the_credit(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    amplemarket("run", "people", leads, "--reveal-email")
    found = amplemarket("status", "--json").document
    assert found["requests"] == {"completed": 1}
    assert found["credits"]["email_credits_estimated"] == pytest.approx(
        server.sandbox.account.email_spent
    )
    assert found["open"] == []
    assert "Nothing is open" in amplemarket("status").out


def test_doctor_checks_everything_and_spends_nothing(
    amplemarket: Command, server: SandboxServer
) -> None:
    found = amplemarket("doctor", "--json")
    assert found.exit_code == 0, found.out
    assert {check["name"]: check["state"] for check in found.document["checks"]} == {
        "versions": "ok",
        "settings": "ok",
        "api": "ok",
        "clock": "ok",
        "destination": "ok",
        "requests": "ok",
    }
    assert {call.path for call in server.sandbox.calls} == {"/account-info"}


@pytest.mark.parametrize("mode", ["discard_value", "freeze"])
def test_a_schema_contract_never_costs_a_table_of_the_contract(
    amplemarket: Command, leads: str, server: SandboxServer, mode: str
) -> None:
    # No list has items, so nothing undocumented arrives.
    server.sandbox.configure(children="none")
    found = amplemarket("run", "people", leads, "--schema-contract", mode, "--json")
    assert found.document["tables"]["people"] == 3, found.err
    assert found.document["tables"]["enrichment_results"] == 4


def test_plan_estimates_by_what_was_found_so_far(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    assert amplemarket("plan", "people", leads, "--json").document["plans"][0]["hit_rate"] is None
    amplemarket("run", "people", leads)
    more = write_leads(folder / "more.csv", [{"email": f"more{i}@site.example"} for i in range(8)])
    (plan,) = amplemarket("plan", "people", more, "--reveal-email", "--json").document["plans"]
    # Three of four were found: 8 leads at 1.5 credits are 12 at the worst case, 9 at that rate.
    assert (plan["email_credits_max"], plan["email_credits_estimated"]) == (12, 9)
    assert plan["phone_credits_estimated"] == 0
    assert "75%" in amplemarket("plan", "people", more, "--reveal-email").out
