"""What would go out: complete, checked, and working without this checkout."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.release.distributions import ROOT, Built, build, installed, run_demo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("release"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_has_the_whole_package_and_nothing_beside_it(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
        metadata = email.message_from_bytes(
            wheel.read(next(n for n in names if n.endswith("METADATA")))
        )
        entries = wheel.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    here = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "amplemarket_source").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == here
    assert {
        "amplemarket_source/py.typed",
        "amplemarket_source/report_page/page.html",
        "amplemarket_source/.agents/skills/amplemarket/SKILL.md",
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert metadata["Requires-Python"] == "<3.15,>=3.10"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"sandbox", "bigquery", "snowflake"} <= set(metadata.get_all("Provides-Extra") or [])
    assert "amplemarket = amplemarket_source.cli.main:main" in entries
    assert "[dlt]" in entries


def test_the_source_distribution_has_what_a_packager_needs_and_no_secret(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    for name in (
        *("Makefile", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", ".ci/run"),
        *("docs/architecture.md", "sources/amplemarket/__init__.py", "tests/conftest.py"),
        *("pipelines/airflow_dag.py", ".dlt/example.secrets.toml"),
    ):
        assert name in names
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    # The dbt package as well, every file of it.
    left_out = {name for name in tracked if name.startswith(("dbt/", "docs/"))} - names
    assert left_out == set()
    assert not [
        name
        for name in names
        if name.endswith(("secrets.toml", ".duckdb")) and "example" not in name
    ]


def test_an_index_would_take_both(built: Built) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(built.wheel), str(built.sdist)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_changelog_begins_with_the_version(built: Built) -> None:
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert heading is not None
    assert built.wheel.name.split("-")[1] == heading[1]


def test_the_demo_runs_from_the_wheel_without_the_checkout(built: Built, tmp_path: Path) -> None:
    python = installed(built.wheel, tmp_path / "environment")
    work = tmp_path / "work"
    work.mkdir()
    said = run_demo(python, work)
    assert str(tmp_path / "environment") in said.splitlines()[0]
    assert re.search(r"people +220", said)
    assert (work / "amplemarket-report.html").exists()
