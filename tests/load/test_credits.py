"""The ledger's estimates are what the account was charged, to the credit."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from amplemarket_source.kinds import COMPANIES, PEOPLE
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import run_to_the_end

pytestmark = pytest.mark.slow

BOTH = {"reveal_email": True, "reveal_phone_numbers": True}
AGAIN = {"refresh_after": "0s"}
ADA_BY_NAME = [{"name": "Ada", "company_domain": "ada.example", "external_id": "by name"}]


def hours(deployment: Deployment, count: float) -> None:
    deployment.clock.advance(timedelta(hours=count).total_seconds())


def estimated(deployment: Deployment) -> dict[str, tuple[float, float]]:
    """E-mail and phone credits by the API's id of the request."""
    rows = deployment.rows(
        "SELECT request_id, email_credits_estimated, phone_credits_estimated "
        "FROM enrichment_requests WHERE loaded_at IS NOT NULL"
    )
    return {request_id: (email, phone) for request_id, email, phone in rows}


def charged(deployment: Deployment) -> dict[str, tuple[float, float]]:
    """The same, as the server has it."""
    email: Counter[str] = Counter()
    phone: Counter[str] = Counter()
    for charge in deployment.sandbox.charges:
        (phone if charge.reason == "phone" else email)[str(charge.request_id)] += charge.credits
    return {str(number): (email[str(number)], phone[str(number)]) for number in _ids(deployment)}


def _ids(deployment: Deployment) -> list[int]:
    return list(deployment.sandbox.requests)


def assert_equal(deployment: Deployment, email: float, phone: float) -> None:
    assert estimated(deployment) == charged(deployment)
    assert tuple(map(sum, zip(*estimated(deployment).values(), strict=True))) == (email, phone)


def test_a_person_is_charged_for_once_in_24_hours_whatever_comes_between(
    deployment: Deployment,
) -> None:
    for _ in range(4):
        deployment.run(email_leads("ada", "notfound1"), **AGAIN, retry_not_found_after="0s")
        hours(deployment, 16)
    assert_equal(deployment, 1.0, 0.0)


def test_a_reveal_is_charged_for_once_ever(deployment: Deployment) -> None:
    for reveals in (BOTH, {}, BOTH, {"reveal_email": True}):
        deployment.run(email_leads("ada", "bob"), **reveals, **AGAIN)
        hours(deployment, 30)
    assert_equal(deployment, 2 * (4 * 0.5 + 1), 2.0)


def test_an_address_that_is_gone_and_comes_back_was_paid_for(deployment: Deployment) -> None:
    for nulls in (False, True, False):
        deployment.sandbox.configure(nulls=nulls)
        deployment.run(email_leads("ada"), **BOTH, **AGAIN)
    assert_equal(deployment, 1.5, 1.0)


def test_a_person_found_by_two_leads_of_one_request_is_charged_for_once(
    deployment: Deployment,
) -> None:
    deployment.run([*email_leads("ada"), *ADA_BY_NAME], **BOTH)
    assert deployment.outcomes() == {"ada": "enriched", "by name": "enriched"}
    assert_equal(deployment, 1.5, 1.0)


@pytest.mark.parametrize("in_one_load", [True, False])
@pytest.mark.parametrize("gap", [0, 30])
def test_a_person_found_by_leads_of_two_requests_is_charged_for_in_the_first(
    deployment: Deployment, in_one_load: bool, gap: float
) -> None:
    (deployment.buy if in_one_load else deployment.run)(email_leads("ada"), reveal_email=True)
    hours(deployment, gap)
    deployment.run(ADA_BY_NAME, **BOTH)
    assert len(estimated(deployment)) == 2
    assert_equal(deployment, 2.0 if gap else 1.5, 1.0)


def test_requests_loaded_in_another_order_than_they_were_answered_add_up(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"))
    (deployment.folder / "pipelines").rename(deployment.folder / "elsewhere")
    hours(deployment, 30)
    deployment.sandbox.set_faults("poll_503")
    deployment.run(ADA_BY_NAME, poll_timeout="0s")
    deployment.sandbox.set_faults()
    deployment.run(None)
    assert_equal(deployment, 1.0, 0.0)


def test_a_load_that_comes_again_comes_to_the_same(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    hours(deployment, 30)
    deployment.run(email_leads("ada"), **BOTH, **AGAIN)
    # As if the second load had died before its last table, on a machine that is gone.
    deployment.rows("UPDATE enrichment_requests SET loaded_at = NULL WHERE request_id = '2'")
    deployment.wipe_disk()
    deployment.rows(
        "INSERT INTO _amplemarket_request_leads SELECT request_key, lead_key, '-', '-' "
        "FROM enrichment_results"
    )
    hours(deployment, 1)
    deployment.run(None)
    assert_equal(deployment, 2.0, 1.0)


def test_companies_are_charged_for_like_people_and_a_person_s_company_is_not(
    deployment: Deployment,
) -> None:
    settings = deployment.settings(**AGAIN)
    people, companies = email_leads("ada", "bob"), [{"domain": "ada.example"}]
    for _ in range(2):
        inputs = {PEOPLE: people, COMPANIES: companies}
        run_to_the_end(deployment.pipeline(), settings, inputs, deployment.clock)
    assert_equal(deployment, 1.5, 0.0)


def test_what_was_charged_for_an_erased_person_names_nobody(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    ((identity,),) = deployment.rows("SELECT id FROM people")
    assert identity not in repr(deployment.rows("SELECT * FROM _amplemarket_charges"))
