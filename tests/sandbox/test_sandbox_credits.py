"""The 0.5 / 1 / 1 rules (api-notes: credits), and what happens when credits run out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from amplemarket_source.sandbox.options import Variant
from tests.sandbox.sandbox_api import Api, people

HOUR = 3600.0


def test_a_found_person_costs_half_a_credit_and_others_nothing(api: Api) -> None:
    api.finished([*people(3), {"email": "missing@site.example"}, {"email": "removed@site.example"}])
    assert api.sandbox.account.email_spent == 1.5
    assert {charge.reason for charge in api.sandbox.charges} == {"found"}


def test_nothing_is_charged_before_the_work_is_done(api: Api) -> None:
    api.started(people(3))
    assert api.sandbox.account.email_spent == 0
    api.sandbox.settle()
    assert api.sandbox.account.email_spent == 1.5


@pytest.mark.parametrize(("hours", "spent"), [(0, 0.5), (23.999, 0.5), (24, 1.0), (30, 1.0)])
def test_a_person_is_charged_again_only_after_24_hours(
    api: Api, hours: float, spent: float
) -> None:
    api.finished(people(1))
    api.clock.sleep(hours * HOUR)
    api.finished(people(1))
    assert api.sandbox.account.email_spent == spent


def test_the_24_hours_count_from_the_last_charge(api: Api) -> None:
    for _ in range(4):
        api.finished(people(1))
        api.clock.sleep(16 * HOUR)
    assert api.sandbox.account.email_spent == 1.0


def test_one_person_under_two_spellings_is_charged_once(api: Api) -> None:
    api.finished(
        [
            {"email": "ada.byron@site.example"},
            {"email": "ADA.BYRON@SITE.example"},
            {"name": "Ada  Byron", "company_domain": "https://www.site.example/team"},
        ]
    )
    assert api.sandbox.account.email_spent == 0.5


def test_reveals_are_charged_once_for_ever(api: Api) -> None:
    for _ in range(3):
        api.finished(people(1), reveal_email=True, reveal_phone_numbers=True)
        api.clock.sleep(1000 * HOUR)
    assert api.sandbox.account.email_spent == 3 * 0.5 + 1
    assert api.sandbox.account.phone_spent == 1
    reasons = [charge.reason for charge in api.sandbox.charges]
    assert reasons == ["found", "email", "phone", "found", "found"]


@pytest.mark.parametrize("variant", [{"nulls": True}, {"children": "none"}])
def test_a_reveal_by_which_nothing_came_is_not_charged(
    make_api: Callable[..., Api], variant: dict[str, Any]
) -> None:
    api = make_api(variant=Variant(**variant))
    (row,) = api.finished(people(1), reveal_email=True, reveal_phone_numbers=True)["results"]
    email_came = row["result"]["email"] is not None
    assert (api.sandbox.account.email_spent, email_came) == (
        0.5 + email_came,
        "nulls" not in variant,
    )
    assert (api.sandbox.account.phone_spent, row["result"]["phone_numbers"]) == (0, [])


def test_what_is_not_asked_for_is_not_revealed(api: Api) -> None:
    plain = api.finished(people(1))["results"][0]["result"]
    assert (plain["email"], plain["phone_numbers"]) == (None, [])
    shown = api.finished(people(1), reveal_email=True, reveal_phone_numbers=True)
    person = shown["results"][0]["result"]
    assert person["email"] == "ada.lovelace0@site0.example"
    assert len(person["phone_numbers"]) == 1


def test_a_company_costs_half_a_credit_in_24_hours(api: Api) -> None:
    for _ in range(2):
        api.finished([{"domain": "site.example"}], kind="companies")
    api.client.get("/companies/find", params={"domain": "site.example"})
    assert api.sandbox.account.email_spent == 0.5


def test_a_lookup_with_a_pending_reveal_is_charged_once(api: Api) -> None:
    api.sandbox.configure(pending_finds=1)
    ada = {"linkedin_url": "linkedin.example/in/ada"}
    query = {**ada, "reveal_email": "true", "reveal_phone_numbers": "true"}
    for _ in range(4):
        api.client.get("/people/find", params=query)
    assert (api.sandbox.account.email_spent, api.sandbox.account.phone_spent) == (1.5, 1.0)
    assert {charge.request_id for charge in api.sandbox.charges} == {None}


@pytest.mark.parametrize("status", [402, 400, 403])
def test_an_account_without_credits_is_refused_at_once(
    make_api: Callable[..., Api], status: int
) -> None:
    api = make_api(email_credits=0.4, insufficient_status=status)
    response = api.post(people(1))
    assert response.status_code == status
    assert response.json()["_errors"][0]["code"] == "insufficient_credits"
    assert api.sandbox.requests == {}


def test_credits_that_run_out_midway_end_in_error_with_the_rows_paid(
    make_api: Callable[..., Api],
) -> None:
    api = make_api(email_credits=2)
    document = api.finished([{"email": "missing@site.example"}, *people(9)])
    assert document["status"] == "error"
    assert document["_errors"][0]["code"] == "insufficient_credits"
    assert [row["status"] for row in document["results"]] == ["not_found"] + ["enriched"] * 4
    assert api.sandbox.account.email_spent == 2


def test_phone_credits_are_an_account_of_their_own(make_api: Callable[..., Api]) -> None:
    api = make_api(phone_credits=1)
    document = api.finished(people(3), reveal_phone_numbers=True)
    assert (document["status"], len(document["results"])) == ("error", 1)
    assert api.sandbox.account.email_spent == 0.5


def test_the_log_over_http_counts_submissions_and_charges_by_lead(api: Api) -> None:
    lead: dict[str, Any] = {"email": "Ada@site.example", "name": "Ada"}
    for _ in range(2):
        api.finished([lead], reveal_email=True)
    log = api.client.get("/_sandbox/log").json()
    name = "email=ada@site.example|name=ada"
    assert log["totals"] == {"posts": 2, "leads": 2, "email_credits": 1.5, "phone_credits": 0}
    assert log["submitted"]["people"] == {name: 2}
    charged = {"found": {name: 1}, "email": {name: 1}, "phone": {}, "validation": {}}
    assert log["charged"] == charged
    assert [post["status"] for post in log["posts"]] == ["completed", "completed"]
    first = log["charges"][0]
    assert (first["kind"], first["reason"], first["request_id"]) == ("people", "found", 1)
    assert first["charged_at"].endswith("+00:00")
    assert set(api.client.get("/_sandbox/log?leads=false").json()) == {"totals", "posts"}
