"""Whoever the API removes under one lead leaves under every lead, in whatever order they come."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from amplemarket_source.run.forget import forget
from amplemarket_source.sandbox import Fault
from tests.privacy.people import answers, mentions, row
from tests.support.deployment import Deployment

pytestmark = pytest.mark.slow

_ADA = "ada@ada.example"
_PERSON = {"id": "p1", "name": "Ada Gone", "email": _ADA, "linkedin_url": "linkedin.com/in/ada-1"}
_BOB = row(person={"id": "p9", "name": "Bob Stays"}, email="bob@bob.example")
_LEADS = [
    {"email": _ADA, "external_id": "1"},
    {"linkedin_url": "linkedin.com/in/ada-1", "external_id": "2"},
    {"name": "Ada Gone", "company_name": "Gone", "external_id": "3"},
    {"email": "bob@bob.example", "external_id": "4"},
]
_ROWS = (
    row("gdpr_removed", email=_ADA),
    row(person=_PERSON, linkedin_url="linkedin.com/in/ada-1"),
    # Leads to her only by the id that the row before has.
    row(person={"id": "p1", "name": "Ada Gone"}, name="Ada Gone", company_name="Gone"),
)
_TOLD = (_ADA, "Ada Gone", "ada-1")


def _numbered(given: Any, number: int) -> Any:
    """The same of somebody else: another Ada, another Bob."""
    named = r'(?:ada|bob)(?=@)|Ada Gone|ada-1|"p[19]'
    return json.loads(re.sub(named, rf"\g<0>-{number}", json.dumps(given)))


def _answered_by(deployment: Deployment, request: int, *rows: Any) -> Fault:
    path = f"/enrichment-requests/{request}?"
    return Fault("page_set", {"results": list(rows)}, None, "GET", path)


@pytest.mark.parametrize("leads_per_request", [4, 1])
def test_people_removed_under_one_lead_are_not_loaded_under_another(
    deployment: Deployment, leads_per_request: int
) -> None:
    orders = list(itertools.permutations(_ROWS)) if leads_per_request > 1 else [_ROWS, _ROWS[::-1]]
    answered = [_numbered([*rows, _BOB], number) for number, rows in enumerate(orders)]
    leads = [lead for number in range(len(orders)) for lead in _numbered(_LEADS, number)]
    switches = []
    for request in range(len(leads) // leads_per_request):
        rows = answered[request * leads_per_request // len(_LEADS)]
        switches.append(_answered_by(deployment, request + 1, *rows))
    deployment.sandbox.set_faults(*switches)
    keyed = [
        {**lead, "external_id": f"{i // 4}-{lead['external_id']}"} for i, lead in enumerate(leads)
    ]
    deployment.run(keyed, leads_per_request=leads_per_request)
    assert deployment.rows("SELECT DISTINCT name FROM people") == [("Bob Stays",)]
    assert deployment.people() == len(orders)
    # The address of her lead was in the file; only `forget` writes that anew.
    told = [_numbered(text, number) for text in _TOLD for number in range(len(orders))]
    assert {place for place in mentions(deployment, *told) if "duckdb:" not in place} == set()
    statuses = deployment.outcomes()
    removed = {key for key, status in statuses.items() if status == "gdpr_removed"}
    assert removed == {f"{number}-{n}" for number in range(len(orders)) for n in (1, 2, 3)}


def test_a_lead_answered_both_ways_is_removed(deployment: Deployment) -> None:
    both = [row("gdpr_removed", email=_ADA), row(person=_PERSON, email=_ADA)]
    rows = [*_numbered(both, 0), *_numbered(both[::-1], 1), _BOB]
    answers(deployment, *rows)
    leads = [{**_numbered(_LEADS[0], number), "external_id": f"{number}"} for number in (0, 1)]
    deployment.run([*leads, _LEADS[3]])
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]
    assert deployment.outcomes() == {"0": "gdpr_removed", "1": "gdpr_removed", "4": "enriched"}


def test_a_person_loaded_before_leaves_when_another_lead_is_removed(deployment: Deployment) -> None:
    answers(deployment, _ROWS[1])
    deployment.run([_LEADS[1]])
    assert deployment.people() == 1
    answers(deployment, _ROWS[0], _ROWS[2])
    deployment.run([_LEADS[0], _LEADS[2]])
    assert deployment.people() == 0
    assert set(deployment.outcomes().values()) == {"gdpr_removed"}


_LATE = {
    "no echo": {},
    "another spelling": {"email": "ada@other.example"},
    "a part of what was sent": {"title": "CTO"},
}


def test_late_rows_that_name_no_lead_of_a_request_with_an_erased_one_are_withheld(
    deployment: Deployment,
) -> None:
    both = [{"email": _ADA, "title": "CTO"}, {"email": "bob@bob.example"}]
    leads = [
        {**lead, "external_id": f"{name} {i}"}
        for number, name in enumerate(_LATE)
        for i, lead in enumerate(_numbered(both, number))
    ]
    deployment.buy(leads, poll_timeout="0s", leads_per_request=2)
    switches = []
    for number, echo in enumerate(_LATE.values()):
        forget(deployment.pipeline(), email=_numbered(_ADA, number))
        stranger = row(person={"id": f"p7-{number}", "name": "Ada Gone"}, **echo)
        switches.append(_answered_by(deployment, number + 1, stranger, _numbered(_BOB, number)))
    deployment.sandbox.set_faults(*switches)
    deployment.run(None)
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)] * len(_LATE)
    told = [_numbered(text, number) for text in _TOLD for number in range(len(_LATE))]
    assert mentions(deployment, *_TOLD, *told) == set()
    statuses = {
        f"{name} {i}": s for name in _LATE for i, s in enumerate(("gdpr_removed", "enriched"))
    }
    assert deployment.outcomes() == statuses


def test_without_an_erased_lead_a_row_that_names_none_is_loaded_as_before(
    deployment: Deployment,
) -> None:
    deployment.buy([_LEADS[0], _LEADS[3]], poll_timeout="0s")
    answers(deployment, row(person=_PERSON, title="CTO"), _BOB)
    deployment.run(None)
    assert deployment.people() == 2


def test_a_row_that_names_another_lead_by_its_person_is_not_withheld(
    deployment: Deployment,
) -> None:
    deployment.buy([_LEADS[0], _LEADS[3]], poll_timeout="0s")
    forget(deployment.pipeline(), email=_ADA)
    bob = {"id": "p9", "name": "Bob Stays", "email": "BOB@bob.example"}
    answers(deployment, row(person=bob, title="respelt"))
    deployment.run(None)
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]


def test_every_removal_by_the_api_is_recorded(deployment: Deployment) -> None:
    answers(deployment, *_ROWS, _BOB)
    deployment.run(_LEADS)
    kinds = deployment.rows("SELECT DISTINCT reason, key_of FROM erasures ORDER BY ALL")
    assert kinds == [("api", "lead"), ("api", "person")]


def test_a_withheld_row_is_nobody_elses_answer(deployment: Deployment) -> None:
    leads = [{"email": _ADA, "external_id": "1"}, _LEADS[3]]
    deployment.buy(leads, poll_timeout="0s")
    forget(deployment.pipeline(), email=_ADA)
    stranger = row(person={"id": "p7", "name": "Bob"}, email="b@elsewhere.example")
    answers(deployment, row(person=_PERSON, email=_ADA), stranger)
    deployment.run(None)
    # It may have been Bob's: he is asked for again one day, and not taken for removed.
    assert deployment.outcomes()["4"] not in ("gdpr_removed", "enriched")
    assert deployment.people() == 0
