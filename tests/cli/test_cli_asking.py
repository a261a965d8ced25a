"""Nobody at a terminal spends by accident; nobody else is ever asked."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from amplemarket_source.cli.asking import somebody_is_there
from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts
from tests.cli.terminal import at_a_terminal

pytestmark = [pytest.mark.usefixtures("tables"), pytest.mark.slow]

QUESTION = "[y/N]"


def test_a_run_at_a_terminal_asks_with_the_price_and_the_place_before_it_spends(
    leads: str, server: SandboxServer, folder: Path
) -> None:
    with at_a_terminal("run", "people", leads, "--reveal-email") as terminal:
        terminal.wait_for(QUESTION)
        asked = "Buy 4 leads for at most 6 email and 0 phone credits, into duckdb:///"
        assert asked in terminal.shown
        assert str(folder / "amplemarket.duckdb") in terminal.shown
        assert posts(server) == 0
        terminal.type("y\n")
        assert terminal.ended() == 0, terminal.shown
    assert posts(server) == 1
    assert "every lead is settled" in terminal.shown


@pytest.mark.parametrize("keys", ["n\n", "\n", "\x04"])
def test_any_other_answer_buys_nothing_and_is_no_error(
    amplemarket: Command, leads: str, server: SandboxServer, keys: str
) -> None:
    with at_a_terminal("run", "people", leads) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type(keys)
        assert terminal.ended() == 0, terminal.shown
    assert "Nothing was sent" in terminal.shown
    assert posts(server) == 0
    assert amplemarket("status", "--json").document["requests"] == {}
    # It is free to ask again.
    assert amplemarket("run", "people", leads, "--json").document["leads"]["bought"] == 4


def test_ctrl_c_at_the_question_buys_nothing(leads: str, server: SandboxServer) -> None:
    with at_a_terminal("run", "people", leads) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("\x03")
        assert terminal.ended() == 130, terminal.shown
    assert posts(server) == 0
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize(
    "answer", [("--yes",), ("--max-credits", "100"), ("--quiet",), ("--json",)], ids=" ".join
)
def test_an_answer_that_is_given_already_is_not_asked_for(
    leads: str, server: SandboxServer, answer: tuple[str, ...]
) -> None:
    with at_a_terminal("run", "people", leads, *answer) as terminal:
        assert terminal.ended() == 0, terminal.shown
    assert QUESTION not in terminal.shown
    assert posts(server) == 1


def test_what_spends_nothing_asks_nothing(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    amplemarket("run", "people", leads)
    for command in (
        ("run", "people", leads),
        ("run", "people", "--sandbox"),
        ("resume",),
    ):
        with at_a_terminal(*command) as terminal:
            assert terminal.ended() == 0, terminal.shown
        assert QUESTION not in terminal.shown
    assert posts(server) == 1


def test_continuous_integration_is_never_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("amplemarket_source.cli.asking.sys.stdin", terminal)
    monkeypatch.setattr("amplemarket_source.cli.asking.sys.stderr", terminal)
    monkeypatch.delenv("CI", raising=False)
    assert somebody_is_there()
    monkeypatch.setenv("CI", "true")
    assert not somebody_is_there()


def test_a_lookup_asks_before_it_sends(server: SandboxServer, folder: Path) -> None:
    with at_a_terminal("find", "person", "--email", "ada@site.example") as terminal:
        terminal.wait_for(QUESTION)
        assert "at most 0.5 email and 0 phone credits" in terminal.shown
        assert server.sandbox.calls == []
        terminal.type("n\n")
        assert terminal.ended() == 0
    assert server.sandbox.calls == []


def test_a_no_to_buying_again_leaves_the_batch_held(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    told = re.search(r"release (\S+) --drop", amplemarket("run", "people", leads).out)
    assert told is not None
    for keys, outcome in (("n\n", "held"), ("y\n", None)):
        with at_a_terminal("release", told[1], "--resubmit") as terminal:
            terminal.wait_for(QUESTION)
            assert "Buy 4 leads again for at most 2 credits" in terminal.shown
            terminal.type(keys)
            assert terminal.ended() == 0, terminal.shown
        open_requests = amplemarket("status", "--json").document["open"]
        assert [each["status"] for each in open_requests] == ([outcome] if outcome else [])
    assert posts(server) == 2
