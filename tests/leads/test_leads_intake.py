"""Each lead once: what is counted, what is kept, what is refused, in which order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from amplemarket_source.errors import InputError
from amplemarket_source.kinds import COMPANIES, PEOPLE
from amplemarket_source.leads.intake import Intake, refuse_mostly_invalid
from amplemarket_source.workbench import Workbench
from tests.support.keys import lead_key

from .conftest import SEEN_AT

Rows = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Intake]


def test_one_lead_is_one_row_everywhere(intake: Run, rows: Rows) -> None:
    lead = {
        "email": " Jane@Acme.example ",
        "linkedin_url": "https://linkedin.com/in/jane",
        "company_domain": "acme.example",
        "company_name": "Acme",
        "name": "Jane Doe",
        "title": "CTO",
        "external_id": " crm 7 ",
    }
    assert intake([lead]) == Intake(read=1, invalid=0, duplicate=0, unique=1, ignored_columns=())
    fields = {**lead, "email": "Jane@Acme.example"}
    sent = tuple(fields[name] for name in PEOPLE.identifying)
    key = lead_key(PEOPLE, lead)
    [(lead_id, *rest)] = rows("leads")
    assert len(lead_id) == 32
    assert lead_id != key
    assert rest == [key, " crm 7 ", "people", "email", *sent, None, None, SEEN_AT, 0]
    assert rows("leads_to_ask") == [(key, "people", "email", *sent, None, None, 0)]
    assert rows("lead_rejects") == []


def test_six_spellings_of_a_linkedin_url_are_one_lead(intake: Run, rows: Rows) -> None:
    spellings = [
        "https://www.linkedin.com/in/jane-doe/",
        "http://linkedin.com/in/jane-doe",
        "www.linkedin.com/in/Jane-Doe",
        "LINKEDIN.COM/IN/JANE-DOE/",
        "https://linkedin.com/in/jane-doe?trk=search",
        " linkedin.com/in/jane-doe#about ",
    ]
    taken = intake([{"linkedin_url": url} for url in spellings])
    assert (taken.unique, taken.duplicate) == (1, 5)
    assert rows("leads_to_ask", "linkedin_url") == [(spellings[0],)]
    assert len(rows("leads")) == 1


def test_one_key_with_two_external_ids_is_one_purchase_and_two_leads(
    intake: Run, rows: Rows
) -> None:
    emails = ["jane@acme.example", "JANE@acme.example", "jane@acme.example", "jane@acme.example"]
    ids = ["a", "b", "a", None]
    taken = intake(
        [{"email": email, "external_id": i} for email, i in zip(emails, ids, strict=True)]
    )
    assert (taken.read, taken.unique, taken.duplicate) == (4, 1, 3)
    assert rows("leads", "external_id, email, position") == [
        ("a", "jane@acme.example", 0),
        ("b", "JANE@acme.example", 1),
        (None, "jane@acme.example", 3),
    ]
    assert rows("leads_to_ask", "email, position") == [("jane@acme.example", 0)]


def test_a_second_input_adds_and_what_was_there_is_duplicate(intake: Run, rows: Rows) -> None:
    url = "acme-slug"
    intake([{"email": "jane@acme.example"}, {"email": "no"}, {"linkedin_url": url}])
    second = intake([{"linkedin_url": url}, {"domain": "acme.example"}], COMPANIES)
    assert (second.read, second.unique, second.duplicate) == (2, 2, 0)
    third = intake([{"email": "joe@acme.example"}, {"email": "JANE@acme.example"}])
    assert (third.read, third.unique, third.duplicate) == (2, 1, 1)
    assert rows("leads", "kind, coalesce(email, domain, linkedin_url), position") == [
        ("people", "jane@acme.example", 0),
        ("people", url, 2),
        ("companies", url, 3),
        ("companies", "acme.example", 4),
        ("people", "joe@acme.example", 5),
    ]
    assert rows("leads_to_ask", "position") == [(0,), (2,), (3,), (4,), (5,)]
    assert rows("lead_rejects", "reason, position") == [("email_malformed", 1)]


def test_an_input_that_fails_late_leaves_the_tables_as_they_were(intake: Run, rows: Rows) -> None:
    intake([{"email": "jane@acme.example"}])
    before = rows("leads"), rows("leads_to_ask"), rows("lead_rejects")
    with pytest.raises(InputError):
        intake([*({"email": f"p{n}@acme.example"} for n in range(50_000)), "no mapping"])
    assert (rows("leads"), rows("leads_to_ask"), rows("lead_rejects")) == before
    assert intake([{"email": "joe@acme.example"}]).unique == 1


LONG = "x" * 2_001
REFUSED = [
    ({"external_id": "7", "title": "CTO"}, "not_enough_to_identify"),
    ({"name": "Jane", "title": "CTO"}, "not_enough_to_identify"),
    ({"company_domain": "acme.example", "company_name": "Acme"}, "not_enough_to_identify"),
    ({"email": " \u00a0\t", "linkedin_url": "https://www."}, "not_enough_to_identify"),
    ({"name": "Jane", "company_domain": "https://"}, "not_enough_to_identify"),
    ({"email": "jane"}, "email_malformed"),
    ({"email": "jane@acme"}, "email_malformed"),
    ({"email": "@acme.example"}, "email_malformed"),
    ({"email": "jane@"}, "email_malformed"),
    ({"email": "jane@@acme.example"}, "email_malformed"),
    ({"email": "jane@acme..example"}, "email_malformed"),
    ({"email": "jane doe@acme.example"}, "email_malformed"),
    ({"email": "jane\u00a0doe@acme.example"}, "email_malformed"),
    ({"email": "a@acme.example; b@acme.example"}, "email_malformed"),
    ({"email": "<jane@acme.example>", "title": "CTO"}, "email_malformed"),
    ({"linkedin_url": "linkedin.com/in/jane doe"}, "linkedin_url_malformed"),
    ({"linkedin_url": "linkedin.com/company/acme"}, "linkedin_url_malformed"),
    ({"linkedin_url": "https://jane.example/in/jane"}, "linkedin_url_malformed"),
    ({"linkedin_url": "n/a"}, "linkedin_url_malformed"),
    ({"linkedin_url": "None"}, "linkedin_url_malformed"),
    ({"name": "Jane", "company_domain": "localhost"}, "company_domain_malformed"),
    ({"name": "Jane", "company_domain": "not a domain"}, "company_domain_malformed"),
    ({"name": LONG, "company_name": "Acme"}, "value_too_long"),
    ({"name": LONG, "title": "CTO", "company_name": "Acme"}, "value_too_long"),
    ({"email": "jane\x00@acme.example"}, "unprintable_character"),
    ({"email": "n/a", "company_domain": "n/a"}, "company_domain_malformed, email_malformed"),
    ({"email": "jane@acme.example", "external_id": "7" * 10_001}, "value_too_long"),
    ({"email": "x" * 5_000_000}, "value_too_long"),
]


@pytest.mark.parametrize(("lead", "reason"), REFUSED)
def test_a_lead_that_cannot_be_sent_is_a_reject_with_its_reason(
    lead: dict[str, str], reason: str, intake: Run, rows: Rows
) -> None:
    taken = intake([lead, {"email": "joe@acme.example"}])
    assert (taken.invalid, taken.unique) == (1, 1)
    [(stage, found, source, line, external_id, key, raw, position)] = rows("lead_rejects")
    assert (stage, found, source, line, key, position) == ("lead", reason, "leads", 1, None, 0)
    assert (external_id or "")[:10] == lead.get("external_id", "")[:10]
    assert json.loads(raw).keys() <= lead.keys()
    assert len(raw) < 50_000
    assert rows("leads_to_ask", "email") == [("joe@acme.example",)]


GOOD = {"linkedin_url": "linkedin.com/in/jane", "external_id": "7"}
PARTLY = [
    ({"email": "n/a"}, "email", "email_malformed"),
    ({"email": "<jane@acme.example>"}, "email", "email_malformed"),
    ({"company_domain": "unknown"}, "company_domain", "company_domain_malformed"),
    ({"company_domain": "jane@acme.example"}, "company_domain", "company_domain_malformed"),
    ({"company_domain": "10.0.0.1"}, "company_domain", "company_domain_malformed"),
    ({"title": LONG}, "title", "value_too_long"),
    ({"name": "Jane\x1b[31m"}, "name", "unprintable_character"),
    ({"name": "J\ufffdrgen"}, "name", "unprintable_character"),
    ({"name": "J\ud800rgen"}, "name", "unprintable_character"),
]


@pytest.mark.parametrize(("more", "field", "reason"), PARTLY)
def test_a_row_with_one_bad_identifier_is_sent_with_the_others_and_is_one_reject(
    more: dict[str, str], field: str, reason: str, intake: Run, rows: Rows
) -> None:
    taken = intake([{**GOOD, **more}])
    assert (taken.read, taken.invalid, taken.unique, taken.incomplete) == (1, 0, 1, 1)
    assert rows("leads_to_ask", f"linkedin_url, {field}") == [("linkedin.com/in/jane", None)]
    [(key,)] = rows("leads_to_ask", "lead_key")
    [(stage, found, line, external_id, of, raw)] = rows(
        "lead_rejects", "stage, reason, line, external_id, lead_key, raw"
    )
    assert (stage, found, line, external_id, of) == ("field", reason, 1, "7", key)
    assert field in json.loads(raw)
    # The same lead without it is the same purchase.
    assert key == lead_key(PEOPLE, {"linkedin_url": "linkedin.com/in/jane"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("https://www.Acme.example/about?x=1", "acme.example"),
        ("ACME.example.", "acme.example"),
        ("acme.example:8080", "acme.example"),
        ("bücher.example", "bücher.example"),
        ("sub_domain.acme-2.co.example", "sub_domain.acme-2.co.example"),
        ("xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai"),
    ],
)
def test_of_a_url_as_a_domain_the_host_is_sent(
    given: str, sent: str, intake: Run, rows: Rows
) -> None:
    intake([{"domain": given}], COMPANIES)
    intake([{"name": "Jane", "company_domain": given}])
    assert rows("leads_to_ask", "coalesce(domain, company_domain)") == [(sent,), (sent,)]
    assert rows("leads", "input_kind") == [("domain",), ("name",)]


def test_a_company_is_no_person_and_a_person_no_company(intake: Run, rows: Rows) -> None:
    urls = ["linkedin.com/in/jane", "linkedin.com/company/acme", "de.linkedin.com/school/acme"]
    taken = intake([{"linkedin_url": url} for url in urls], COMPANIES)
    assert (taken.invalid, taken.unique) == (1, 2)
    assert rows("lead_rejects", "reason") == [("linkedin_url_malformed",)]


def test_rows_with_nothing_in_them_are_none(intake: Run, rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("email,name\n,\njane@acme.example,\n , \n,Jane\n")
    taken = intake(path)
    assert (taken.read, taken.invalid, taken.unique) == (2, 1, 1)
    assert rows("lead_rejects", "reason, line") == [("not_enough_to_identify", 5)]


def test_a_row_of_other_length_is_a_reject_with_its_line(
    intake: Run, rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text('email,name\na@acme.example,"x\ny"\n\nb@acme.example,Doe, Jane\nn/a,Joe\nc\n')
    taken = intake(path)
    assert (taken.read, taken.invalid, taken.unique) == (4, 3, 1)
    assert rows("lead_rejects", "line, reason, raw") == [
        (6, "email_malformed", '{"email": "n/a", "name": "Joe"}'),
        (
            5,
            "wrong_number_of_columns",
            '{"column 1": "b@acme.example", "column 2": "Doe", "column 3": " Jane"}',
        ),
        (7, "wrong_number_of_columns", '{"column 1": "c"}'),
    ]
    with pytest.raises(InputError) as caught:
        refuse_mostly_invalid(taken, 0.5)
    assert str(caught.value) == (
        f"{path}: 3 of 4 rows cannot be sent: 2 wrong_number_of_columns (first in line 5), "
        "1 email_malformed (first in line 6). Nothing was sent. Read were email from 'email', "
        "name from 'name'. More than max_invalid (0.5) of the rows; raise it if they are meant to "
        "be left out."
    )
    refuse_mostly_invalid(taken, 0.75)


def test_notes_around_a_table_are_no_rows(intake: Run, rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(
        'Notes:\n"Some of it, may be missing"\n\nFirst Name,Last Name,Email\n\nnot a row\n'
        "Ada,Example,ada@acme.example\n\nExample Ltd\n\nConfidential\n"
    )
    taken = intake(path)
    assert (taken.read, taken.invalid, taken.unique) == (2, 1, 1)
    assert rows("lead_rejects", "reason, line") == [("wrong_number_of_columns", 6)]


@pytest.mark.parametrize(
    "text",
    [
        "email|name|notes\na@acme.example|Doe, Jane|x;y\n",
        "email,name,notes\na@acme.example,'Doe, Jane','x;y'\n",
        'email;name;notes\r\na@acme.example;"Doe, Jane";"x;y"\r\n',
        'email,name,notes\na@acme.example,"Doe, Jane","x;y"\n',
        'email\tname\tnotes\na@acme.example\t"Doe, Jane"\tx;y\n',
    ],
)
def test_a_dialect_is_found_by_what_it_makes_of_the_file(
    text: str, intake: Run, rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "leads.txt"
    path.write_bytes((text + text.splitlines(keepends=True)[1] * 20).encode())
    assert intake(path).read == 21
    assert rows("leads_to_ask", "email, name") == [("a@acme.example", "Doe, Jane")]


@pytest.mark.parametrize(
    "text",
    [
        "email,name\na@acme.example,A\n\nA cut row\n",
        "email,name,title\na@acme.example,A,CTO\n\nb@acme.example\n",
        "email,name,title\na@acme.example,A,CTO\nA cut row\n",
    ],
)
def test_a_row_that_is_cut_off_is_no_note(
    text: str, intake: Run, rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "report.csv"
    path.write_text(text)
    assert intake(path).invalid == 1
    assert rows("lead_rejects", "reason") == [("wrong_number_of_columns",)]


ENOUGH = [
    {"email": "jane+tag@sub.acme.example"},
    {"email": "müller@bücher.example"},
    {"linkedin_id": "jane-doe"},
    {"name": "Jane", "company_domain": "acme.example"},
    {"first_name": "Jane", "company_name": "Acme"},
    {"title": "CTO", "company_name": "Acme"},
    {"email": "jane@acme.example", "name": "Jane\n Doe", "title": "x" * 2_000},
    {"email": "jane@acme.example", "external_id": "\x1b" + LONG},
]


@pytest.mark.parametrize("lead", ENOUGH)
def test_enough_to_identify_is_what_the_contract_says(lead: dict[str, str], intake: Run) -> None:
    assert intake([lead]).unique == 1


def test_other_spellings_of_columns_fill_only_what_is_missing(intake: Run, rows: Rows) -> None:
    here = {
        "company_name": "Acme",
        "linkedin_id": "by-id",
        "first_name": "Jane",
        "last_name": "Doe",
    }
    intake([here, {**here, "linkedin_url": "by-url", "name": "J. Doe"}, {**here, "last_name": " "}])
    assert rows("leads_to_ask", "linkedin_url, name") == [
        ("by-id", "Jane Doe"),
        ("by-url", "J. Doe"),
        ("by-id", "Jane"),
    ]


def test_a_second_column_fills_in_for_an_empty_one_but_never_one_id_for_another(
    intake: Run, rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        "Email,Work Email,Record ID,Id\n,a@acme.example,,9\nb@acme.example,c@acme.example,1,9\n"
    )
    intake(path)
    assert rows("leads", "email, external_id") == [
        ("a@acme.example", None),
        ("b@acme.example", "1"),
    ]


def test_a_value_that_says_nothing_is_not_sent(intake: Run, rows: Rows) -> None:
    intake([{"email": "jane@acme.example", "linkedin_url": "https://", "name": "\u200b "}])
    assert rows("leads_to_ask", "email, linkedin_url, name") == [("jane@acme.example", None, None)]


def test_the_order_of_a_large_file_is_kept(intake: Run, rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    with path.open("w") as file:
        file.write("external_id,email\n")
        file.writelines(f"{n},p{n // 2}@acme.example\n" for n in range(100_000))
    taken = intake(path)
    assert (taken.read, taken.unique, taken.duplicate) == (100_000, 50_000, 50_000)
    assert set(rows("leads", "external_id = position::VARCHAR")) == {(True,)}
    assert rows("leads_to_ask", "position") == [(n,) for n in range(0, 100_000, 2)]


def test_the_workbench_is_its_owners_only_and_can_be_opened_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with Workbench(folder) as work:
        work.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert folder.stat().st_mode & 0o077 == 0
    with Workbench(folder) as work:
        assert work.rows("SELECT normal_email(' A@b.example ') FROM kept") == [("a@b.example",)]


MEASURE = """
import resource, sys
from datetime import datetime, timezone
from pathlib import Path
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.intake import ingest
from amplemarket_source.workbench import Workbench
with Workbench(Path(sys.argv[2])) as work:
    ingest(work, sys.argv[1], PEOPLE, seen_at=datetime.now(timezone.utc))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no getrusage")
def test_four_times_the_leads_take_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for leads in (100_000, 400_000):
        duckdb.sql(f"""COPY (
            SELECT 'jane' || i || '@acme.example' AS email, 'linkedin.com/in/jane' || i AS
                linkedin_url, 'acme' || i % 99 || '.example' AS company_domain, 'Acme' AS
                company_name, 'Jane Doe ' || i AS name, 'Head' AS title, i AS external_id
            FROM range({leads}) AS numbers(i)) TO '{tmp_path}/{leads}.csv'""")
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, f"{tmp_path}/{leads}.csv", f"{tmp_path}/{leads}"],
            check=True,
            capture_output=True,
            text=True,
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 80, peaks
