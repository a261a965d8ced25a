"""Whatever table of strings comes in: each row is a lead or one reject, and all that is sent is
what the API takes."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amplemarket_source.kinds import EMAILS, KINDS, PEOPLE, Kind
from amplemarket_source.leads.intake import Intake, ingest
from amplemarket_source.model import Batch
from amplemarket_source.sandbox import SandboxOptions
from amplemarket_source.sandbox.options import Kind as SandboxKind
from amplemarket_source.sandbox.options import kind_named
from amplemarket_source.sandbox.validation import read_batch
from amplemarket_source.workbench import Workbench

from .conftest import SEEN_AT

pytestmark = pytest.mark.slow

RULE = settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEADERS: dict[str, list[str]] = {
    "people": [
        "Email",
        "LinkedIn Url",
        "Website",
        "Company",
        "First Name",
        "Last Name",
        "Job Title",
        "Record ID",
        "Notes",
    ],
    "companies": ["Company Domain Name", "LinkedIn Company Page", "Record ID", "Notes"],
    "emails": ["Email", "Record ID", "Notes"],
}
VALUES = st.sampled_from(
    [
        "",
        " ",
        "n/a",
        "-",
        "Jane",
        "Acme",
        "jane@acme.example",
        "JANE@acme.example ",
        "<jane@acme.example>",
        "a@b.example; c@d.example",
        "https://www.acme.example/x",
        "acme.example",
        "linkedin.com/in/jane",
        "https://www.linkedin.com/company/acme/",
        "jane-doe",
        "x" * 2_001,
        "Jane\x07",
        'a "b" c',
        "two\nlines",
        "; , \t |",
    ]
) | st.text(
    st.characters(exclude_characters="\x00\r\ufeff", exclude_categories=("Cs",)), max_size=9
)


def table_of(kind: Kind) -> st.SearchStrategy[list[list[str]]]:
    columns = len(HEADERS[kind.name])
    return st.lists(st.lists(VALUES, min_size=columns, max_size=columns), min_size=1, max_size=12)


def as_csv(kind: Kind, rows: list[list[str]], folder: Path) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADERS[kind.name], *rows])
    file = folder / "leads.csv"
    file.write_text(text.getvalue(), encoding="utf-8", newline="")
    return str(file)


def as_json(kind: Kind, rows: list[list[str]], folder: Path) -> str:
    file = folder / "leads.json"
    objects = [dict(zip(HEADERS[kind.name], row, strict=True)) for row in rows]
    file.write_text(json.dumps(objects), encoding="utf-8")
    return str(file)


def as_rows(kind: Kind, rows: list[list[str]], _: Path) -> list[dict[str, str]]:
    return [dict(zip(HEADERS[kind.name], row, strict=True)) for row in rows]


def as_arrow(kind: Kind, rows: list[list[str]], _: Path) -> pa.Table:
    return pa.table(list(map(list, zip(*rows, strict=True))), names=HEADERS[kind.name])


FORMS = (as_csv, as_json, as_rows, as_arrow)


def taken_in(kind: Kind, source: Any, folder: Path) -> tuple[Intake, list[Any], list[Any]]:
    """The figures, the leads as they would be sent, and the rejects."""
    with Workbench(folder / "run") as work:
        intake = ingest(work, source, kind, seen_at=SEEN_AT)
        rejects = work.rows("SELECT stage, reason, line, external_id, raw FROM lead_rejects")
        work.execute(
            "INSERT INTO request_leads SELECT 'r', lead_key, input_kind, position FROM leads_to_ask"
        )
        batch = Batch("r", kind, intake.unique, False, False, (0, 1_000_000))
        return intake, [lead.fields for lead in work.leads_of(batch)], sorted(rejects, key=repr)


def sandbox_kind(kind: Kind) -> SandboxKind:
    return kind_named("email_validations" if kind is EMAILS else kind.name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@RULE
@given(data=st.data())
def test_every_row_is_a_lead_or_one_reject_in_every_form_and_all_that_is_sent_is_taken(
    kind: Kind, data: st.DataObject
) -> None:
    rows = data.draw(table_of(kind))
    if not any("".join(row).strip() for row in rows):
        rows[0][0] = "x"
    told = []
    for form in FORMS:
        with TemporaryDirectory() as name:
            folder = Path(name)
            intake, sent, rejects = taken_in(kind, form(kind, rows, folder), folder)
        refused = [reject for reject in rejects if reject[0] == "lead"]
        # Of a list of addresses a row without one is passed over.
        said = [row[:1] if kind.passes_over_blank else row for row in rows]
        assert intake.read == sum(any(value.strip() for value in row) for row in said)
        assert intake.read == intake.unique + intake.duplicate + intake.invalid
        assert len(refused) == intake.invalid
        assert len(rejects) == intake.invalid + intake.incomplete
        # No row has two rejects, and a row that is one has its own key with it.
        assert max(Counter(reject[2] for reject in rejects).values(), default=1) == 1
        if sent:
            body = orjson.dumps({kind.payload_key: sent})
            read_batch(sandbox_kind(kind), body, SandboxOptions())
            assert not any(
                " " in lead.get("domain", lead.get("company_domain", "")) for lead in sent
            )
        without_lines = [(stage, reason, ident) for stage, reason, _, ident, _ in rejects]
        told.append((intake.unique, sent, sorted(without_lines, key=repr)))
    assert all(one == told[0] for one in told[1:])


@RULE
@given(rows=table_of(PEOPLE), odd=st.lists(st.lists(VALUES, min_size=1, max_size=3), max_size=4))
def test_lines_are_those_that_an_editor_shows_and_odd_rows_are_rejects(
    rows: list[list[str]], odd: list[list[str]]
) -> None:
    odd = [row for row in odd if "".join(row).strip()]
    # Of its domain and LinkedIn URL nothing is left.
    rows = [*rows, ["n/a"] * len(HEADERS["people"])]
    with TemporaryDirectory() as name:
        folder = Path(name)
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(HEADERS["people"])
        begins: dict[int, list[str]] = {}
        for row in [*odd, *rows]:
            begins[text.getvalue().count("\n") + 1] = row
            writer.writerow(row)
        file = folder / "leads.csv"
        file.write_text(text.getvalue(), encoding="utf-8", newline="")
        intake, _, rejects = taken_in(PEOPLE, str(file), folder)
    assert intake.invalid >= len(odd)
    for _, reason, line, _, raw in rejects:
        given = [value for value in begins[line] if value.strip()]
        assert list(json.loads(raw).values()) == given
        assert (reason == "wrong_number_of_columns") == (len(begins[line]) < len(HEADERS["people"]))
