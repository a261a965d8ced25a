"""Whoever the API removes under one lead leaves under every lead, in whatever order they come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from amplemarket_source.run.forget import forget
from tests.privacy.people import answers, mentions, row
from tests.support.deployment import Deployment

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


_ORDERS = [(10, rows) for rows in itertools.permutations(_ROWS)]


@pytest.mark.parametrize(("leads_per_request", "rows"), [*_ORDERS, (1, _ROWS), (1, _ROWS[::-1])])
def test_a_person_removed_under_one_lead_is_not_loaded_under_another(
    deployment: Deployment, rows: tuple[Any, ...], leads_per_request: int
) -> None:
    answers(deployment, *rows, _BOB)
    deployment.run(_LEADS, leads_per_request=leads_per_request)
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]
    # The address of her lead was in the file; only `forget` writes that anew.
    assert {place for place in mentions(deployment, *_TOLD) if "duckdb:" not in place} == set()
    outcomes = deployment.outcomes()
    assert outcomes["1"] == outcomes["2"] == outcomes["3"] == "gdpr_removed"


@pytest.mark.parametrize("first", [0, 1])
def test_a_lead_answered_both_ways_is_removed(deployment: Deployment, first: int) -> None:
    both = [row("gdpr_removed", email=_ADA), row(person=_PERSON, email=_ADA)]
    answers(deployment, both[first], both[1 - first], _BOB)
    deployment.run([_LEADS[0], _LEADS[3]])
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]
    assert deployment.outcomes() == {"1": "gdpr_removed", "4": "enriched"}


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


@pytest.mark.parametrize("echo", _LATE.values(), ids=_LATE.keys())
def test_a_late_row_that_names_no_lead_of_a_request_with_an_erased_one_is_withheld(
    deployment: Deployment, echo: dict[str, str]
) -> None:
    leads = [{"email": _ADA, "title": "CTO", "external_id": "1"}, _LEADS[3]]
    deployment.buy(leads, poll_timeout="0s")
    forget(deployment.pipeline(), email=_ADA)
    answers(deployment, row(person={"id": "p7", "name": "Ada Gone"}, **echo), _BOB)
    deployment.run(None)
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]
    assert mentions(deployment, *_TOLD) == set()
    assert deployment.outcomes() == {"1": "gdpr_removed", "4": "enriched"}


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
