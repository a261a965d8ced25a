"""The database a command works on: named by every command, made by few, taken only if it is one."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from amplemarket_source import enrich, plan, status
from amplemarket_source.errors import SettingsError
from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts
from tests.support.deployment import Deployment, email_leads

LOOKING = (("status",), ("plan", "people", "leads.csv"), ("doctor",))
DECIDING = (("release", "some-key", "--drop"), ("cancel", "7"))


def files_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def _a_text(file: Path) -> None:
    file.write_text("precious\n")


def _an_empty_file(file: Path) -> None:
    file.touch()


def _a_folder(file: Path) -> None:
    file.mkdir()


def _a_pipe(file: Path) -> None:
    os.mkfifo(file)


def _a_sqlite_database(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE precious (value)")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_a_text, "something else"),
        (_an_empty_file, "empty"),
        (_a_folder, "a folder"),
        (_a_pipe, "no ordinary file"),
        (_a_sqlite_database, "a SQLite database"),
    ],
)
@pytest.mark.parametrize("name", ["victim.csv", "victim.duckdb"])
def test_what_is_no_duckdb_database_is_refused_and_left_as_it_is(
    amplemarket: Command,
    leads: str,
    folder: Path,
    server: SandboxServer,
    make: Callable[[Path], None],
    why: str,
    name: str,
) -> None:
    victim = folder / name
    make(victim)
    before = victim.read_bytes() if victim.is_file() else stat.S_IFMT(victim.stat().st_mode)
    for command in (("run", "people", leads), ("status",), ("plan", "people", leads), ("doctor",)):
        found = amplemarket(*command, "--destination", f"duckdb:///{name}")
        assert found.exit_code == 2
        assert str(victim) in found.err + found.out
        assert why in found.err + found.out
    assert before == (
        victim.read_bytes() if victim.is_file() else stat.S_IFMT(victim.stat().st_mode)
    )
    assert files_in(folder) == {"leads.csv", name}
    assert posts(server) == 0


def test_a_file_that_is_no_database_is_refused_whoever_names_it(
    amplemarket: Command,
    leads: str,
    folder: Path,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _a_text(folder / "victim.csv")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "victim.csv"))
    found = amplemarket("run", "people", leads)
    assert (found.exit_code, "no DuckDB database" in found.err) == (2, True)
    assert posts(server) == 0


def test_enrich_refuses_what_is_no_database(deployment: Deployment) -> None:
    (deployment.folder / "warehouse.duckdb").write_text("precious")
    with pytest.raises(SettingsError, match="no DuckDB database"):
        enrich(deployment.pipeline(), leads=email_leads("ada"), api_key="sandbox-key")
    assert deployment.posts() == 0


@pytest.mark.parametrize(
    ("destination", "why"),
    [
        ("duckdb:///nowhere/tables.duckdb", "there is no folder"),
        ("duckdb:////proc/tables.duckdb", "the system says"),
        ("duckdb:///" + "x" * 300, "file name too long"),
        ("duckdb:///:memory:", "in memory"),
    ],
)
def test_where_no_file_can_be_made_the_place_and_the_reason_are_told(
    amplemarket: Command,
    leads: str,
    folder: Path,
    server: SandboxServer,
    destination: str,
    why: str,
) -> None:
    found = amplemarket("run", "people", leads, "--destination", destination)
    assert (found.exit_code, why in found.err) == (2, True), found.err
    assert found.err.count("\n") == 1
    assert files_in(folder) == {"leads.csv"}
    assert posts(server) == 0


def test_a_folder_that_cannot_be_written_is_told(
    amplemarket: Command, leads: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:  # noqa: A002 - the parameter's name
        raise PermissionError(13, "Permission denied", str(dir))

    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr("amplemarket_source.warehouse.place.tempfile.TemporaryFile", refuse)
    found = amplemarket("run", "people", leads)
    assert (found.exit_code, "permission denied" in found.err) == (2, True), found.err
    assert files_in(folder) == {"leads.csv"}


@pytest.mark.parametrize("command", LOOKING + DECIDING, ids=" ".join)
def test_looking_and_deciding_make_no_database(
    amplemarket: Command, leads: str, folder: Path, command: tuple[str, ...]
) -> None:
    found = amplemarket(*command)
    assert found.exit_code == (0 if command in LOOKING else 2)
    assert str(folder / "amplemarket.duckdb") in found.out + found.err
    assert files_in(folder) == {"leads.csv"}


def test_status_and_plan_from_python_make_no_database(deployment: Deployment) -> None:
    pipeline = deployment.pipeline()
    file = deployment.folder / "warehouse.duckdb"
    file.unlink()
    assert not status(pipeline).exists
    assert plan(pipeline, leads=email_leads("ada", "ada", "grace")).to_buy == 2
    assert not file.exists()


def test_status_makes_no_tables_in_a_database_of_others(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    with duckdb.connect(str(folder / "amplemarket.duckdb")) as theirs:
        theirs.execute("CREATE TABLE contacts (email TEXT)")
    assert amplemarket("status", "--json").document["exists"] is False
    assert amplemarket("plan", "people", leads).exit_code == 0
    assert amplemarket("release", "some-key", "--drop").exit_code == 2
    with duckdb.connect(str(folder / "amplemarket.duckdb"), read_only=True) as theirs:
        assert theirs.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [
            ("contacts",)
        ]


def test_every_command_names_the_database_it_worked_on(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    file = str(folder / "amplemarket.duckdb")
    for command in (
        ("run", "people", leads),
        ("run", "people", leads, "--dry-run"),
        ("resume",),
        ("find", "person", "--email", "ada@site.example"),
        ("find", "company", "--domain", "site.example", "--no-load"),
        *LOOKING,
    ):
        told, asked = amplemarket(*command), amplemarket(*command, "--json")
        assert file in told.out, command
        assert asked.document["destination"] == f"duckdb:///{file}", command


def test_a_database_of_a_server_is_named_without_user_and_password(
    amplemarket: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://loader:hush-hush@127.0.0.1:9/crm"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    found = amplemarket("doctor", "--destination", "postgres", "--json")
    assert found.document["destination"] == "postgres://127.0.0.1:9/crm"
    assert "hush-hush" not in found.out + found.err


def test_a_new_database_is_announced_once(amplemarket: Command, leads: str, folder: Path) -> None:
    announced = f"new database: {folder / 'amplemarket.duckdb'}"
    assert announced in amplemarket("run", "people", leads).err
    assert announced not in amplemarket("run", "people", leads).err


def test_a_release_names_the_database_in_both_forms(
    amplemarket: Command, leads: str, server: SandboxServer, folder: Path
) -> None:
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})
    amplemarket("run", "people", leads)
    (held,) = amplemarket("status", "--json").document["open"]
    found = amplemarket("release", held["request_key"], "--drop", "--json")
    assert found.document["destination"] == f"duckdb:///{folder / 'amplemarket.duckdb'}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["o'brien", "a[b] c", "a*b", "100%s", 'do"uble', "back\\slash", "zażółć"],
)
def test_a_folder_may_have_any_name(
    amplemarket: Command,
    leads: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
) -> None:
    # Where dlt keeps what it cannot keep below a per cent sign.
    dlt_folder = tmp_path_factory.mktemp("dlt") / "pipelines"
    monkeypatch.setattr(
        "amplemarket_source.cli.target.get_dlt_pipelines_dir", lambda: str(dlt_folder)
    )
    place = folder / name
    place.mkdir()
    monkeypatch.chdir(place)
    for command in (
        ("run", "people", leads),
        ("plan", "people", leads),
        ("resume",),
        ("forget", "--email", "ada@site.example"),
    ):
        found = amplemarket(*command)
        assert found.exit_code == 0, (command, found.err)
    assert (place / "amplemarket.duckdb").is_file()


def test_a_folder_that_duckdb_cannot_work_in_is_refused_before_anything_is_bought(
    amplemarket: Command,
    leads: str,
    folder: Path,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = folder / "a?b"
    place.mkdir()
    for arguments in (
        ("--destination", f"duckdb:///{place}/tables.duckdb"),
        ("--pipelines-dir", str(place)),
        ("--pipelines-dir", str(folder / "100%")),
    ):
        found = amplemarket("run", "people", leads, *arguments)
        assert (found.exit_code, "in its name" in found.err) == (2, True), found.err
    assert posts(server) == 0
