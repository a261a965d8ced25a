"""``report``: the page, or its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import Command, write_leads


@pytest.fixture
def bought(tables: None, amplemarket: Command, folder: Path) -> None:
    leads = write_leads(folder / "few.csv", [{"email": f"ada{n}@site.example"} for n in range(3)])
    assert amplemarket("run", "people", leads, "--yes", "--label", "Q4").exit_code == 0


@pytest.mark.usefixtures("bought")
def test_the_page_is_written_and_its_figures_are_printed(
    amplemarket: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = amplemarket("report")
    assert told.exit_code == 0, told.err
    assert "amplemarket-report.html" in told.out
    page = (folder / "amplemarket-report.html").read_text("utf-8")
    assert "Every lead is settled" in page
    assert "Q4" in page
    document = amplemarket("report", "--json").document
    assert document["rows"]["people"] == 3
    assert document["statement"][0]["label"] == "Q4"
    assert document["file"] is None
    # With --out as well, both.
    document = amplemarket("report", "--json", "--out", "other.html").document
    assert Path(document["file"]) == folder / "other.html"
    assert (folder / "other.html").exists()
    assert amplemarket("report", "--out", "-").out.startswith("<!DOCTYPE html>")
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    assert amplemarket("report", "--quiet", "--open").out == ""
    assert shown == [(folder / "amplemarket-report.html").as_uri()]


def test_without_a_database_the_page_says_so_and_none_is_made(
    amplemarket: Command, folder: Path
) -> None:
    told = amplemarket("report")
    assert told.exit_code == 0
    assert "Nothing was bought yet" in told.out
    assert "amplemarket plan people" in (folder / "amplemarket-report.html").read_text("utf-8")
    assert not (folder / "amplemarket.duckdb").exists()
    assert not (folder / ".dlt").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--out", "."), "it is a folder"),
        (("--out", "missing/report.html"), "can be written to"),
        (("--out", "-", "--json"), "standard output to itself"),
    ],
)
def test_a_page_that_can_be_nowhere_is_refused_before_anything_is_read(
    arguments: tuple[str, ...], says: str, amplemarket: Command
) -> None:
    told = amplemarket("report", *arguments)
    assert told.exit_code == 2
    assert says in told.err
