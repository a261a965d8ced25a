"""Wrong use, wrong settings, wrong key: one sentence, the documented exit code, nothing sent."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from amplemarket_source.cli.main import LazyCommand, program
from amplemarket_source.cli.options import given_settings, setting_options
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.settings import SETTING_NAMES
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
        (("run", "people", "--from", "sqlite:///x.db"), "--query"),
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


@pytest.mark.parametrize("arguments", [("run", "people", "--sandbox"), ("sandbox",)])
def test_without_the_extra_the_sandbox_says_what_to_install(
    amplemarket: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.delattr("amplemarket_source.sandbox.server")
    monkeypatch.setitem(sys.modules, "amplemarket_source.sandbox.server", None)
    found = amplemarket(*arguments)
    assert found.exit_code == 2
    assert "python -m pip install 'starlette" in found.err


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


def test_a_destination_that_cannot_be_opened_is_exit_code_7(
    amplemarket: Command, leads: str, folder: Path, server: SandboxServer
) -> None:
    (folder / "amplemarket.duckdb").write_bytes(bytes(8) + b"DUCK" + b"damaged" * 9000)
    assert amplemarket("run", "people", leads).exit_code == 7
    assert amplemarket("doctor").exit_code == 7
    assert posts(server) == 0


def _command(name: str) -> click.Command:
    listed = program.commands[name]
    assert isinstance(listed, LazyCommand)
    return listed.load()


def _commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for name in program.commands:
        command = _command(name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, each) for each in command.commands]
    return found


@pytest.mark.parametrize("names", _commands(), ids=" ".join)
def test_every_command_explains_itself(amplemarket: Command, names: tuple[str, ...]) -> None:
    found = amplemarket(*names, "--help")
    assert found.exit_code == 0
    command: click.Command = program
    for name in names:
        assert isinstance(command, click.Group)
        command = _command(name) if command is program else command.commands[name]
    assert command.help


def test_the_version_is_a_name_and_a_number(amplemarket: Command) -> None:
    assert re.fullmatch(r"amplemarket \d+\.\d+\.\d+\n", amplemarket("--version").out)


@pytest.mark.parametrize(
    "names", [("find", "company"), ("run", "companies"), ("plan", "companies")], ids=" ".join
)
def test_what_is_for_companies_speaks_of_companies(
    amplemarket: Command, names: tuple[str, ...]
) -> None:
    told = amplemarket(*names, "--help").out
    assert "reveal" not in told
    assert "omebody" not in told


@pytest.mark.parametrize("name", program.commands)
def test_the_list_of_commands_says_of_each_what_it_says_itself(name: str) -> None:
    assert program.commands[name].get_short_help_str(200) == _command(name).get_short_help_str(200)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["sandbox", "--help"]])
def test_help_does_without_the_heavy_libraries(arguments: list[str]) -> None:
    code = (
        "import sys; from amplemarket_source.cli.main import program; "
        f"exit_code = program({arguments!r}, prog_name='amplemarket', standalone_mode=False); "
        "names = ('dlt', 'duckdb', 'pyarrow', 'httpx', 'rich'); "
        "print([name for name in names if name in sys.modules], exit_code)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[] 0"


def test_every_setting_is_an_option_except_the_key() -> None:
    # On a command line others of the machine can read it.
    left_out = {"api_key"}
    nothing_to_reveal = {"reveal_email", "reveal_phone_numbers"}
    for names in (
        ("run", "people"),
        ("plan", "companies"),
        ("find", "person"),
        ("find", "company"),
        ("resume",),
    ):
        command = _command(names[0])
        for name in names[1:]:
            assert isinstance(command, click.Group)
            command = command.commands[name]
        options = {option.name for option in command.params if isinstance(option, click.Option)}
        of_companies = names[-1] in ("companies", "company")
        expected = SETTING_NAMES - left_out - (nothing_to_reveal if of_companies else set())
        if names[0] not in ("run", "plan"):
            expected -= {"columns", "keep_columns", "encoding", "max_invalid"}
        # `--map` says it the other way round, as people think of it.
        given = {"columns" if name == "mapped" else name for name in options}
        assert given & SETTING_NAMES == expected


def test_the_settings_of_a_command_are_those_of_its_options() -> None:
    @click.command()
    @setting_options
    def command() -> None: ...

    options: dict[str, object] = {str(option.name): None for option in command.params}
    assert set(given_settings(options)) == {option.name for option in command.params}
    assert options == {}
