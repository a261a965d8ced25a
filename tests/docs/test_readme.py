"""What the README prints is run as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import click
import duckdb
import pytest
from click.testing import CliRunner

from amplemarket_source.cli.main import LazyCommand, program
from amplemarket_source.sandbox import SandboxOptions, SandboxServer

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # dlt's own working folder, where a snippet names none.
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    return tmp_path


@pytest.mark.parametrize("snippet", blocks("python"), ids=lambda snippet: snippet.split("\n")[0])
def test_a_snippet_of_python_runs(
    snippet: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "leads.csv").write_text("email\nada@site.example\n")
    with SandboxServer(SandboxOptions(retry_after=0)) as server:
        monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "sandbox-key")
        monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", server.url)
        exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102 - our own text


def test_the_sql_runs_in_the_file_of_the_demo(folder: Path) -> None:
    found = CliRunner().invoke(program, ["run", "people", "--sandbox"])
    assert found.exit_code == 0, found.stderr
    (query,) = blocks("sql")
    with duckdb.connect("amplemarket_sandbox.duckdb", read_only=True) as demo:
        rows = demo.sql(query.replace("amplemarket_data.", "amplemarket_sandbox_data.")).fetchall()
    assert len(rows) > 200
    # The summary is the one that is printed, but for what differs from run to run.
    varies = re.compile(r"\S*/\S+|\d+\.\d s?|\s+")
    (printed,) = blocks("text")
    told = (found.stderr + found.stdout).splitlines()
    for line in printed.splitlines():
        if "  time  " not in line:
            assert varies.sub(" ", line) in [varies.sub(" ", one) for one in told], line


def test_the_commands_take_the_options_that_are_promised() -> None:
    named = re.search(r"Each takes `--json`.*?\n\n", README, re.DOTALL)
    assert named is not None
    of_all = {"as_json", "quiet"}
    of_tables = {"destination", "dataset", "pipeline_name", "pipelines_dir"}
    for option in of_tables | {"quiet", "debug", "json"}:
        assert f"--{option.replace('_', '-')}" in named[0]
    for name, listed in program.commands.items():
        assert isinstance(listed, LazyCommand)
        command = listed.load()
        leaves = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leaves:
            options = {str(option.name) for option in leaf.params}
            assert of_all <= options
            assert "debug" in options
            assert (of_tables <= options) is (name != "sandbox")


def test_a_source_distribution_has_what_the_readme_points_to() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"targets\.sdist\]\ninclude = \[(.*?)\]", project, re.DOTALL)
    assert listed is not None
    included = re.findall(r'"([^"]+)"', listed[1])
    pointed = {*re.findall(r"\]\(([^)#:]+)\)", README), ".dlt/example.secrets.toml", "Makefile"}
    for path in sorted(pointed):
        assert (ROOT / path).exists(), path
        assert any(path == one or path.startswith(f"{one}/") for one in included), path
