"""What goes wrong is one sentence: no class, no line of Python, no log of a library."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, Finished, posts
from tests.destinations.environments import Missing
from tests.destinations.servers import postgres_server

_OF_PYTHON = re.compile(
    r"\w+(?:Error|Exception|Failed)\b|\bline \d+|Traceback|\.py\b|\|\[[A-Z]+\]\|"
)


def is_one_sentence(found: Finished) -> bool:
    lines = [line for line in found.err.splitlines() if line.startswith("Error: ")]
    return len(lines) == 1 and not _OF_PYTHON.search(found.out + found.err)


class _Without(MetaPathFinder):
    """An installation without some packages."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("destination", "package"),
    [("bigquery", "google"), ("snowflake", "snowflake"), ("postgres", "psycopg2")],
)
@pytest.mark.parametrize("command", [("run", "people", "leads.csv"), ("status",), ("doctor",)])
def test_a_driver_that_is_missing_is_named_with_the_command_that_installs_it(
    amplemarket: Command,
    leads: str,
    monkeypatch: pytest.MonkeyPatch,
    destination: str,
    package: str,
    command: tuple[str, ...],
) -> None:
    for name in list(sys.modules):
        is_ours = name == f"amplemarket_source.destination.{destination}_client"
        if name.partition(".")[0] == package or f".{destination}." in f"{name}." or is_ours:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without(package), *sys.meta_path])
    found = amplemarket(*command, "--destination", destination)
    assert found.exit_code == 2, found.err
    assert f"python -m pip install 'dlt[{destination}]'" in found.out + found.err
    assert not _OF_PYTHON.search(found.out + found.err)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://a:b@127.0.0.1:9/crm", "nobody listens there (connection refused)"),
        ("postgresql://a:b@no-host.invalid/crm", "there is no such host"),
        ("", "needs settings that were not found: credentials"),
    ],
)
def test_a_server_that_is_not_reached_is_one_sentence_with_the_reason(
    amplemarket: Command,
    leads: str,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    why: str,
) -> None:
    if url:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    found = amplemarket("run", "people", leads, "--destination", "postgres")
    assert found.exit_code == (7 if url else 2)
    assert why in found.err
    assert "DESTINATION__POSTGRES__CREDENTIALS" in found.err
    assert is_one_sentence(found)
    assert posts(server) == 0


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize("wrong", [("tests:tests", "nobody:tests"), ("/postgres", "/nowhere")])
def test_wrong_credentials_are_one_sentence(
    amplemarket: Command,
    leads: str,
    monkeypatch: pytest.MonkeyPatch,
    wrong: tuple[str, str],
) -> None:
    why = "there is no such database or user"
    with ExitStack() as stack:
        try:
            place = stack.enter_context(postgres_server())
        except Missing as missing:
            pytest.skip(f"postgres is NOT TESTED on this machine: {missing}")
        assert wrong[0] in place
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", place.replace(*wrong))
        found = amplemarket("run", "people", leads, "--destination", "postgres")
    assert (found.exit_code, why in found.err, is_one_sentence(found)) == (7, True, True), found.err


@pytest.mark.parametrize(
    "said",
    [
        'connection to server failed: FATAL:  password authentication failed for user "loader"',
        "250001 (08001): Incorrect username or password was specified.",
        "Your default credentials were not found. To set up Application Default Credentials",
    ],
)
def test_refused_credentials_are_told_without_the_words_of_the_server(
    amplemarket: Command, leads: str, said: str
) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError(said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "dlt.destinations.impl.duckdb.sql_client.DuckDbSqlClient.open_connection", refuse
        )
        found = amplemarket("run", "people", leads)
    assert (found.exit_code, is_one_sentence(found)) == (7, True), found.err
    assert "it refuses the user or the password" in found.err
    assert said not in found.err


def test_a_file_that_somebody_has_open_is_named(
    leads: str, folder: Path, server: SandboxServer, amplemarket: Command
) -> None:
    amplemarket("run", "people", leads)
    said = f'IO Error: Could not set lock on file "{folder}/amplemarket.duckdb": held in PID 1'

    def locked(*_: Any, **__: Any) -> None:
        raise duckdb.IOException(said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duckdb.connect", locked)
        found = amplemarket("run", "people", leads)
    assert (found.exit_code, is_one_sentence(found)) == (5, True), found.err
    assert f"{folder}/amplemarket.duckdb open" in found.err


def test_a_full_disk_is_one_line_and_exit_code_7(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        # Comes before the POST.
        patch.setattr("amplemarket_source.journal.Journal.write", full)
        found = amplemarket("run", "people", leads)
    assert (found.exit_code, is_one_sentence(found)) == (7, True), found.err
    assert "The disk is full; make room and run again" in found.err
    assert posts(server) == 0
    assert amplemarket("run", "people", leads, "--json").document["leads"]["bought"] == 4


@pytest.mark.slow
def test_a_disk_that_fills_up_in_a_load_is_one_line_and_the_next_run_loads(
    amplemarket: Command, leads: str, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise duckdb.TransactionException(
            'TransactionContext Error: Failed to commit: Could not write file "amplemarket.duckdb":'
            " No space left on device"
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("amplemarket_source.destination.duckdb_client._MergeJob.run", full)
        found = amplemarket("run", "people", leads)
    assert (found.exit_code, is_one_sentence(found)) == (7, True), found.err
    assert "the disk is full" in found.err
    assert amplemarket("run", "people", leads, "--json").document["tables"]["people"] == 3


def test_a_full_disk_behind_standard_output_is_told(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "amplemarket_source.cli.main", "status"],
            # Empty counts as not set: Python keeps what it could not write, and tries again.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode == 7, found.stderr
    assert "The disk is full" in found.stderr
    assert "Traceback" not in found.stderr


def test_an_api_that_cannot_be_reached_is_told_at_once_and_given_up_in_half_a_minute(
    amplemarket: Command, leads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    def sleep(_: object, seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("amplemarket_source.clock.SystemClock.sleep", sleep)
    monkeypatch.setattr("amplemarket_source.clock.SystemClock.monotonic", lambda _: sum(slept))
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", "http://127.0.0.1:9")
    found = amplemarket("run", "people", leads)
    assert found.exit_code == 5
    assert found.err.count("trying again") == 1
    assert "Connection refused" in found.err.partition("trying again")[0]
    assert 25 <= sum(slept) <= 35
    assert is_one_sentence(found)


def _breaks(*_: Any, **__: Any) -> None:
    raise KeyError("ada@site.example")


def test_an_unexpected_error_says_what_to_do_and_shows_no_data(
    amplemarket: Command, leads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amplemarket_source.run.enrichment.recover_requests", _breaks)
    found = amplemarket("run", "people", leads, "--json")
    assert (found.exit_code, is_one_sentence(found)) == (1, True), found.err
    assert "--debug" in found.err
    assert "the same command again" in found.err
    assert "ada@" not in found.out + found.err
    assert found.document["error"] == "Unexpected"
    debugged = amplemarket("run", "people", leads, "--debug")
    assert "Traceback" in debugged.err
    assert "KeyError: 'ada@site.example'" in debugged.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "people", "leads.csv", "--no-such-option"),
        ("run", "people", "leads.csv", "--max-credits", "much"),
        ("no-such-command",),
        ("release",),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_a_usage_error_is_json_where_json_was_asked_for(
    amplemarket: Command, leads: str, arguments: tuple[str, ...]
) -> None:
    found = amplemarket(*arguments, "--json")
    assert found.document["exit_code"] == found.exit_code == 2
    assert found.document["error"] == "UsageError"
    assert found.document["message"] in found.err


def test_every_error_is_json_and_nothing_else_on_standard_output(
    amplemarket: Command, leads: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for changed, code in (("API_KEY", 3), ("REFRESH_AFTER", 2), ("BASE_URL", 2)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(f"SOURCES__AMPLEMARKET__{changed}", "wrong")
            found = amplemarket("run", "people", leads, "--json")
        assert found.document["exit_code"] == found.exit_code == code


def test_quiet_says_nothing_but_errors(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    for command in (
        ("run", "people", leads),
        ("plan", "people", leads),
        ("status",),
        ("doctor",),
        ("find", "person", "--email", "ada@site.example"),
    ):
        found = amplemarket(*command, "--quiet")
        assert (found.exit_code, found.out, found.err) == (0, "", ""), command
    wrong = amplemarket("run", "people", "missing.csv", "--quiet")
    assert (wrong.exit_code, wrong.out, "missing.csv" in wrong.err) == (2, "", True)


def test_quiet_still_tells_of_a_run_that_is_not_settled(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    found = amplemarket("run", "people", leads, "--quiet")
    assert (found.exit_code, found.out) == (5, "")
    assert "amplemarket release" in found.err


def test_dlt_says_nothing_where_the_destination_of_a_pipeline_changes(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    place = ("--pipelines-dir", str(folder / "pipelines"))
    amplemarket("run", "people", leads, *place)
    found = amplemarket("doctor", "--destination", "postgres", *place)
    assert not _OF_PYTHON.search(found.out + found.err)
