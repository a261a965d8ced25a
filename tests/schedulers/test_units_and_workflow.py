"""The units of systemd and the workflow of GitHub Actions are what their programs take."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.schedulers.place import PEOPLE, Place

PIPELINES = Path(__file__).parents[2] / "pipelines"
UNITS = PIPELINES / "systemd"
COMMAND = "/opt/amplemarket/bin/amplemarket"


def settings_of(unit: str) -> dict[str, list[str]]:
    """The values of a unit by name; lines that go on are one."""
    text = (UNITS / unit).read_text("utf-8").replace("\\\n", "")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze on this machine")
    for unit in UNITS.iterdir():
        # It looks whether the command is there.
        text = unit.read_text("utf-8").replace(COMMAND, sys.executable)
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(
        [program, "verify", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_is_not_started_again_where_that_cannot_help_nor_for_ever() -> None:
    service = settings_of("amplemarket.service")
    assert service["RestartPreventExitStatus"] == ["2 3 4 6"]
    # A held batch ends with 5, as one that only needs time.
    assert service["StartLimitBurst"] == ["6"]
    assert service["StartLimitIntervalSec"] == ["20h"]


def test_the_command_finds_its_key_where_the_unit_puts_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credentials' folder is any other, read by dlt instead of ``.dlt``."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "secrets.toml").write_text(
        f'[sources.amplemarket]\napi_key = "sandbox-key"\nbase_url = "{place.server.url}"\n'
        f'[destination.duckdb]\ncredentials = "duckdb:///{place.warehouse}"\n',
        "utf-8",
    )
    state = tmp_path / "state"
    state.mkdir()
    environment = dict(
        line.replace("%d", str(credentials)).replace("%S/amplemarket", str(state)).split("=", 1)
        for line in settings_of("amplemarket.service")["Environment"]
    )
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-m", "amplemarket_source.cli.main", "run", "people", place.leads],
        capture_output=True,
        text=True,
        check=False,
        cwd=state,
    )
    assert done.returncode == 0, done.stderr
    assert place.people() == len(PEOPLE)
    place.elsewhere = (state, credentials)


def workflow() -> Any:
    return yaml.safe_load((PIPELINES / "github-actions.yml").read_text("utf-8"))


def test_the_workflow_gives_the_command_the_signals_and_runs_one_at_a_time() -> None:
    found = workflow()
    assert found["concurrency"] == {"group": "amplemarket", "cancel-in-progress": False}
    (job,) = found["jobs"].values()
    (line,) = [step["run"] for step in job["steps"] if "amplemarket run" in step.get("run", "")]
    words = shlex.split(line)
    assert words[:3] == ["exec", "amplemarket", "run"]
    assert "|" not in words, "a pipe hides how the command ended"
    assert words[words.index("--destination") + 1] != "duckdb"
    assert words[words.index("--poll-timeout") + 1] == "60m"
    assert job["timeout-minutes"] > 60


def test_the_workflow_holds_no_secret() -> None:
    (job,) = workflow()["jobs"].values()
    for name, value in job["env"].items():
        assert value.startswith("${{ secrets."), name


def test_the_command_has_every_option_that_the_unit_and_the_workflow_give_it() -> None:
    (job,) = workflow()["jobs"].values()
    (line,) = [step["run"] for step in job["steps"] if "amplemarket run" in step.get("run", "")]
    (unit,) = settings_of("amplemarket.service")["ExecStart"]
    command = [sys.executable, "-m", "amplemarket_source.cli.main", "run", "people", "--help"]
    options = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    given = {word for word in shlex.split(f"{line} {unit}") if word.startswith("--")}
    assert given >= {"--summary-file", "--wait-for-lock"}
    assert given <= {option.rstrip(",") for option in options}
