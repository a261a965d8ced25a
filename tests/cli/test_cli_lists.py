"""A list as people have it: an export, a table of the warehouse, columns mapped and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from amplemarket_source.sandbox import SandboxServer
from tests.cli.command_line import Command, posts

EXPORT = """Courriel,Société,Prénom,Nom,Lead Source,Notes
ada@site.example,Site,Ada,Example,Fair,a
grace@site.example,Site,Grace,Example,Web,b
"""
MAP = ("--map", "Courriel=email", "--map", "Société=company_name")


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "amplemarket.duckdb"), read_only=True) as database:
        database.execute("USE amplemarket_data")
        return database.execute(sql).fetchall()


@pytest.mark.usefixtures("tables")
def test_a_list_is_mapped_kept_labelled_and_said(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    (folder / "liste.csv").write_text(EXPORT, encoding="cp1252")
    options = (*MAP, "--encoding", "cp1252", "--keep-column", "Lead Source")
    planned = amplemarket("plan", "people", "liste.csv", *options)
    assert planned.exit_code == 0, planned.err
    assert "email from 'Courriel', company_name from 'Société'" in planned.out
    assert "not read    Prénom, Nom, Notes" in planned.out
    run = amplemarket("run", "people", "liste.csv", *options, "--label", "fair", "--json")
    assert run.exit_code == 0, run.err
    [plan] = run.document["plans"]
    assert plan["columns"] == {
        "email": ["Courriel"],
        "company_name": ["Société"],
        "lead_source": ["Lead Source"],
    }
    assert plan["ignored_columns"] == ["Prénom", "Nom", "Notes"]
    assert rows(folder, "SELECT lead_source, input_kind FROM leads ORDER BY email") == [
        ("Fair", "email"),
        ("Web", "email"),
    ]
    [request] = server.sandbox.requests.values()
    assert request.leads()[0] == {"email": "ada@site.example", "company_name": "Site"}
    amplemarket("run", "people", "-", stdin="email\nedsger@site.example\n")
    status = amplemarket("status", "--json").document
    assert [(spent["label"], spent["leads"]) for spent in status["by_label"]] == [
        (None, 1),
        ("fair", 2),
    ]
    assert "fair" in amplemarket("status").out
    found = rows(
        folder,
        "SELECT r.label, r.command, r.exit_code, r.leads_read, r.leads_bought, q.label "
        "FROM enrichment_runs r JOIN enrichment_requests q USING (run_key) ORDER BY r.started_at",
    )
    assert found == [("fair", "run", 0, 2, 2, "fair"), (None, "run", 0, 1, 1, None)]


def test_a_kept_column_leaves_with_the_person(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    (folder / "a.csv").write_text("email,Nickname\nada@site.example,Countess\n")
    amplemarket("run", "people", "a.csv", "--keep-column", "Nickname")
    assert rows(folder, "SELECT nickname FROM leads") == [("Countess",)]
    assert amplemarket("forget", "--email", "Ada@site.example").exit_code == 0
    assert rows(folder, "SELECT nickname, email, input_kind FROM leads") == [(None, None, "email")]
    # Nor does another row about them bring it back.
    (folder / "a.csv").write_text("email,Nickname,Id\nada@site.example,Countess,7\n")
    amplemarket("run", "people", "a.csv", "--keep-column", "Nickname")
    found = rows(folder, "SELECT external_id, nickname FROM leads ORDER BY 1")
    assert found == [("7", None), (None, None)]


def test_a_refused_row_leaves_nothing_of_somebody_erased(
    amplemarket: Command, folder: Path
) -> None:
    (folder / "a.csv").write_text(
        "Contact ID,Work Email,Company,Notes\n"
        "ada@site.example,ada@site.example,,\nx2,n/a,,call Ada@Site.example\n"
    )
    amplemarket("run", "people", "a.csv")
    assert rows(folder, "SELECT external_id, line FROM rejects") == [("x2", 3)]
    amplemarket("forget", "--email", "ada@site.example")
    assert rows(folder, "SELECT external_id, raw, source, line FROM rejects") == [
        (None, None, "a.csv", 3)
    ]


def test_a_table_of_the_destination_is_a_list_and_an_empty_one_is_nothing_to_do(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    amplemarket("run", "people", "-", stdin="email\nada@site.example\n")
    with duckdb.connect(str(folder / "amplemarket.duckdb")) as database:
        database.execute(
            "CREATE SCHEMA analytics; CREATE VIEW analytics.stg_leads AS "
            "SELECT 'grace@site.example' AS work_email, 7 AS record_id, DATE '2026-01-02' AS since"
        )
    found = amplemarket("run", "people", "--table", "analytics.stg_leads", "--json")
    assert found.exit_code == 0, found.err
    assert found.document["plans"][0]["columns"]["email"] == ["work_email"]
    assert rows(folder, "SELECT external_id FROM leads WHERE external_id IS NOT NULL") == [("7",)]
    before = posts(server)
    none = amplemarket(
        "run", "people", "--query", "SELECT work_email FROM analytics.stg_leads WHERE false"
    )
    assert none.exit_code == 0, none.err
    assert "0 people rows: 0 to buy" in none.out
    own = amplemarket(
        "run", "people", "--query", "SELECT 1", "--from", f"duckdb:///{folder}/amplemarket.duckdb"
    )
    assert own.exit_code == 2
    assert "Leave --from out" in own.err
    wrong = amplemarket("plan", "people", "--table", "analytics.nothing")
    assert wrong.exit_code == 2
    assert "analytics.nothing: the query failed: " in wrong.err
    values = "SELECT CASE WHEN i = 50000 THEN 'ada@site.example' ELSE '1' END AS email"
    quoting = amplemarket(
        "plan",
        "people",
        "--query",
        f"SELECT email::INT AS email FROM ({values} FROM range(90000) t(i))",
    )
    assert quoting.exit_code == 2
    assert "query: the query failed" in quoting.err
    assert "ada@" not in quoting.err + quoting.out
    assert posts(server) == before


def test_a_list_that_is_mostly_invalid_is_refused_and_says_what_would_help(
    amplemarket: Command, server: SandboxServer, folder: Path
) -> None:
    (folder / "a.csv").write_text(
        "Title,E-Mail Anschrift,Kundennummer\n" + "CTO,ada@site.example,1\n" * 40
    )
    refused = amplemarket("run", "people", "a.csv")
    assert refused.exit_code == 2
    assert refused.err.endswith(
        "Error: a.csv: 40 of 40 rows cannot be sent: 40 not_enough_to_identify (first in line 2). "
        "Nothing was sent. Read were title from 'Title'; not read were 'E-Mail Anschrift', "
        "'Kundennummer'. Perhaps: --map \"E-Mail Anschrift=email\" More than max_invalid (0.5) of "
        "the rows; raise it if they are meant to be left out.\n"
    )
    assert posts(server) == 0
    allowed = amplemarket("run", "people", "a.csv", "--max-invalid", "1")
    assert allowed.exit_code == 0, allowed.err
    assert posts(server) == 0
    counts = "SELECT count(DISTINCT reject_id), min(line), max(line) FROM rejects"
    assert rows(folder, counts) == [(40, 2, 41)]
    # The same rows are the same rejects.
    amplemarket("run", "people", "a.csv", "--max-invalid", "1")
    assert rows(folder, "SELECT count(*) FROM rejects") == [(40,)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a.csv", "--map", "email"), "--map 'email': write the input's column, =, and what it is"),
        (("a.csv", "--map", "A=email", "--map", "B=email"), "each once"),
        (("a.csv", "--map", "A=mail"), "there is no column 'mail'"),
        (("a.csv", "--max-invalid", "2"), "max_invalid: must be a share from 0 to 1"),
        (("a.csv", "--label", "x" * 300), "label: must be one line"),
        (("a.csv", "--query", "SELECT 1"), "Give one of LEADS, --query, --table and --lead-list"),
        (("--from", "duckdb:///x.duckdb"), "--from URL says where --query SQL is to be asked"),
        ((), "Which leads?"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_exit_2(
    arguments: tuple[str, ...], sentence: str, amplemarket: Command, folder: Path
) -> None:
    (folder / "a.csv").write_text("email\nada@site.example\n")
    found = amplemarket("plan", "people", *arguments)
    assert found.exit_code == 2
    assert sentence in found.err


def test_columns_of_the_environment_are_the_terminal_s_and_no_setting(
    amplemarket: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COLUMNS", "LABEL", "ENCODING"):
        monkeypatch.setenv(name, "80")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__LABEL", "nightly")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__COLUMNS", '{"email": "Mel"}')
    (folder / "a.csv").write_text("Mel\nada@site.example\n")
    found = amplemarket("run", "people", "a.csv")
    assert found.exit_code == 0, found.err
    assert rows(folder, "SELECT label FROM enrichment_requests") == [("nightly",)]
