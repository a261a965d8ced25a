"""Destinations that cannot be used say so before anything is bought, and what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dlt
import pytest
from click.testing import CliRunner
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from amplemarket_source.cli.main import program
from amplemarket_source.clock import SystemClock
from amplemarket_source.errors import DestinationError, SettingsError
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.run.doctor import Check, examine
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.settings import resolve_settings
from amplemarket_source.warehouse.capabilities import CHECKED, require_guarantees
from tests.destinations.environments import Missing
from tests.destinations.servers import postgres_server
from tests.destinations.warehouses import ALL_WAREHOUSES, opened
from tests.support.steps import SteppedRun


def pipeline(destination: Any, folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "amplemarket",
        destination=destination,
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / "pipelines"),
    )


def refusal(target: dlt.Pipeline) -> SettingsError:
    with SandboxServer() as server:
        settings = resolve_settings(api_key="sandbox-key", base_url=server.url)
        with pytest.raises(SettingsError) as found, SteppedRun(target, settings) as run:
            run.prepare({PEOPLE: [{"email": "ada@ada.example"}]})
        assert server.sandbox.calls == []
    return found.value


@pytest.mark.parametrize("layout", ["filesystem", "a function"])
def test_what_only_adds_is_refused_before_anything_is_bought(layout: str, tmp_path: Path) -> None:
    @dlt.destination
    def sink(items: object, table: object) -> None: ...

    places = {
        "filesystem": dlt.destinations.filesystem(str(tmp_path / "files")),
        "a function": sink(),
    }
    error = refusal(pipeline(places[layout], tmp_path))
    assert error.exit_code == 2
    assert "only adds files or rows" in str(error)
    assert "ducklake keeps Parquet files" in str(error)
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize("name", ["people.duckdb", "People.v2.duckdb", ".people.db"])
def test_a_file_that_duckdb_calls_like_the_dataset_is_refused(name: str, tmp_path: Path) -> None:
    made = dlt.pipeline(
        "amplemarket",
        destination=dlt.destinations.duckdb(str(tmp_path / name)),
        dataset_name="people",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    error = refusal(made)
    assert error.exit_code == 2
    assert "calls by the same name" in str(error)
    assert not (tmp_path / name).exists()


def test_a_lake_that_takes_one_connection_is_refused(tmp_path: Path) -> None:
    lake = DuckLakeCredentials(
        "lake", catalog=f"duckdb:///{tmp_path}/lake.duckdb", storage=str(tmp_path / "files")
    )
    error = refusal(pipeline(dlt.destinations.ducklake(lake), tmp_path))
    assert "Take a SQLite catalog" in str(error)


def test_what_was_checked_is_what_the_suite_runs_on() -> None:
    assert set(CHECKED) == set(ALL_WAREHOUSES)


def test_a_sql_destination_that_was_not_checked_is_taken_with_a_warning(tmp_path: Path) -> None:
    sqlite = dlt.destinations.sqlalchemy(f"sqlite:///{tmp_path}/tables.sqlite")
    target = pipeline(sqlite, tmp_path)
    require_guarantees(target)
    found = examined(target)
    assert found.state == "warn"
    assert "not checked on sqlalchemy" in found.text


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with ExitStack() as stack:
        try:
            place = stack.enter_context(postgres_server())
        except Missing as missing:
            pytest.skip(f"postgres is NOT TESTED on this machine: {missing}")
        yield place


def examined(target: dlt.Pipeline) -> Check:
    settings = {"api_key": "sandbox-key", "base_url": "http://127.0.0.1:9"}
    checks = examine(lambda: target, settings, SystemClock())
    return next(check for check in checks if check.name == "destination")


@pytest.mark.xdist_group("postgres")
@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("", "has no dataset amplemarket_data and lets us create none"),
        (
            "CREATE SCHEMA amplemarket_data; GRANT USAGE ON SCHEMA amplemarket_data TO guest",
            "lets us create no table in dataset amplemarket_data",
        ),
        (
            "CREATE SCHEMA amplemarket_data AUTHORIZATION guest",
            "has no dataset amplemarket_data_staging and lets us create none",
        ),
    ],
)
def test_doctor_says_in_a_sentence_which_right_is_missing(
    postgres: str, tmp_path: Path, granted: str, missing: str
) -> None:
    admin = pipeline(dlt.destinations.postgres(postgres), tmp_path)
    with admin.sql_client() as client:
        client.execute_sql(
            "DROP SCHEMA IF EXISTS amplemarket_data CASCADE; DROP ROLE IF EXISTS guest; "
            f"CREATE ROLE guest LOGIN; {granted}"
        )
    guest = dlt.destinations.postgres(postgres.replace("tests:tests", "guest:guest"))
    found = examined(pipeline(guest, tmp_path))
    assert (found.state, found.exit_code) == ("fail", DestinationError.exit_code)
    assert missing in found.text
    with admin.sql_client() as client:
        assert client.has_dataset() == bool(granted)


def test_doctor_says_where_credentials_go_when_the_door_is_shut(tmp_path: Path) -> None:
    nobody_there = dlt.destinations.postgres("postgresql://tests:tests@127.0.0.1:9/postgres")
    found = examined(pipeline(nobody_there, tmp_path))
    assert (found.state, found.exit_code) == ("fail", 7)
    assert "DESTINATION__POSTGRES__CREDENTIALS" in found.text


def test_a_lake_with_the_catalog_of_the_default_is_taken(tmp_path: Path) -> None:
    with opened("ducklake") as warehouse:
        require_guarantees(pipeline(warehouse.destination(tmp_path), tmp_path))


def test_the_command_exits_with_2_and_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leads = tmp_path / "leads.jsonl"
    leads.write_text('{"email": "ada@ada.example"}\n')
    with SandboxServer() as server:
        monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "sandbox-key")
        monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", server.url)
        place = ["--destination", "filesystem", "--pipelines-dir", str(tmp_path / "pipelines")]
        found = CliRunner().invoke(program, ["run", "people", str(leads), *place])
        assert server.sandbox.calls == []
    assert found.exit_code == 2
    assert "'filesystem' only adds files or rows" in found.stderr
