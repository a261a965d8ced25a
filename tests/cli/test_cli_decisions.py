"""What a person decides: Ctrl-C, cancel, release, forget."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer, validation
from tests.cli.command_line import Command, posts, write_leads

pytestmark = pytest.mark.usefixtures("tables")

_NEVER = 1_000_000


@pytest.fixture
def held(amplemarket: Command, leads: str, server: SandboxServer) -> str:
    """The key, as the run tells it, of a batch of which nobody knows whether the API took it."""
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    found = amplemarket("run", "people", leads, "--reveal-email")
    assert found.exit_code == 5
    assert "6 credits at stake" in found.out
    told = re.search(r"amplemarket release (\S+) --drop", found.out)
    assert told is not None, found.out
    return told[1]


def test_a_held_batch_is_left_alone_until_it_is_dropped(
    amplemarket: Command, leads: str, server: SandboxServer, held: str
) -> None:
    (waiting,) = amplemarket("status", "--json").document["open"]
    assert (waiting["request_key"], waiting["status"], waiting["leads"]) == (held, "held", 4)
    assert waiting["credits_at_stake"] == 6.0
    assert amplemarket("run", "people", leads).exit_code == 5
    assert posts(server) == 1

    assert amplemarket("release", held, "--drop").exit_code == 0
    assert amplemarket("status", "--json").document["open"] == []
    again = amplemarket("run", "people", leads, "--json")
    assert (again.exit_code, again.document["leads"]["bought"]) == (0, 4)
    assert amplemarket("release", held, "--drop").exit_code == 2


def test_a_held_batch_is_bought_again_as_it_was_where_a_person_says_so(
    amplemarket: Command, server: SandboxServer, held: str
) -> None:
    found = amplemarket("release", held, "--resubmit", "--json")
    assert (found.exit_code, found.document["leads"]["bought"]) == (0, 4), found.err
    assert found.document["outcomes"] == {"enriched": 3, "not_found": 1}
    # The same input rows, so no further ones.
    assert found.document["tables"]["leads"] == 4
    assert [post["reveal_email"] for post in server.sandbox.log()["posts"]] == [True, True]


def test_a_batch_of_which_leads_were_refused_is_bought_again_with_the_flags_it_was_made_with(
    amplemarket: Command,
    folder: Path,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """29/35 of a price is no exact number, and says nothing about what was asked for."""
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    names = [f"bad{n}" for n in range(6)] + [f"good{n}" for n in range(29)]
    leads = write_leads(folder / "some.csv", [{"email": f"{n}@site.example"} for n in names])
    assert amplemarket("run", "people", leads).exit_code == 5
    (waiting,) = amplemarket("status", "--json").document["open"]
    assert (waiting["leads"], waiting["credits_at_stake"]) == (29, 14.5)

    found = amplemarket("release", waiting["request_key"], "--resubmit", "--json")
    assert (found.exit_code, found.document["outcomes"]) == (0, {"enriched": 29}), found.err
    made = [(post["leads"], post["reveal_email"]) for post in server.sandbox.log()["posts"]]
    assert made == [(29, False), (29, False)]
    with duckdb.connect("amplemarket.duckdb", read_only=True) as connection:
        flags = connection.execute(
            "SELECT DISTINCT reveal_email, reveal_phone_numbers FROM "
            "amplemarket_data.enrichment_results"
        ).fetchall()
    assert flags == [(False, False)], "a later run that reveals buys them"


def test_cancel_loads_what_was_done_and_leaves_the_rest_to_be_bought(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.configure(polls_until_done=_NEVER)
    halves = ("--leads-per-request", "2", "--poll-timeout", "0s")
    assert amplemarket("run", "people", leads, *halves).exit_code == 5
    flying = amplemarket("status", "--json").document["open"]
    assert {request["next"] for request in flying} == {"resume"}
    # What the API has taken is not a person's to release.
    assert amplemarket("release", flying[0]["request_key"], "--drop").exit_code == 2

    found = amplemarket("cancel", "1", "--json")
    assert found.exit_code == 0, found.err
    assert server.sandbox.requests[1].status == "canceled"
    (left,) = amplemarket("status", "--json").document["open"]
    assert left["request_id"] == "2"
    assert found.document["outcomes"]["unanswered"] > 0
    server.sandbox.configure(polls_until_done=1)
    again = amplemarket("run", "people", leads, "--json")
    assert again.document["leads"]["bought"] == found.document["outcomes"]["unanswered"]
    assert again.document["tables"]["people"] == 3
    assert amplemarket("cancel", "1").exit_code == 2


def test_a_cancel_has_one_headline_and_it_is_true(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.configure(polls_until_done=_NEVER)
    halves = ("--leads-per-request", "2", "--poll-timeout", "0s")
    amplemarket("run", "people", leads, *halves)
    told = amplemarket("cancel", "1").out
    assert told.startswith("Request 1 is canceled; what was done by then is loaded.\n")
    assert "still running: 1 request" in told
    assert "every lead is settled" not in told
    assert "the same command again" not in told


def test_resume_finishes_what_is_in_flight_and_buys_nothing(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    here = ("--dataset", "our_data", "--pipeline-name", "ours")
    server.sandbox.configure(polls_until_done=_NEVER)
    assert amplemarket("run", "people", leads, "--poll-timeout", "0s", *here).exit_code == 5
    # The sandbox of a run knows nothing of them, so it must not be asked: 404 means expired.
    refused = amplemarket("run", "people", "--sandbox", *here)
    assert (refused.exit_code, "--dataset" in refused.err) == (2, True)
    server.sandbox.settle()
    found = amplemarket("resume", "--json", *here)
    assert (found.exit_code, found.document["tables"]["people"]) == (0, 3), found.err
    assert posts(server) == 1


def test_a_run_that_buys_nothing_tells_no_most_of_what_it_could_cost(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.configure(polls_until_done=_NEVER)
    assert amplemarket("run", "people", leads, "--poll-timeout", "0s").exit_code == 5
    server.sandbox.settle()
    told = amplemarket("resume").out
    assert "1.5 email, 0 phone (estimated)\n" in told
    assert "at most" not in told


@pytest.mark.parametrize("spelling", ["ada@site.example", " ADA@Site.example"])
def test_a_forgotten_person_leaves_every_table_and_is_never_sent_again(
    amplemarket: Command, leads: str, server: SandboxServer, spelling: str
) -> None:
    amplemarket("run", "people", leads)
    found = amplemarket("forget", "--email", spelling, "--json")
    assert found.exit_code == 0, found.err
    assert found.document["rows_removed"]["people"] == 1
    assert found.document["rows_removed"]["people__experiences"] > 0
    assert "ada" not in (found.out + found.err).lower()
    again = amplemarket("run", "people", leads, "--refresh-after", "0s", "--json")
    assert again.document["plans"][0]["suppressed"] == 1
    assert again.document["tables"]["people"] == 2
    assert server.sandbox.submitted("people")["email=ada@site.example"] == 1


def test_ctrl_c_leaves_requests_running_and_says_how_to_go_on(
    leads: str, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.configure(polls_until_done=_NEVER, retry_after=60)
    process = subprocess.Popen(
        [sys.executable, "-m", "amplemarket_source.cli.main", "run", "people", leads],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Another process: all one can do is look again. A poll follows the recorded purchase.
        deadline = time.monotonic() + 60
        while not any("/enrichment-requests/" in call.path for call in server.sandbox.calls):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 5, err
    assert "Stopping" in err
    assert "amplemarket resume" in out
    assert "Traceback" not in err
    assert server.sandbox.requests[1].is_open
