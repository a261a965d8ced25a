"""What was said before stays: an answer has its row in the history of whom it is about."""

from __future__ import annotations

from datetime import timedelta

import pytest

from amplemarket_source.kinds import COMPANIES
from amplemarket_source.run import forget as module
from amplemarket_source.run.forget import forget
from amplemarket_source.sandbox.faults import Fault
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import run_to_the_end

pytestmark = pytest.mark.slow

AGAIN = {"refresh_after": "0s"}
DAY = 86_400


def test_a_newer_answer_leaves_the_older_one_in_the_history(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "bob"))
    (before,) = deployment.rows("SELECT title, company_id FROM people WHERE first_name = 'Ada'")
    deployment.sandbox.configure(generation=1)
    deployment.clock.advance(DAY)
    deployment.run(email_leads("ada"), **AGAIN)
    ((person, *now),) = deployment.rows(
        "SELECT id, title, company_id FROM people WHERE first_name = 'Ada'"
    )
    history = f"FROM people_history WHERE person_id = '{person}' ORDER BY enriched_at"
    assert deployment.rows(f"SELECT title, company_id {history}") == [before, tuple(now)]
    assert before != tuple(now)
    assert deployment.rows("SELECT count(*) FROM people_history") == [(3,)]
    latest = deployment.rows(
        "SELECT p.id FROM people p JOIN people_history h "
        "ON h.person_id = p.id AND h.request_key = p.request_key AND h.enriched_at = p.enriched_at"
    )
    assert len(latest) == 2


def test_an_answer_that_a_newer_one_of_the_same_load_overtook_is_there(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"))
    deployment.clock.advance(60)
    deployment.run([{"name": "Ada", "company_domain": "ada.example"}])
    assert deployment.people() == 1
    assert deployment.rows("SELECT count(DISTINCT request_key) FROM people_history") == [(2,)]
    assert deployment.rows("SELECT count(DISTINCT request_key) FROM companies_history") == [(2,)]


def test_two_rows_of_one_request_are_one_answer(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("rows_duplicated"))
    deployment.run([*email_leads("ada"), {"name": "Ada", "company_domain": "ada.example"}])
    for table in ("people_history", "companies_history"):
        assert deployment.rows(f"SELECT count(*) FROM {table}") == [(1,)]


def test_a_page_that_fits_no_type_has_the_same_history(deployment: Deployment) -> None:
    def odd(person: dict[str, object]) -> dict[str, object]:
        return {**person, "about": ["a list"]}

    deployment.run(email_leads("ada"), reveal_email=True, reveal_phone_numbers=True)
    deployment.sandbox.set_faults(Fault("row_patch", value=odd))
    deployment.clock.advance(DAY)
    deployment.run(email_leads("ada"), reveal_email=True, reveal_phone_numbers=True, **AGAIN)
    columns = "* EXCLUDE (request_key, enriched_at, _dlt_load_id, _dlt_id)"
    for table in ("people_history", "companies_history"):
        first, second = deployment.rows(f"SELECT {columns} FROM {table} ORDER BY enriched_at")
        assert first == second
        assert None not in first


def test_it_says_what_the_answer_brought_not_what_was_kept(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"), reveal_email=True, reveal_phone_numbers=True)
    deployment.clock.advance(DAY)
    deployment.run(email_leads("ada"), **AGAIN)
    assert deployment.rows("SELECT email IS NOT NULL FROM people") == [(True,)]
    brought = deployment.rows(
        "SELECT has_email, has_phone FROM people_history ORDER BY enriched_at"
    )
    assert brought == [(True, True), (False, False)]


def test_a_company_has_a_history_by_whatever_it_came(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    deployment.clock.advance(DAY)
    run_to_the_end(
        deployment.pipeline(),
        deployment.settings(),
        {COMPANIES: [{"domain": "ada.example"}]},
        deployment.clock,
    )
    found = deployment.rows(
        "SELECT count(*), count(DISTINCT r.kind), count(estimated_number_of_employees) "
        "FROM companies_history h JOIN enrichment_requests r USING (request_key)"
    )
    assert found == [(2, 2, 2)]
    assert deployment.rows("SELECT count(*) FROM companies") == [(1,)]


def test_whoever_is_erased_has_no_history_left(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "bob"))
    deployment.clock.advance(DAY)
    deployment.run(email_leads("ada", "bob"), **AGAIN)
    removed = forget(deployment.pipeline(), email="ada@ada.example").rows_removed
    assert removed["people_history"] == 2
    assert deployment.rows(
        "SELECT count(*) FROM people_history WHERE person_id IN (SELECT id FROM people)"
    ) == [(2,)]
    assert deployment.rows("SELECT count(*) FROM people_history") == [(2,)]


def test_an_old_answer_goes_for_its_age_though_the_person_stays(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run(email_leads("ada"))
    deployment.clock.advance(40 * DAY)
    deployment.run(email_leads("ada"), **AGAIN)
    monkeypatch.setattr(module, "SystemClock", lambda: ManualClock(deployment.clock.now()))
    forget(deployment.pipeline(), older_than="30d")
    assert deployment.people() == 1
    assert deployment.rows("SELECT count(*) FROM people_history") == [(1,)]


def test_leads_and_results_say_since_when_they_tell_of_nobody(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "bob", "removed1"))
    deployment.clock.advance(DAY)
    forget(deployment.pipeline(), email="ada@ada.example")
    for of in ("l", "r"):
        rows = deployment.rows(
            f"SELECT external_id, {of}.erased_at IS NOT NULL FROM leads l "
            "JOIN enrichment_results r USING (lead_key) ORDER BY 1"
        )
        assert rows == [("ada", True), ("bob", False), ("removed1", True)]
    # Known by its hash alone, under another key of the user's.
    deployment.run([{"email": "ADA@ada.example", "external_id": "again"}])
    assert deployment.rows(
        "SELECT email, erased_at IS NOT NULL FROM leads WHERE external_id = 'again'"
    ) == [(None, True)]


def test_a_lead_erased_for_its_age_is_told_of_again_once_it_is_listed_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run(email_leads("ada"))
    deployment.clock.advance(40 * DAY)
    monkeypatch.setattr(module, "SystemClock", lambda: ManualClock(deployment.clock.now()))
    forget(deployment.pipeline(), older_than="30d")
    told = "SELECT email, erased_at IS NOT NULL FROM leads"
    assert deployment.rows(told) == [(None, True)]
    report = deployment.run(email_leads("ada"), refresh_after="30d")
    assert report.leads_bought == 1
    assert deployment.rows(told) == [("ada@ada.example", False)]
    assert deployment.rows("SELECT erased_at FROM enrichment_results") == [(None,)]


@pytest.mark.parametrize("stage", ["lead", "field"])
def test_a_reject_keeps_the_time_when_it_was_met_first(deployment: Deployment, stage: str) -> None:
    def odd(person: dict[str, object]) -> dict[str, object]:
        return {**person, "about": {"not": ["a", "text"]}, "is_b2b": "maybe"}

    leads = email_leads("ada")
    if stage == "lead":
        leads += [{"email": "not an address", "external_id": "x"}]
    else:
        deployment.sandbox.set_faults(Fault("row_patch", value=odd))
    started = deployment.clock.now()
    deployment.run(leads)
    deployment.clock.advance(DAY)
    deployment.run(leads, **AGAIN)
    rows = deployment.rows(
        "SELECT first_rejected_at, rejected_at, request_key IS NOT NULL FROM rejects "
        f"WHERE stage = '{stage}'"
    )
    assert rows
    for first, last, has_request in rows:
        assert last - first >= timedelta(days=1)
        assert first - started < timedelta(hours=1)
        assert has_request == (stage == "field")
