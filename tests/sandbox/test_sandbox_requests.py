"""How an enrichment request goes: queued, processing, completed; its pages; its cancelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api, people


def test_a_post_is_accepted_with_the_documented_body(api: Api) -> None:
    response = api.post(people(1))
    assert response.status_code == 202
    assert response.headers["Location"] == "/people/enrichment-requests/1"
    assert response.json() == {
        "id": 1,
        "object": "person_enrichment",
        "status": "queued",
        "results": [],
        "_links": {"self": {"href": "/people/enrichment-requests/1"}},
    }


def test_the_number_of_polls_decides_the_status(make_api: Callable[..., Api]) -> None:
    api = make_api(polls_until_done=4, retry_after=3)
    path = api.started(people(2))
    answers = [api.client.get(path) for _ in range(5)]
    assert [answer.json()["status"] for answer in answers] == [
        "queued",
        "processing",
        "processing",
        "completed",
        "completed",
    ]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["3"] * 3 + [None] * 2
    assert [len(answer.json()["results"]) for answer in answers] == [0, 0, 0, 2, 2]


def test_the_clock_decides_where_seconds_are_set(make_api: Callable[..., Api]) -> None:
    api = make_api(seconds_until_done=60)
    path = api.started(people(2))
    statuses = []
    for _ in range(3):
        statuses.append(api.client.get(path).json()["status"])
        api.clock.sleep(30)
    assert statuses == ["queued", "processing", "completed"]


def test_next_links_lead_to_each_row_once_and_end(api: Api) -> None:
    leads = people(250)
    page = api.finished(leads)
    rows, sizes = [], []
    while True:
        rows += page["results"]
        sizes.append(len(page["results"]))
        if "next" not in page["_links"]:
            break
        href = page["_links"]["next"]["href"]
        assert href == f"/people/enrichment-requests/1?page[size]=100&page[after]={rows[-1]['id']}"
        page = api.client.get(href).json()
    assert sizes == [100, 100, 50]
    assert [row["email"] for row in rows] == [lead["email"] for lead in leads]
    assert len({row["id"] for row in rows}) == 250


def test_prev_leads_back_and_cursors_are_exclusive(api: Api) -> None:
    api.finished(people(3))
    first = api.finished(people(10))
    path = first["_links"]["self"]["href"]
    ids = [row["id"] for row in first["results"]]
    middle = api.client.get(f"{path}?page[size]=4&page[after]={ids[3]}").json()
    assert [row["id"] for row in middle["results"]] == ids[4:8]
    back = api.client.get(middle["_links"]["prev"]["href"]).json()
    assert [row["id"] for row in back["results"]] == ids[:4]
    assert "prev" not in back["_links"]
    assert api.client.get(f"{path}?page[after]={ids[-1]}").json()["results"] == []


def test_a_server_with_small_pages_gives_no_larger_ones(make_api: Callable[..., Api]) -> None:
    api = make_api(page_size=2)
    page = api.finished(people(3))
    assert len(page["results"]) == 2
    assert "page[size]=2" in page["_links"]["next"]["href"]


def test_a_row_echoes_what_was_sent_as_it_was_sent(api: Api) -> None:
    leads = [
        {"email": " Ada@Site.example"},
        {"linkedin_url": "HTTPS://www.linkedin.example/in/Ada/", "title": "Countess"},
        {"name": "notfound Person", "company_name": "Site"},
        {"email": "removed.person@site.example"},
    ]
    rows = api.finished(leads)["results"]
    own = [{key: row[key] for key in row if key not in ("id", "status", "result")} for row in rows]
    assert own == leads
    assert [row["status"] for row in rows] == [
        "enriched",
        "enriched",
        "not_found",
        "gdpr_removed",
    ]
    assert [row["result"] is None for row in rows] == [False, False, True, True]


def test_canceling_in_the_middle_shows_and_charges_the_rows_done(
    make_api: Callable[..., Api],
) -> None:
    api = make_api(polls_until_done=4)
    path = api.started(people(100))
    for _ in range(3):
        api.client.get(path)
    response = api.client.patch(f"{path}?page[size]=50", json={"status": "canceled"})
    assert response.status_code == 200
    assert response.json()["status"] == "canceled"
    assert len(response.json()["results"]) == 50
    rest = api.client.get(response.json()["_links"]["next"]["href"]).json()
    assert len(rest["results"]) == 25
    assert "next" not in rest["_links"]
    assert api.sandbox.account.email_spent == 0.5 * 75


def test_canceling_what_was_never_polled_costs_nothing(api: Api) -> None:
    path = api.started(people(5))
    document = api.client.patch(path, json={"status": "canceled"}).json()
    assert (document["status"], document["results"]) == ("canceled", [])
    assert api.sandbox.charges == []


def test_canceling_a_finished_request_changes_nothing(api: Api) -> None:
    finished = api.finished(people(3))
    path = finished["_links"]["self"]["href"]
    assert api.client.patch(path, json={"status": "canceled"}).json() == finished


def test_companies_go_the_same_way(api: Api) -> None:
    document = api.finished(
        [{"domain": "www.Site.example"}, {"domain": "missing.example"}], kind="companies"
    )
    assert document["object"] == "company_enrichment"
    found, missed = document["results"]
    assert found["result"]["object"] == "company"
    assert found["result"]["website"] == "https://site.example"
    assert (missed["status"], missed["result"]) == ("not_found", None)


@pytest.mark.parametrize("children", ["fewer", "none"])
def test_a_later_request_can_find_fewer_children(api: Api, children: str) -> None:
    lead = people(1)
    before = api.finished(lead, reveal_phone_numbers=True)["results"][0]["result"]
    api.sandbox.configure(children=children)
    after = api.finished(lead, reveal_phone_numbers=True)["results"][0]["result"]
    counts = {"fewer": (3, 1, 1, 1, 5, 3), "none": (0, 0, 0, 0, 0, 0)}[children]
    assert _child_counts(before) == (5, 2, 2, 1, 10, 6)
    assert _child_counts(after) == counts
    assert after["id"] == before["id"]


def _child_counts(person: dict[str, Any]) -> tuple[int, ...]:
    lists = (person[name] for name in ("experiences", "educations", "languages", "phone_numbers"))
    company = person["company"]
    return (
        *(len(items) for items in lists),
        len(company["technologies"]),
        len(company["department_headcount"]),
    )


def test_a_request_keeps_the_answers_it_was_accepted_with(api: Api) -> None:
    first = api.finished(people(1))
    api.sandbox.configure(generation=1)
    assert api.client.get(first["_links"]["self"]["href"]).json() == first
    second = api.finished(people(1))["results"][0]["result"]
    assert second["title"] != first["results"][0]["result"]["title"]


def test_nulls_leaves_only_id_and_object(api: Api) -> None:
    api.sandbox.configure(nulls=True)
    person = api.finished(people(1), reveal_email=True)["results"][0]["result"]
    company = person.pop("company")
    for entity in (person, company):
        assert {key for key, value in entity.items() if value not in (None, [], {})} == {
            "id",
            "object",
        }


def test_a_person_can_be_removed_later(api: Api) -> None:
    assert api.finished(people(1))["results"][0]["status"] == "enriched"
    api.sandbox.configure(removed_prefixes=["removed", "gdpr", "ada.lovelace0"])
    assert api.finished(people(1))["results"][0]["status"] == "gdpr_removed"


def test_a_reveal_comes_at_once_unless_it_is_told_to_wait(
    make_api: Callable[..., Api],
) -> None:
    ada = {"name": "Ada Byron", "company_domain": "site.example"}
    query = {**ada, "reveal_email": "true"}
    at_once = make_api().client.get("/people/find", params=query)
    assert (at_once.status_code, at_once.json()["email"]) == (200, "ada.byron@site.example")
    assert "Retry-After" not in at_once.headers
    api = make_api(pending_finds=1)
    pending = api.client.get("/people/find", params=query)
    assert (pending.status_code, pending.headers["Retry-After"]) == (202, "1")
    assert pending.json()["email"] is None
    ready = api.client.get("/people/find", params=query)
    assert ready.status_code == 200
    assert ready.json()["email"] == "ada.byron@site.example"
    assert ready.json()["object"] == "person"
    plain = api.client.get("/people/find", params=ada)
    assert (plain.status_code, plain.json()["email"]) == (200, None)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/people/find?email=notfound@site.example", 404, "person_not_found"),
        ("/people/find?email=gdpr@site.example", 451, "unavailable_for_legal_reasons"),
        ("/companies/find?domain=missing.example", 404, "company_not_found"),
    ],
)
def test_a_lookup_without_an_answer_says_why(api: Api, path: str, status: int, code: str) -> None:
    response = api.client.get(path)
    assert response.status_code == status
    assert response.json()["_errors"][0]["code"] == code
    assert api.sandbox.charges == []


def test_a_company_lookup_answers_with_the_bare_company(api: Api) -> None:
    company = api.client.get("/companies/find", params={"domain": "site.example"}).json()
    nested = api.finished([{"email": "x@site.example"}])["results"][0]["result"]["company"]
    assert company == nested
