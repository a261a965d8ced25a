"""``find``: one lookup, printed for a person to read, recorded and loaded like a purchase."""

from __future__ import annotations

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts

_EMAIL = "ada@site.example"


def count(table: str) -> int:
    with duckdb.connect("amplemarket.duckdb", read_only=True) as connection:
        found: int = connection.execute(
            f"SELECT count(*) FROM amplemarket_data.{table}"
        ).fetchall()[0][0]
        return found


def test_a_person_is_printed_and_lands_in_the_same_tables(
    amplemarket: Command, server: SandboxServer
) -> None:
    found = amplemarket("find", "person", "--email", _EMAIL)
    assert (found.exit_code, "experiences" in found.out) == (0, True), found.err
    assert (count("people"), count("people__experiences"), count("leads")) == (1, 5, 1)
    assert count("enrichment_results") == count("enrichment_requests") == 1
    assert posts(server) == 0
    # A run that follows knows the outcome.
    again = amplemarket("run", "people", "-", "--json", stdin=f"email\n{_EMAIL}\n")
    assert again.document["plans"][0]["fresh"] == 1


def test_a_reveal_is_waited_for_and_charged_once(
    amplemarket: Command, server: SandboxServer
) -> None:
    server.sandbox.configure(pending_finds=2)
    arguments = ("find", "person", "--email", _EMAIL, "--reveal-email", "--json")
    found = amplemarket(*arguments)
    assert found.document["result"]["email"]
    amplemarket(*arguments)
    assert server.sandbox.account.email_spent == 1.5
    assert count("people") == 1


def test_a_reveal_that_takes_too_long_says_to_ask_again(
    amplemarket: Command, server: SandboxServer
) -> None:
    server.sandbox.configure(pending_finds=1000, retry_after=60)
    found = amplemarket(
        "find", "person", "--email", _EMAIL, "--reveal-email", "--poll-timeout", "1s"
    )
    assert (found.exit_code, "not charged twice" in found.err) == (5, True)


@pytest.mark.parametrize(
    ("email", "status"),
    [("notfound1@site.example", "not_found"), ("removed1@site.example", "gdpr_removed")],
)
def test_nobody_found_is_an_outcome_and_not_an_error(
    amplemarket: Command, email: str, status: str
) -> None:
    found = amplemarket("find", "person", "--email", email, "--json")
    assert (found.exit_code, found.document["status"]) == (0, status), found.err
    assert (count("people"), count("enrichment_results") > 0) == (0, True)


def test_a_person_who_is_removed_by_now_leaves_every_table(
    amplemarket: Command, server: SandboxServer
) -> None:
    amplemarket("find", "person", "--email", _EMAIL)
    server.sandbox.configure(removed_prefixes=["ada"])
    found = amplemarket("find", "person", "--email", _EMAIL, "--json")
    assert found.document["status"] == "gdpr_removed"
    assert (count("people"), count("people__experiences")) == (0, 0)
    calls = len(server.sandbox.calls)
    assert amplemarket("find", "person", "--email", _EMAIL, "--json").document == found.document
    assert len(server.sandbox.calls) == calls


def test_no_load_keeps_nothing(amplemarket: Command) -> None:
    found = amplemarket("find", "person", "--email", _EMAIL, "--no-load", "--json")
    assert found.document["result"]["object"] == "person"
    assert count("leads") == count("enrichment_results") == 0


def test_a_company_is_found_by_its_domain(amplemarket: Command) -> None:
    found = amplemarket("find", "company", "--domain", "site.example", "--json")
    assert found.document["result"]["object"] == "company", found.err
    assert (count("companies"), count("companies__technologies")) == (1, 10)


def test_a_search_by_nothing_and_by_too_little_is_refused(
    amplemarket: Command, server: SandboxServer
) -> None:
    assert amplemarket("find", "person").exit_code == 2
    assert amplemarket("find", "person", "--name", "Ada").exit_code == 2
    assert server.sandbox.calls == []


def test_a_lookup_that_could_exceed_the_cap_is_not_sent(
    amplemarket: Command, server: SandboxServer
) -> None:
    found = amplemarket("find", "person", "--email", _EMAIL, "--reveal-email", "--max-credits", "1")
    assert found.exit_code == 4
    assert server.sandbox.calls == []
