"""Wrong use, wrong settings, wrong key: one sentence, the documented exit code, nothing sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from amplemarket_source.cli.main import program
from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts


def test_without_a_key_the_setting_is_named(
    amplemarket: Command, leads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    found = amplemarket("run", "people", leads)
    assert found.exit_code == 2
    assert "sources.amplemarket.api_key" in found.err
    assert "SOURCES__AMPLEMARKET__API_KEY" in found.err


def test_a_wrong_key_ends_the_run_before_any_post(
    amplemarket: Command, leads: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "wrong-key")
    found = amplemarket("run", "people", leads)
    assert found.exit_code == 3
    assert posts(server) == 0
    assert "wrong-key" not in found.out + found.err
    assert amplemarket("doctor").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "people", "missing.csv"), "missing.csv"),
        (("run", "people"), "--sandbox"),
        (("run", "people", "--query", "SELECT 1"), "--from"),
        (("run", "people", "leads.csv", "--leads-per-request", "0"), "leads_per_request"),
        (("run", "people", "leads.csv", "--refresh-after", "soon"), "refresh_after"),
        (("run", "people", "leads.csv", "--base-url", "http://api.example"), "base_url"),
        (("run", "people", "leads.csv", "--destination", "nowhere"), "nowhere"),
        (("run", "people", "leads.csv", "--dataset", "amplemarket"), "--dataset"),
        (("run", "people", "leads.csv", "--no-such-option"), "--no-such-option"),
        (("release", "some-key"), "--drop"),
        (("release", "some-key", "--drop"), "some-key"),
        (("cancel", "77"), "77"),
        (("forget",), "--email"),
        (("sandbox", "--fault", "no_such_switch"), "no_such_switch"),
    ],
)
def test_wrong_use_is_told_and_sends_nothing(
    amplemarket: Command,
    leads: str,
    server: SandboxServer,
    arguments: tuple[str, ...],
    named: str,
) -> None:
    found = amplemarket(*arguments)
    assert found.exit_code == 2, found.err
    assert named in found.err
    assert posts(server) == 0


def test_an_error_is_json_where_json_was_asked_for(amplemarket: Command) -> None:
    found = amplemarket("run", "people", "missing.csv", "--json")
    assert found.document["exit_code"] == found.exit_code == 2
    assert found.document["error"] == "InputError"


def test_an_unreachable_api_leaves_exit_code_5_and_no_purchase(
    amplemarket: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", "http://127.0.0.1:9")
    found = amplemarket("doctor")
    assert found.exit_code == 5
    assert "fail  api" in found.out


def test_a_destination_that_cannot_be_written_is_exit_code_7(
    amplemarket: Command, leads: str, folder: Path, server: SandboxServer
) -> None:
    (folder / "amplemarket.duckdb").write_text("not a database")
    assert amplemarket("run", "people", leads).exit_code == 7
    assert amplemarket("doctor").exit_code == 7
    assert posts(server) == 0


def _commands(group: click.Group, *names: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [names]
    for name, command in group.commands.items():
        found += (
            _commands(command, *names, name)
            if isinstance(command, click.Group)
            else [(*names, name)]
        )
    return found


@pytest.mark.parametrize("names", _commands(program), ids=" ".join)
def test_every_command_explains_itself(amplemarket: Command, names: tuple[str, ...]) -> None:
    found = amplemarket(*names, "--help")
    assert found.exit_code == 0
    command: click.Command = program
    for name in names:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help


def test_help_does_without_the_heavy_libraries() -> None:
    code = (
        "import sys, amplemarket_source.cli.main; "
        "print([m for m in ('dlt', 'duckdb', 'pyarrow', 'httpx', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
