"""``amplemarket forget``, and a lookup of somebody who was forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command

pytestmark = [pytest.mark.usefixtures("tables"), pytest.mark.slow]


def test_finding_nobody_ends_with_two_and_names_the_database(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    amplemarket("run", "people", leads)
    found = amplemarket("forget", "--email", "nobody@site.example", "--json")
    assert (found.exit_code, found.document["exit_code"]) == (2, 2)
    assert str(folder / "amplemarket.duckdb") in found.document["message"]
    assert "nobody@" not in found.out + found.err


def test_a_typo_is_refused_and_no_database_is_made(amplemarket: Command, folder: Path) -> None:
    (folder / "amplemarket.duckdb").unlink()
    typo = amplemarket("forget", "--email", "user2@company-002,example")
    assert typo.exit_code == 2
    assert "cannot be one" in typo.err
    nowhere = amplemarket("forget", "--email", "ada@site.example")
    assert nowhere.exit_code == 2
    assert f"no database at duckdb:///{folder / 'amplemarket.duckdb'}" in nowhere.err
    assert list(folder.glob("*.duckdb*")) == []


def test_it_says_what_went_and_from_where(amplemarket: Command, leads: str, folder: Path) -> None:
    amplemarket("run", "people", leads)
    first = amplemarket("forget", "--email", "ada@site.example")
    assert first.exit_code == 0
    assert "1 people" in first.out
    assert str(folder / "amplemarket.duckdb") in first.out
    again = amplemarket("forget", "--email", "ADA@site.example")
    assert (again.exit_code, "Erased before" in again.out) == (0, True)


def test_everyone_older_is_erased_and_nobody_kept_out(amplemarket: Command, leads: str) -> None:
    amplemarket("run", "people", leads)
    young = amplemarket("forget", "--older-than", "30d", "--json").document
    assert (young["found"], young["rows_removed"]) == (False, {})
    old = amplemarket("forget", "--older-than", "0s", "--json").document
    assert (old["found"], old["suppressed"], old["leads_blanked"]) == (True, False, 4)
    assert old["rows_removed"]["people"] == 3
    again = amplemarket("run", "people", leads, "--refresh-after", "0s", "--json").document
    assert (again["plans"][0]["suppressed"], again["tables"]["people"]) == (0, 3)


@pytest.mark.parametrize("load", [(), ("--no-load",)])
def test_a_lookup_by_name_of_somebody_erased_prints_and_keeps_nothing(
    amplemarket: Command, server: SandboxServer, folder: Path, load: tuple[str, ...]
) -> None:
    amplemarket("find", "person", "--email", "ada.byron@site.example")
    amplemarket("forget", "--email", "ada.byron@site.example")
    name = ("--name", "Ada Byron", "--company-domain", "site.example")
    found = amplemarket("find", "person", *name, "--json", *load)
    assert found.exit_code == 0, found.err
    assert (found.document["status"], found.document["result"]) == ("gdpr_removed", None)
    assert "byron" not in found.out.lower() + found.err.lower()
    assert b"Byron" not in (folder / "amplemarket.duckdb").read_bytes() or load == ()
    assert amplemarket("forget", "--email", "ada.byron@site.example").exit_code == 0
    assert b"Byron" not in (folder / "amplemarket.duckdb").read_bytes()
