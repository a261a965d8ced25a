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
from amplemarket_source.leads.intake import Intake
from amplemarket_source.model import COMPANIES, PEOPLE
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
    assert rest == [key, " crm 7 ", "people", *sent, None, SEEN_AT, 0]
    assert rows("leads_to_ask") == [(key, "people", *sent, None, 0)]
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
    url = "linkedin.com/company/acme"
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
    ({"email": "<jane@acme.example>", "linkedin_url": "jane"}, "email_malformed"),
    ({"linkedin_url": "linkedin.com/in/jane doe"}, "linkedin_url_malformed"),
    ({"email": "jane@acme.example", "title": LONG}, "value_too_long"),
    ({"email": "jane\x00@acme.example"}, "unprintable_character"),
    ({"email": "jane@acme.example", "name": "Jane\x1b[31m"}, "unprintable_character"),
    ({"email": "jane@acme.example", "name": "J\ufffdrgen"}, "unprintable_character"),
    ({"email": "jane@acme.example", "name": "J\ud800rgen"}, "unprintable_character"),
]


@pytest.mark.parametrize(("lead", "reason"), REFUSED)
def test_a_lead_that_cannot_be_sent_is_a_reject_with_its_reason(
    lead: dict[str, str], reason: str, intake: Run, rows: Rows
) -> None:
    taken = intake([lead, {"email": "joe@acme.example"}])
    assert (taken.invalid, taken.unique) == (1, 1)
    [(found, raw, key, position)] = rows("lead_rejects")
    assert (found, key, position) == (reason, None, 0)
    assert json.loads(raw).keys() == lead.keys()
    assert rows("leads_to_ask", "email") == [("joe@acme.example",)]


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
from amplemarket_source.model import PEOPLE
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
