"""Rows of an answer find their leads by what they echo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.model import RequestRecord
from amplemarket_source.transform.match import Matched, echo_schema, match
from amplemarket_source.workbench import Workbench
from tests.support.keys import lead_key

RECORD = RequestRecord("key-1", PEOPLE, "completed", "18", 3, 1.5, 0.0)
Lead = dict[str, str]
LEADS: list[Lead] = [
    {"email": "ada@initech.example"},
    {"linkedin_url": "https://www.linkedin.com/in/grace/"},
    {"name": "Alan  Turing", "company_domain": "bletchley.example"},
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    folder: Path = tmp_path_factory.mktemp("workbench")
    with Workbench(folder) as workbench:
        yield workbench


def ask(work: Workbench, leads: list[Lead]) -> None:
    work.clear("request_leads", "asked_fields")
    for lead in leads:
        key = lead_key(PEOPLE, lead)
        work.execute("INSERT INTO request_leads VALUES ('key-1', ?, 'email', NULL)", [key])
        values = [lead.get(name) for name in PEOPLE.identifying]
        work.execute(
            "INSERT INTO asked_fields VALUES (?, 'email', ?, ?, ?, ?, ?, ?, NULL)", [key, *values]
        )


def answer(*rows: dict[str, object]) -> pa.Table:
    complete = [
        {"position": i, "result_id": str(i), "has_email": False, "has_phone": False, **row}
        for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(complete, schema=echo_schema(PEOPLE))


def by_lead(matched: Matched) -> dict[str, tuple[str, str | None]]:
    return {
        row["lead_key"]: (row["status"], row["entity_id"]) for row in matched.results.to_pylist()
    }


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(order=st.permutations(range(3)), missing=st.sets(st.integers(0, 2)))
def test_rows_match_in_any_order_and_a_lead_without_a_row_is_unanswered(
    work: Workbench, order: list[int], missing: set[int]
) -> None:
    ask(work, LEADS)
    rows = [
        {"status": "enriched", "entity_id": f"p{i}", **LEADS[i]} for i in order if i not in missing
    ]
    matched = match(RECORD, answer(*rows), work)
    assert by_lead(matched) == {
        lead_key(PEOPLE, lead): ("unanswered", None) if i in missing else ("enriched", f"p{i}")
        for i, lead in enumerate(LEADS)
    }
    assert matched.leftover.num_rows == 0


@pytest.mark.parametrize(
    "echo",
    [
        {"email": " ADA@Initech.Example"},
        {"email": "ada@initech.example", "name": None},
    ],
)
def test_a_row_matches_whatever_way_the_api_spells_the_echo(work: Workbench, echo: Lead) -> None:
    ask(work, LEADS)
    matched = match(RECORD, answer({"status": "not_found", **echo}), work)
    assert by_lead(matched)[lead_key(PEOPLE, LEADS[0])] == ("not_found", None)


def test_a_row_that_echoes_only_some_fields_belongs_to_the_one_lead_it_can_mean(
    work: Workbench,
) -> None:
    ask(work, LEADS)
    matched = match(
        RECORD, answer({"status": "enriched", "entity_id": "p", "name": "alan turing"}), work
    )
    assert by_lead(matched)[lead_key(PEOPLE, LEADS[2])] == ("enriched", "p")


@pytest.mark.parametrize(
    ("lead", "echo"),
    [
        (
            {"linkedin_url": "https://pt.linkedin.com/in/eva"},
            {"linkedin_url": "linkedin.com/in/eva"},
        ),
        ({"linkedin_url": "eva"}, {"linkedin_url": "https://www.linkedin.com/in/eva/"}),
        ({"email": "eva+crm@hooli.example"}, {"email": "eva@hooli.example"}),
        ({"email": "eva@hooli.example"}, {"own_email": "Eva@Hooli.example"}),
        (
            {"linkedin_url": "linkedin.com/in/eva"},
            {"own_linkedin_url": "https://ch.linkedin.com/in/eva"},
        ),
    ],
)
def test_a_row_in_another_spelling_belongs_to_the_lead_it_can_only_mean(
    work: Workbench, lead: Lead, echo: Lead
) -> None:
    ask(work, [*LEADS, lead])
    rows = answer({"status": "enriched", "entity_id": "p", **echo})
    assert by_lead(match(RECORD, rows, work))[lead_key(PEOPLE, lead)] == ("enriched", "p")


def test_the_last_row_belongs_to_the_last_lead_where_there_are_as_many(work: Workbench) -> None:
    ask(work, LEADS)
    known = [{"status": "not_found", **lead} for lead in LEADS[:2]]
    odd: Lead = {"name": "A. M. Turing", "company_name": "Bletchley Park"}
    strange = {"status": "enriched", "entity_id": "p", **odd}
    last = lead_key(PEOPLE, LEADS[2])
    assert by_lead(match(RECORD, answer(*known, strange), work))[last] == ("enriched", "p")
    more = answer(*known, known[0], strange)
    assert by_lead(match(RECORD, more, work))[last] == ("unanswered", None)
    assert by_lead(match(RECORD, answer(strange), work))[last] == ("unanswered", None)


def test_a_row_that_could_mean_two_leads_is_left_over(work: Workbench) -> None:
    two = [{"name": "Alan Turing", "company_name": company} for company in ("A", "B")]
    ask(work, two)
    matched = match(
        RECORD, answer({"status": "enriched", "entity_id": "p", "name": "Alan Turing"}), work
    )
    assert {status for status, _ in by_lead(matched).values()} == {"unanswered"}
    assert matched.leftover.column("reason").to_pylist() == ["answers_no_lead"]


def test_an_extra_row_and_a_second_answer_are_left_over_with_the_person(
    work: Workbench,
) -> None:
    ask(work, LEADS[:1])
    matched = match(
        RECORD,
        answer(
            {"status": "not_found", **LEADS[0]},
            {"status": "enriched", "entity_id": "p1", **LEADS[0]},
            {"status": "enriched", "entity_id": "p2", "email": "stranger@hooli.example"},
        ),
        work,
    )
    assert by_lead(matched) == {lead_key(PEOPLE, LEADS[0]): ("enriched", "p1")}
    leftover = {(row["reason"], row["entity_id"]) for row in matched.leftover.to_pylist()}
    assert leftover == {("answers_no_lead", "p2"), ("lead_answered_twice", None)}


def test_an_undocumented_status_leaves_the_lead_unanswered(
    work: Workbench,
) -> None:
    ask(work, LEADS[:1])
    matched = match(RECORD, answer({"status": "pending", **LEADS[0]}), work)
    assert by_lead(matched) == {lead_key(PEOPLE, LEADS[0]): ("unanswered", None)}
    assert matched.leftover.column("reason").to_pylist() == ["unknown_status"]


def test_an_undocumented_status_does_not_hide_the_answer_beside_it(
    work: Workbench,
) -> None:
    ask(work, LEADS[:1])
    matched = match(
        RECORD,
        answer({"status": "not_found", **LEADS[0]}, {"status": "pending", **LEADS[0]}),
        work,
    )
    assert by_lead(matched) == {lead_key(PEOPLE, LEADS[0]): ("not_found", None)}
    (left,) = matched.leftover.to_pylist()
    assert (left["status"], left["position"]) == ("pending", 1)
    assert left["lead_key"] == lead_key(PEOPLE, LEADS[0])
