"""Searches, e-mail validations and the limits of single endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from amplemarket_source.sandbox import SANDBOX_HELP, Fault
from tests.sandbox.sandbox_api import Api


def order(api: Api, *emails: str) -> str:
    """The path of a new order of validations."""
    body = {"emails": [{"email": email} for email in emails]}
    response = api.client.post("/email-validations", json=body)
    assert response.status_code == 202, response.text
    return str(response.headers["Location"])


def test_an_order_goes_as_an_enrichment_does_under_a_uuid(api: Api) -> None:
    path = order(api, "ada@site.example", "risky.one@catchall.example")
    assert api.sandbox.account.email_spent == 0
    first, last = api.client.get(path), api.client.get(path)
    assert (first.json()["status"], first.headers["Retry-After"]) == ("processing", "1")
    document = last.json()
    assert document["object"] == "email_validation"
    assert path == f"/email-validations/{document['id']}"
    assert len(document["id"]) == 36
    kind = {"object": "email_validation_result"}
    assert document["results"] == [
        {**kind, "email": "ada@site.example", "result": "deliverable", "catch_all": False},
        {**kind, "email": "risky.one@catchall.example", "result": "risky", "catch_all": True},
    ]
    assert api.sandbox.account.email_spent == 2
    assert api.client.get(path.replace("email-validations", "people/enrichment-requests")).is_error


def test_its_cursor_is_the_address_and_an_address_is_one_row(api: Api) -> None:
    emails = [f"person.{number}@site.example" for number in range(5)]
    path = order(api, *emails, "PERSON.0@site.example")
    api.sandbox.settle()
    rows, link = [], f"{path}?page[size]=2"
    while link:
        document = api.client.get(link).json()
        rows += document["results"]
        link = document["_links"].get("next", {}).get("href", "")
        assert not link or link.endswith(f"page[after]={rows[-1]['email']}")
    assert [row["email"] for row in rows] == emails
    middle = api.client.get(f"{path}?page[size]=2&page[before]={emails[3]}").json()["results"]
    assert [row["email"] for row in middle] == emails[1:3]


def test_canceling_it_keeps_and_charges_what_was_done(make_api: Callable[..., Api]) -> None:
    api = make_api(polls_until_done=4)
    path = order(api, *(f"p{number}@site.example" for number in range(100)))
    for _ in range(2):
        api.client.get(path)
    document = api.client.patch(path, json={"status": "canceled"}).json()
    assert (document["status"], len(document["results"])) == ("canceled", 50)
    assert api.sandbox.account.email_spent == 50


def test_an_hour_of_the_clock_validates_so_many(make_api: Callable[..., Api]) -> None:
    api = make_api(validations_per_hour=15_000)
    path = order(api, *(f"p{number}@site.example" for number in range(1000)))
    spent = []
    for _ in range(3):
        api.clock.advance(100)
        status = api.client.get(path).json()["status"]
        spent.append((status, api.sandbox.account.email_spent))
    assert spent == [("processing", 416), ("processing", 833), ("completed", 1000)]


def test_credits_that_run_out_end_it_with_the_rows_paid(make_api: Callable[..., Api]) -> None:
    api = make_api(email_credits=2.5)
    path = order(api, "a@site.example", "b@site.example", "c@site.example")
    api.sandbox.settle()
    document = api.client.get(path).json()
    assert (document["status"], len(document["results"])) == ("error", 2)
    assert document["_errors"][0]["code"] == "insufficient_credits"
    refused = api.client.post("/email-validations", json={"emails": [{"email": "d@site.example"}]})
    assert refused.status_code == 402


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"emails": []}, "/emails"),
        ({"emails": ["ada@site.example"]}, "/emails/0"),
        ({"emails": [{"email": "ada"}]}, "/emails/0/email"),
        ({"emails": [{"email": "a@b.example", "name": "A"}]}, "/emails/0/name"),
        ({"emails": [{"email": "a@b.example"}], "reveal_email": True}, "/reveal_email"),
    ],
)
def test_a_wrong_order_is_refused_with_the_place(api: Api, body: Any, pointer: str) -> None:
    response = api.client.post("/email-validations", json=body)
    assert response.status_code == 400
    assert response.json()["_errors"][0]["source"] == {"pointer": pointer}


def test_too_many_addresses_are_refused_as_documented(make_api: Callable[..., Api]) -> None:
    api = make_api(max_emails=2)
    body = {"emails": [{"email": f"p{number}@site.example"} for number in range(3)]}
    (problem,) = api.client.post("/email-validations", json=body).json()["_errors"]
    assert problem["detail"] == "Number of emails exceeds 2 limit"


def test_faults_reach_an_order_by_its_path(api: Api) -> None:
    path = order(api, "ada@site.example")
    api.sandbox.set_faults(Fault("poll_503", method="GET", path="/email-validations/", count=1))
    assert [api.client.get(path).status_code for _ in range(2)] == [503, 200]


def test_a_search_narrows_by_what_it_knows_and_pages_in_the_body(api: Api) -> None:
    first = api.client.post("/people/search", json={}).json()
    assert first["_pagination"] == {"page": 1, "page_size": 5, "total": 2000, "total_pages": 400}
    body = {"person_titles": ["engineer"], "company_sizes": ["201-500 employees"], "page_size": 100}
    found = api.client.post("/people/search", json=body).json()
    assert 0 < found["_pagination"]["total"] == len(found["results"]) < 100
    for person in found["results"]:
        assert "Engineer" in person["title"]
        assert person["company"]["size"] == "201-500 employees"
    exact = {**body, "person_title_exact_match": True}
    assert api.client.post("/people/search", json=exact).json()["results"] == []
    second = api.client.post("/people/search", json={"page": 2}).json()["results"]
    both = api.client.post("/people/search", json={"page_size": 10}).json()["results"]
    assert first["results"] + second == both


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"page_size": 101}, "/page_size"),
        ({"page": 0}, "/page"),
        ({"page": {"size": 5}}, "/page"),
        ({"page": 2001}, "/page"),
    ],
)
def test_a_search_ends_at_ten_thousand_rows_and_a_hundred_a_page(
    api: Api, body: Any, pointer: str
) -> None:
    api.sandbox.configure(people=20_000)
    assert api.client.post("/people/search", json={"page": 2000}).status_code == 200
    response = api.client.post("/people/search", json=body)
    assert response.json()["_errors"][0]["source"] == {"pointer": pointer}


def test_a_found_company_is_the_one_that_enrichment_gives(api: Api) -> None:
    body = {"company_types": ["Nonprofit"], "company_industries": ["Retail"]}
    for company in api.client.post("/companies/search", json=body).json()["results"]:
        assert (company["type"], company["industry"]) == ("Nonprofit", "Retail")
        domain = company["website"].removeprefix("https://")
        assert api.client.get("/companies/find", params={"domain": domain}).json() == company


@pytest.mark.parametrize(("switch", "spent"), [(False, 0), (True, 2.5)])
def test_a_search_is_free_unless_switched(api: Api, switch: bool, spent: float) -> None:
    api.sandbox.configure(search_costs=switch)
    for _ in range(2):
        api.client.post("/people/search", json={})
    assert api.sandbox.account.email_spent == spent


@pytest.mark.parametrize(
    ("path", "calls", "minutes"),
    [("/people/find?email=ada@site.example", 350, 1), ("/calls/x/recording", 50, 60)],
)
def test_an_endpoint_with_a_limit_of_its_own_keeps_it(
    make_api: Callable[..., Api], path: str, calls: int, minutes: int
) -> None:
    api = make_api(requests_per_minute=500)
    assert all(api.client.get(path).status_code != 429 for _ in range(calls))
    over = api.client.get(path)
    assert (over.status_code, over.headers["Retry-After"]) == (429, str(60 * minutes))
    assert api.client.get("/account-info").status_code == 200
    api.clock.advance(60 * minutes)
    assert api.client.get(path).status_code != 429


def test_the_help_names_every_endpoint_and_every_option(api: Api) -> None:
    for path in ("/people/enrichment-requests/{id}", "/lead-lists/{id}", "/contacts/email/{email}"):
        assert f" {path} " in SANDBOX_HELP
    options = api.sandbox.options
    for settings in (options, options.variant, options.workspace):
        for name in settings.__dataclass_fields__:
            assert f" {name}" in SANDBOX_HELP, name
