"""The ways of dlt users: `dlt init`, `dlt amplemarket`, a workspace; each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.cli.command_line import KEY, posts, write_leads

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dlt_ways")]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(retry_after=0, requests_per_minute=None)) as running:
        yield running


def run(folder: Path, *words: str, server: SandboxServer | None = None) -> str:
    """A program of this environment in a folder; its output. Fails if it does."""
    address = {"SOURCES__AMPLEMARKET__BASE_URL": server.url} if server else {}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("LOAD__")},
            "PYTHONPATH": str(ROOT),
            "DLT_DATA_DIR": str(folder / "dlt_home"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            **address,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


DLT = ("-m", "dlt._workspace.cli._dlt")


def people(file: Path, dataset: str = "amplemarket_data") -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {dataset}.people").fetchall()[0]
    return int(count)


def test_dlt_init_leads_from_an_empty_folder_to_loaded_tables(
    tmp_path: Path, server: SandboxServer, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    run(tmp_path, *DLT, "init", "amplemarket", "duckdb", "--location", str(ROOT))
    secrets = tmp_path / ".dlt" / "secrets.toml"
    assert "[sources.amplemarket]\napi_key" in secrets.read_text()
    secrets.write_text(f'[sources.amplemarket]\napi_key = "{KEY}"\n')
    assert "dlt-source-amplemarket" in (tmp_path / "requirements.txt").read_text()
    # Nothing of the package was copied that could go stale.
    assert {file.name for file in (tmp_path / "amplemarket").glob("*.py")} == {"__init__.py"}
    write_leads(
        tmp_path / "leads.csv", [{"email": f"{name}@site.example"} for name in ("ada", "grace")]
    )
    run(tmp_path, "amplemarket_pipeline.py", "leads.csv", server=server)
    record_property("seconds", round(time.monotonic() - started, 1))
    assert people(tmp_path / "amplemarket.duckdb") == 2


def test_dlt_amplemarket_is_the_command_with_its_exit_codes(tmp_path: Path) -> None:
    assert "Nothing was bought yet" in run(tmp_path, *DLT, "amplemarket", "status")
    assert "--max-credits" in run(tmp_path, *DLT, "amplemarket", "run", "people", "--help")
    with pytest.raises(AssertionError, match="Decide: --drop or --resubmit"):
        run(tmp_path, *DLT, "amplemarket", "release", "some-key")


def test_inside_a_workspace_of_dlt_everything_is_as_elsewhere(
    tmp_path: Path, server: SandboxServer
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / ".workspace").touch()
    # A workspace reads the settings of its profile.
    (tmp_path / ".dlt" / "dev.secrets.toml").write_text(
        f'[sources.amplemarket]\napi_key = "{KEY}"\n'
    )
    write_leads(tmp_path / "leads.csv", [{"email": "ada@site.example"}])
    command = ("-m", "amplemarket_source.cli.main", "run", "people", "leads.csv", "--yes")
    for _ in range(2):
        run(tmp_path, *command, server=server)
    assert people(tmp_path / "amplemarket.duckdb") == 1
    assert posts(server) == 1
