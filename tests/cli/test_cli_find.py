"""``find``: one lookup, printed for a person to read, recorded and loaded like a purchase."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts

pytestmark = [pytest.mark.usefixtures("tables"), pytest.mark.slow]

_EMAIL = "ada@site.example"
_URL = "linkedin.example/in/ada"


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("amplemarket.duckdb", read_only=True) as connection:
        connection.execute("USE amplemarket_data")
        return connection.execute(sql).fetchall()


def count(table: str) -> int:
    found: int = rows(f"SELECT count(*) FROM {table}")[0][0]
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
    arguments = ("find", "person", "--linkedin-url", _URL, "--reveal-email", "--json")
    found = amplemarket(*arguments)
    assert found.document["result"]["email"]
    amplemarket(*arguments, "--refresh")
    assert server.sandbox.account.email_spent == 1.5
    assert count("people") == 1


def test_a_reveal_that_takes_too_long_says_to_ask_again(
    amplemarket: Command, server: SandboxServer
) -> None:
    server.sandbox.configure(pending_finds=1000, retry_after=60)
    found = amplemarket(
        "find", "person", "--linkedin-url", _URL, "--reveal-email", "--poll-timeout", "1s"
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
    found = amplemarket("find", "person", "--email", _EMAIL, "--json", "--refresh")
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
    url = ("--linkedin-url", _URL)
    found = amplemarket("find", "person", *url, "--reveal-email", "--max-credits", "1")
    assert found.exit_code == 4
    assert server.sandbox.calls == []


def test_the_address_one_asks_by_is_not_revealed(
    amplemarket: Command, server: SandboxServer
) -> None:
    reveals = ("--reveal-email", "--reveal-phone-numbers")
    found = amplemarket("find", "person", "--email", _EMAIL, *reveals, "--json")
    assert (found.exit_code, found.document["status"]) == (0, "enriched"), found.err
    (asked, *_) = [call for call in server.sandbox.calls if call.path.startswith("/people/find")]
    assert ("reveal_email" in str(asked), "reveal_phone_numbers" in str(asked)) == (False, True)
    assert rows("SELECT reveal_email, reveal_phone_numbers FROM enrichment_requests") == [
        (False, True)
    ]


def test_a_lead_that_is_fresh_is_answered_from_the_tables(
    amplemarket: Command, server: SandboxServer
) -> None:
    for arguments in (("person", "--email", _EMAIL), ("company", "--domain", "other.example")):
        asked = amplemarket("find", *arguments, "--json").document
        calls = len(server.sandbox.calls)
        stored = amplemarket("find", *arguments, "--json")
        assert (len(server.sandbox.calls), stored.exit_code) == (calls, 0), stored.err
        assert stored.document["result"] == asked["result"]
        assert (asked["from_tables"], stored.document["from_tables"]) == (False, True)
        assert "From the tables" in stored.err
        again = amplemarket("find", *arguments, "--json", "--refresh")
        assert (again.document["from_tables"], len(server.sandbox.calls) > calls) == (False, True)


def test_a_lead_that_is_stale_or_has_less_than_is_wanted_is_asked_for(
    amplemarket: Command,
) -> None:
    def from_tables(*arguments: str) -> bool:
        found = amplemarket("find", "person", "--linkedin-url", _URL, *arguments, "--json")
        answer: bool = found.document["from_tables"]
        return answer

    assert not from_tables()
    assert from_tables()
    assert not from_tables("--refresh-after", "0s")
    assert not from_tables("--reveal-phone-numbers")
    assert from_tables("--reveal-phone-numbers")
    assert not from_tables("--reveal-phone-numbers", "--reveal-email")


def test_a_fresh_miss_is_answered_from_the_tables(
    amplemarket: Command, server: SandboxServer
) -> None:
    arguments = ("find", "person", "--email", "notfound1@site.example", "--json")
    amplemarket(*arguments)
    calls = len(server.sandbox.calls)
    assert amplemarket(*arguments).document["status"] == "not_found"
    assert len(server.sandbox.calls) == calls
    amplemarket(*arguments, "--retry-not-found-after", "0s")
    assert len(server.sandbox.calls) > calls


def test_a_person_whose_row_is_gone_is_asked_for(amplemarket: Command) -> None:
    amplemarket("find", "person", "--email", _EMAIL)
    with duckdb.connect("amplemarket.duckdb") as connection:
        connection.execute("DELETE FROM amplemarket_data.people")
    found = amplemarket("find", "person", "--email", _EMAIL, "--json").document
    assert (found["status"], found["from_tables"]) == ("enriched", False)


def test_lookups_are_estimated_at_what_they_are_charged(
    amplemarket: Command, server: SandboxServer
) -> None:
    for reveals in ((), ("--reveal-phone-numbers",), ("--reveal-email", "--reveal-phone-numbers")):
        amplemarket("find", "person", "--linkedin-url", _URL, *reveals)
    amplemarket("run", "people", "-", stdin=f"linkedin_url\n{_URL}\n{_URL}/x\n")
    account = server.sandbox.account
    assert rows(
        "SELECT sum(email_credits_estimated), sum(phone_credits_estimated) FROM enrichment_requests"
    ) == [(account.email_spent, account.phone_spent)]
    assert account.phone_spent == 1.0
