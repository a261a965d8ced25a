"""What was revealed was paid for: an answer that did not ask for it takes none of it away."""

from __future__ import annotations

from typing import Any

import pytest

from amplemarket_source.load import revealed
from amplemarket_source.warehouse.client import Warehouse
from tests.support.deployment import Deployment, email_leads

pytestmark = pytest.mark.slow

BOTH = {"reveal_email": True, "reveal_phone_numbers": True}
AGAIN = {"refresh_after": "0s"}
ADA_BY_NAME = [{"name": "Ada", "company_domain": "ada.example", "external_id": "by name"}]


def revealed_of(deployment: Deployment) -> dict[str, tuple[str | None, int]]:
    """E-mail address and number of phones by first name."""
    rows = deployment.rows(
        "SELECT p.first_name, p.email, count(n.person_id) FROM people p "
        "LEFT JOIN people__phone_numbers n ON n.person_id = p.id GROUP BY 1, 2"
    )
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (email, phones) for name, email, phones in rows}


def test_an_answer_that_did_not_ask_keeps_what_was_revealed(deployment: Deployment) -> None:
    leads = email_leads("ada", "bob")
    deployment.run(leads, **BOTH)
    told = {"Ada": ("ada@ada.example", 1), "Bob": ("bob@bob.example", 1)}
    assert revealed_of(deployment) == told
    deployment.sandbox.configure(generation=1)
    deployment.run([*leads, *email_leads("cy")], **AGAIN)
    assert revealed_of(deployment) == told | {"Cy": (None, 0)}
    titles = deployment.rows("SELECT count(DISTINCT enriched_at) FROM people")
    assert titles == [(1,)], "all the rest is of the latest answer"


@pytest.mark.parametrize("asked", ["reveal_email", "reveal_phone_numbers"])
def test_each_reveal_stays_by_itself(deployment: Deployment, asked: str) -> None:
    deployment.run(email_leads("ada"), **{asked: True})
    (other,) = BOTH.keys() - {asked}
    deployment.run(email_leads("ada"), **{other: True}, **AGAIN)
    assert revealed_of(deployment) == {"Ada": ("ada@ada.example", 1)}


def test_an_older_answer_of_the_same_load_that_asked_is_heard(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada"), **BOTH)
    deployment.clock.advance(60)
    deployment.run(ADA_BY_NAME)
    assert revealed_of(deployment) == {"Ada": ("ada@ada.example", 1)}
    assert deployment.rows("SELECT count(*) FROM people__experiences") == [(5,)]


def test_an_answer_that_asked_and_got_none_is_the_latest_one(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"), **BOTH)
    deployment.sandbox.configure(nulls=True)
    deployment.run(email_leads("ada"), **BOTH, **AGAIN)
    assert deployment.rows("SELECT email FROM people") == [(None,)]
    assert deployment.rows("SELECT count(*) FROM people__phone_numbers") == [(0,)]


def test_in_one_load_too_an_answer_that_asked_and_got_none_counts(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"), **BOTH)
    deployment.sandbox.configure(nulls=True)
    deployment.buy(email_leads("ada"), **BOTH, **AGAIN)
    deployment.sandbox.configure(nulls=False)
    deployment.clock.advance(60)
    deployment.run(ADA_BY_NAME)
    assert revealed_of(deployment) == {"Ada": (None, 0)}


def test_duckdb_is_asked_for_all_people_of_the_load_at_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"ada{n}" for n in range(5)]
    deployment.run(email_leads(*names), **BOTH)
    asked = _watched(monkeypatch)
    deployment.run(email_leads("new", *names), **AGAIN)
    assert len(asked) == 1
    found = deployment.rows("SELECT count(email), count(*) FROM people")
    assert found == [(5, 6)]


def test_where_nothing_revealed_is_stored_no_person_is_looked_up(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revealed, "_FEW", 0)
    deployment.run(email_leads("ada", "bob"))
    asked = _watched(monkeypatch)
    deployment.run(email_leads("ada", "bob", "cy"), **AGAIN)
    assert asked == []


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The ids of each statement that reads addresses, from now on."""
    asked: list[tuple[Any, ...]] = []
    read = Warehouse.read

    def watched(warehouse: Warehouse, sql: str, *ids: Any) -> Any:
        if sql.startswith("SELECT id, email"):
            asked.append(ids)
        return read(warehouse, sql, *ids)

    monkeypatch.setattr(Warehouse, "read", watched)
    return asked
