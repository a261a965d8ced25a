"""What the pages on schedulers point to is there, and each says what every exit code becomes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from amplemarket_source.errors import ExitCode

SCHEDULERS = ("airflow", "dagster", "github-actions", "prefect", "systemd")
PAGES = [Path(__file__).parents[2] / "docs" / "how-to" / f"{name}.md" for name in SCHEDULERS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    pointed = {*re.findall(r"\]\(([^)#:]+)\)", text)}
    assert [path for path in pointed if not (page.parent / path).exists()] == []
    named = {*re.findall(r"`(tests/[^`]+\.py)`", text)}
    assert [path for path in named if not (page.parents[2] / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_of_each_exit_code_what_becomes_of_it(page: Path) -> None:
    rows = re.findall(r"^\| ([0-9][^|]*)\|", page.read_text("utf-8"), re.MULTILINE)
    told = {int(code) for row in rows for code in re.findall(r"\b[0-9]\b", row)}
    assert told == set(ExitCode) - {ExitCode.INTERRUPTED}
    assert sum("held" in row for row in rows) == 1, "5 means two things"
