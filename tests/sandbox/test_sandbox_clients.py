"""What public clients of the API send, in their order, and what they read of the answers.

Each test is a client as its code has it: its calls, its paging, the fields it takes, its slips, and
which of them were mended after it met the API. What the API does there is in ``docs/api-notes.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api

Document = dict[str, Any]

ADA = "https://www.linkedin.com/in/ada-byron"


def rows_of(api: Api, path: str, *, tries: int = 20) -> list[Document]:
    """Poll until the end, then follow ``next``."""
    for _ in range(tries):
        document = api.client.get(path).json()
        if document["status"] == "completed":
            break
    rows: list[Document] = []
    while document is not None:
        rows += document["results"]
        link = document["_links"].get("next")
        document = api.client.get(link["href"]).json() if link else None
    return rows


def test_a_flow_in_production_asks_for_200_companies_a_page_and_follows_no_link(api: Api) -> None:
    companies = [
        {
            "domain": f"acme-{number}.example",
            "linkedin_url": f"https://linkedin.com/company/{number}",
        }
        for number in range(90)
    ]
    accepted = api.client.post("/companies/enrichment-requests", json={"companies": companies})
    path = f"/companies/enrichment-requests/{accepted.json()['id']}?page[size]=200"
    rows: list[Document] = []
    for _ in range(20):
        document = api.client.get(path).json()
        if document["status"] == "completed":
            rows = document["results"]
            break
    countries = {
        row["domain"]: next(
            (place["country"] for place in row["result"]["locations"] if place["is_primary"]),
            row["result"]["locations"][0]["country"],
        )
        for row in rows
        if isinstance(row.get("result"), dict)
    }
    assert len(countries) == 90
    assert api.client.post("/companies/enrichment-requests", json={"companies": []}).is_error


def test_its_wrong_paths_meet_the_gateway_and_its_misses_the_api(api: Api) -> None:
    for path in ("/v1/companies/find", "/company/linkedin/enrichment", "/people-enrichments"):
        assert "message" in api.client.get(path).json()
    missed = api.client.get("/companies/find", params={"domain": "missing.example"})
    assert (missed.status_code, "_errors" in missed.json()) == (404, True)
    assert api.client.post("/companies/find", json={"domain": "acme.example"}).status_code == 404


def test_an_adapter_takes_only_200_for_a_lookup_with_both_reveals(api: Api) -> None:
    reveals = {"reveal_email": "true", "reveal_phone_numbers": "true"}
    found = api.client.get("/people/find", params={"linkedin_url": ADA, **reveals})
    assert found.status_code == 200
    person = found.json()
    assert person["linkedin_url"] == "https://linkedin.com/in/ada-byron"
    assert person["email"]
    assert [phone["type"] for phone in person["phone_numbers"]] == ["mobile"]
    assert person["company"]["website"].removeprefix("https://").endswith(".example")
    for email, status, code in (
        ("missing@acme.example", 404, "person_not_found"),
        ("gdpr@acme.example", 451, "unavailable_for_legal_reasons"),
    ):
        response = api.client.get("/people/find", params={"email": email})
        assert (response.status_code, response.json()["_errors"][0]["code"]) == (status, code)


@pytest.mark.parametrize(("switch", "kind"), [("integers", int), ("strings", str)])
def test_it_reads_codes_of_industries_in_either_form_wherever_a_company_is(
    api: Api, switch: str, kind: type
) -> None:
    api.sandbox.configure(codes=switch)
    companies = [
        api.client.get("/companies/find", params={"domain": "acme.example"}).json(),
        api.client.get("/people/find", params={"email": "ada@acme.example"}).json()["company"],
        api.finished([{"domain": "acme.example"}], kind="companies")["results"][0]["result"],
    ]
    for company in companies:
        assert {type(code) for code in company["sic_codes"] + company["naics_codes"]} == {kind}


def test_a_package_for_a_crm_sends_all_it_has_and_no_reveal_of_an_address_it_has(api: Api) -> None:
    record = {
        "email": "ada.byron@acme.example",
        "name": "Ada Byron",
        "title": "Countess",
        "company_name": "Acme",
        "company_domain": "acme.example",
    }
    first = {**record, "reveal_email": "true", "reveal_phone_numbers": "true"}
    assert api.client.get("/people/find", params=first).status_code == 400
    mended = {**record, "reveal_phone_numbers": "true"}
    person = api.client.get("/people/find", params=mended).json()
    assert person["id"]
    assert person["phone_numbers"][0]["number"]
    assert (api.sandbox.account.email_spent, api.sandbox.account.phone_spent) == (0.5, 1.0)
    place = next(p for p in person["company"]["locations"] if p["is_primary"])
    assert {"address", "city", "state", "postal_code", "country"} <= place.keys()


@pytest.mark.parametrize(
    ("switch", "status"), [("not_found", 404), ("refused", 400), ("found", 200)]
)
def test_a_website_for_a_domain_finds_nobody_until_it_is_cut_to_its_host(
    api: Api, switch: str, status: int
) -> None:
    api.sandbox.configure(odd_identifiers=switch)
    website = api.client.get("/companies/find", params={"domain": "https://www.acme.example/about"})
    assert website.status_code == status
    cut = api.client.get("/companies/find", params={"domain": "acme.example"})
    assert cut.status_code == 200
    lead = {"name": "Ada", "company_domain": "http://acme.example"}
    answer = api.post([lead, {"name": "Ada", "company_domain": "acme.example"}])
    assert answer.status_code == (400 if switch == "refused" else 202)
    if switch == "not_found":
        statuses = [row["status"] for row in rows_of(api, answer.headers["Location"])]
        assert statuses == ["not_found", "enriched"]
    no_profile = api.client.get("/people/find", params={"linkedin_url": "https://acme.example/ada"})
    assert no_profile.status_code == status


def test_a_tool_server_asks_by_page_number_then_by_size_and_cancels_by_delete_then_patch(
    api: Api,
) -> None:
    assert api.client.get("/calls?page=2").status_code == 400
    assert len(api.client.get("/calls?page[size]=50").json()["calls"]) == 50
    path = api.started([{"email": "ada@acme.example"}])
    assert api.client.delete(path).status_code == 404
    canceled = api.client.patch(path, json={"status": "canceled"})
    assert canceled.json()["status"] == "canceled"
    assert api.client.get("/exclusion-lists/domains").status_code == 404


def test_a_dialer_searches_and_looks_each_up_with_both_reveals(api: Api) -> None:
    body = {"person_titles": ["VP of Sales"], "page": 1, "page_size": 3}
    answer = api.client.post("/people/search", json=body).json()
    assert answer["_pagination"]["page_size"] == len(answer["results"]) == 3
    reveals = {"reveal_email": "true", "reveal_phone_numbers": "true"}
    for row in answer["results"]:
        assert (row["email"], row["phone_numbers"]) == (None, [])
        query = {"linkedin_url": row["linkedin_url"], **reveals}
        person = api.client.get("/people/find", params=query).json()
        assert (person["id"], person["linkedin_url"]) == (row["id"], row["linkedin_url"])
        assert person["phone_numbers"][0]["number"]


def test_a_client_with_parameters_of_its_own_gets_its_person_unless_they_are_refused(
    api: Api,
) -> None:
    query = {"email": "ada@acme.example", "company": "Acme", "full_name": "Ada"}
    assert api.client.get("/people/find", params=query).status_code == 200
    assert api.client.get("/people/find", params={"full_name": "Ada Byron"}).status_code == 400
    path = api.started([{"email": "ada@acme.example"}])
    assert api.client.patch(path, content=b"").status_code == 400  # it cancels with no body
    api.sandbox.configure(unknown_parameters="refused")
    response = api.client.get("/people/find", params=query)
    assert {each["source"]["parameter"] for each in response.json()["_errors"]} == {
        "company",
        "full_name",
    }
    assert api.client.get("/users?since=2024").status_code == 400
    assert api.client.get("/users?page[size]=2&role=admin").status_code == 200


def test_a_crm_imports_lists_by_the_links_inside_the_list_and_finds_no_contact_by_an_entry(
    api: Api,
) -> None:
    lists = api.client.get("/lead-lists").json()["lead_lists"]
    one = next(one for one in lists if one["status"] == "completed")
    assert api.client.get(f"/lead-lists/{one['id']}/leads").status_code == 404
    path, entries = f"/lead-lists/{one['id']}?page_size=10", []
    while path:
        document = api.client.get(path).json()
        entries += document["leads"]
        path = document["_links"].get("next", {}).get("href", "")
    assert len(entries) == 130
    assert any(entry["email"] is None for entry in entries)
    ids = [entry["id"] for entry in entries[:2]]
    assert api.client.get(f"/contacts?ids={','.join(ids)}").status_code == 400
    assert api.client.get("/contacts", params={"ids[]": ids}).json()["contacts"] == []


@pytest.mark.parametrize("has_events", [False, True])
def test_a_script_searches_by_filters_that_are_ignored_then_enriches_and_exports(
    api: Api, has_events: bool
) -> None:
    api.sandbox.configure(funding_events=has_events, people=120)
    body = {"titles": ["Head of Growth"], "industries": ["Retail"], "page_size": 100}
    people: list[Document] = []
    for page in (1, 2):
        answer = api.client.post("/people/search", json={**body, "page": page}).json()
        people += answer["results"]
    assert len(people) == answer["_pagination"]["total"] == 120  # nothing was narrowed
    wanted = [person for person in people if person["title"] == "Head of Growth"]
    leads = [{"linkedin_url": person["linkedin_url"]} for person in wanted]
    answer = api.post(leads, reveal_email=True)
    found = {row["linkedin_url"]: row["result"] for row in rows_of(api, answer.headers["Location"])}
    for person in wanted:
        enriched = found[person["linkedin_url"]]
        assert enriched["id"] == person["id"]
        assert enriched["experiences"][0]["company_name"] == enriched["company"]["name"]
        events = enriched["company"].get("funding_events")
        assert (events is not None and events[0]["amount"] >= 0) is has_events


def test_a_warehouse_source_sends_no_page_size_and_follows_next(api: Api) -> None:
    assert set(api.client.get("/account-info").json()) == {"id", "name"}
    for path, name in (
        ("/users", "users"),
        ("/sequences", "sequences"),
        ("/mailboxes", "mailboxes"),
        ("/calls", "calls"),
        ("/calls/dispositions", "dispositions"),
        ("/lead-lists", "lead_lists"),
        ("/accounts", "accounts"),
        ("/excluded-emails", "excluded_emails"),
    ):
        seen: list[str] = []
        link = path
        while link:
            document = api.client.get(link).json()
            seen += [row.get("id") or row["email"] for row in document[name]]
            link = document["_links"].get("next", {}).get("href", "")
        assert len(set(seen)) == len(seen) > 0


def test_a_dashboard_reads_the_e_mail_tasks_of_each_user(api: Api) -> None:
    users = api.client.get("/users?page[size]=100").json()["users"]
    for user in users[:3]:
        query = {"type": "email", "user_id": user["id"]}
        tasks = api.client.get("/tasks", params=query).json()["tasks"]
        assert {(task["type"], task["user_email"]) for task in tasks} == {("email", user["email"])}


def test_an_action_reveals_by_linkedin_url_matches_what_is_echoed_and_validates(api: Api) -> None:
    urls = [f"https://www.LinkedIn.com/in/Person-{number}/?trk=x" for number in range(3)]
    leads = [{"linkedin_url": url} for url in [*urls, "https://linkedin.com/in/missing-one"]]
    answer = api.post(leads, reveal_email=True, reveal_phone_numbers=True)
    assert answer.status_code == 202

    def bare(url: str) -> str:
        return url.casefold().split("?")[0].removeprefix("https://").removeprefix("www.").strip("/")

    rows = rows_of(api, answer.headers["Location"])
    by_url = {bare(row["linkedin_url"]): row for row in rows}
    for url in urls:
        person = by_url[bare(url)]["result"]
        assert bare(person["linkedin_url"]) == bare(url)
    emails = [row["result"]["email"] for row in rows if row["result"]]
    order = api.client.post("/email-validations", json={"emails": [{"email": e} for e in emails]})
    assert order.status_code == 202
    results = rows_of(api, order.headers["Location"])
    assert [row["email"] for row in results] == emails
    assert {row["result"] for row in results} == {"deliverable"}


def test_a_row_without_a_person_has_a_null_or_no_result(make_api: Callable[..., Api]) -> None:
    api = make_api()
    leads = [{"email": "missing@acme.example"}, {"email": "ada@acme.example"}]
    missed, found = api.finished(leads)["results"]
    assert missed["result"] is None
    api.sandbox.configure(missing_result="absent")
    missed, found = api.finished(leads)["results"]
    assert "result" not in missed
    assert found["result"]["object"] == "person"
