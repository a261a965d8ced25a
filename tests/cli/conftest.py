"""A folder, a bundled server, and the command, in this process or in one of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from amplemarket_source.cli.main import program
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.cli.command_line import KEY, Command, Finished, write_leads


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(retry_after=0, requests_per_minute=None)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with settings that lead to the server."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "API_KEY": KEY,
        "BASE_URL": server.url,
        "REQUESTS_PER_MINUTE": "600000",
    }.items():
        monkeypatch.setenv(f"SOURCES__AMPLEMARKET__{name}", value)
    for name in ("RUNTIME__LOG_LEVEL", "LOAD__DELETE_COMPLETED_JOBS"):
        # The command sets it; this makes the test take it back.
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOAD__TRUNCATE_STAGING_DATASET", "true")
    return tmp_path


@pytest.fixture
def tables(folder: Path, empty_warehouse: Path) -> None:
    """The database is there, with every table and no row; a first run would make them."""
    shutil.copy(empty_warehouse / "warehouse.duckdb", folder / "amplemarket.duckdb")


@pytest.fixture
def amplemarket(folder: Path) -> Command:
    """The command in this process: the code of the installed one from its first line on."""

    def command(*arguments: str, stdin: str | None = None) -> Finished:
        result = CliRunner().invoke(program, arguments, input=stdin, prog_name="amplemarket")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Finished(result.exit_code, result.stdout, result.stderr)

    return command


@pytest.fixture
def leads(folder: Path) -> str:
    """Three people to be found and one who is not."""
    names = ("ada", "grace", "edsger", "notfound1")
    people = [{"email": f"{name}@site.example", "external_id": f"crm-{name}"} for name in names]
    return write_leads(folder / "leads.csv", people)
