"""The bundled server refuses what the guide does not allow, and says where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api

LEAD = {"email": "ada@site.example"}
COMPANY = {"domain": "site.example"}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        pytest.param({}, "missing_field", "/leads", id="no leads"),
        pytest.param({"leads": []}, "unsupported_value", "/leads", id="empty"),
        pytest.param({"leads": LEAD}, "unsupported_value", "/leads", id="not an array"),
        pytest.param({"leads": None}, "unsupported_value", "/leads", id="null"),
        pytest.param({"leads": [LEAD] * 10_001}, "unsupported_value", "/leads", id="too many"),
        pytest.param({"leads": [LEAD], "x": 1}, "unsupported_value", "/x", id="stray top key"),
        pytest.param({"leads": [LEAD], "a/b~": 1}, "unsupported_value", "/a~1b~0", id="escaped"),
        pytest.param(
            {"leads": [LEAD], "reveal_email": "true"},
            "unsupported_value",
            "/reveal_email",
            id="reveal as text",
        ),
        pytest.param(
            {"leads": [LEAD], "reveal_phone_numbers": 1},
            "unsupported_value",
            "/reveal_phone_numbers",
            id="reveal as number",
        ),
        pytest.param({"leads": [LEAD, "x"]}, "unsupported_value", "/leads/1", id="lead as text"),
        pytest.param(
            {"leads": [LEAD, LEAD, LEAD, {"email": "no-address"}]},
            "unsupported_value",
            "/leads/3/email",
            id="no e-mail address",
        ),
        pytest.param(
            {"leads": [{"email": None, "name": "Ada"}]},
            "unsupported_value",
            "/leads/0/email",
            id="null in a lead",
        ),
        pytest.param(
            {"leads": [{**LEAD, "name": 7}]}, "unsupported_value", "/leads/0/name", id="number"
        ),
        pytest.param(
            {"leads": [{**LEAD, "linkedin_id": "ada"}]},
            "unsupported_value",
            "/leads/0/linkedin_id",
            id="linkedin_id",
        ),
        pytest.param(
            {"leads": [{**LEAD, "external_id": "7"}]},
            "unsupported_value",
            "/leads/0/external_id",
            id="own key",
        ),
        pytest.param(
            {"leads": [{**LEAD, "first_name": "Ada"}]},
            "unsupported_value",
            "/leads/0/first_name",
            id="first_name",
        ),
        pytest.param({"leads": [{}]}, "missing_field", "/leads/0", id="nothing in a lead"),
        pytest.param(
            {"leads": [{"name": "Ada Byron"}]}, "missing_field", "/leads/0", id="name alone"
        ),
        pytest.param(
            {"leads": [{"company_name": "Site"}]}, "missing_field", "/leads/0", id="company alone"
        ),
        pytest.param(
            {"leads": [{"name": " ", "company_name": "Site"}]},
            "missing_field",
            "/leads/0",
            id="blank name",
        ),
        pytest.param([LEAD], "unsupported_value", "", id="a list"),
    ],
)
def test_a_wrong_people_request_is_refused(api: Api, body: Any, code: str, pointer: str) -> None:
    response = api.client.post("/people/enrichment-requests", json=body)
    assert response.status_code == 400
    assert response.json()["object"] == "error"
    (problem,) = response.json()["_errors"]
    assert (problem["code"], problem["source"]["pointer"]) == (code, pointer)
    assert problem["status"] == "400"
    assert api.sandbox.requests == {}


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        pytest.param({"leads": [LEAD]}, "unsupported_value", "/leads", id="leads"),
        pytest.param({"companies": []}, "unsupported_value", "/companies", id="empty"),
        pytest.param(
            {"companies": [COMPANY], "reveal_email": True},
            "unsupported_value",
            "/reveal_email",
            id="reveal",
        ),
        pytest.param({"companies": [{}]}, "missing_field", "/companies/0", id="nothing in it"),
        pytest.param(
            {"companies": [{**COMPANY, "name": "Site"}]},
            "unsupported_value",
            "/companies/0/name",
            id="name",
        ),
    ],
)
def test_a_wrong_companies_request_is_refused(api: Api, body: Any, code: str, pointer: str) -> None:
    response = api.client.post("/companies/enrichment-requests", json=body)
    assert response.status_code == 400
    problems = {(each["code"], each["source"]["pointer"]) for each in response.json()["_errors"]}
    assert (code, pointer) in problems


@pytest.mark.parametrize("body", [b"", b"leads=1", b'{"leads": [', b"\xff\xfe", b'{"a": NaN}'])
def test_a_body_that_is_not_json_is_refused(api: Api, body: bytes) -> None:
    response = api.client.post("/people/enrichment-requests", content=body)
    assert response.status_code == 400
    assert response.json()["_errors"][0]["code"] == "unsupported_value"


def test_ten_thousand_leads_are_accepted_and_every_documented_key(api: Api) -> None:
    full = {
        "email": "ada@site.example",
        "linkedin_url": "https://linkedin.example/in/ada",
        "company_domain": "site.example",
        "company_name": "Site",
        "name": "Ada",
        "title": "Countess",
    }
    assert api.post([full] * 10_000, reveal_email=True, reveal_phone_numbers=False).is_success
    assert api.post([{"title": "CFO", "company_name": "Site"}]).is_success
    assert api.post([{**COMPANY, "linkedin_url": "x"}], kind="companies").is_success


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing_field", "/status"),
        ({"status": "cancelled"}, "unsupported_value", "/status"),
        ({"status": None}, "unsupported_value", "/status"),
        ({"status": "canceled", "reason": "x"}, "unsupported_value", "/reason"),
    ],
)
def test_a_patch_is_canceled_and_nothing_else(api: Api, body: Any, code: str, pointer: str) -> None:
    path = api.started([LEAD])
    response = api.client.patch(path, json=body)
    assert response.status_code == 400
    (problem,) = response.json()["_errors"]
    assert (problem["code"], problem["source"]["pointer"]) == (code, pointer)
    assert api.client.get(path).json()["status"] == "processing"


@pytest.mark.parametrize(
    "query",
    [
        "page[size]=0",
        "page[size]=x",
        "page[after]=-1",
        "page=2",
        "page[x]=1",
        "page[after]=1&page[before]=2",
    ],
)
def test_wrong_paging_is_refused_with_the_parameter(api: Api, query: str) -> None:
    path = api.started([LEAD])
    response = api.client.get(f"{path}?{query}")
    assert response.status_code == 400
    assert "parameter" in response.json()["_errors"][0]["source"]


@pytest.mark.parametrize(
    ("switch", "status", "rows"), [("cut", 200, 100), ("full", 200, 150), ("refused", 400, 0)]
)
def test_a_page_size_above_the_largest_page_is_cut_unless_switched(
    api: Api, switch: str, status: int, rows: int
) -> None:
    path = api.finished([LEAD] * 250)["_links"]["self"]["href"]
    api.sandbox.configure(large_pages=switch)
    response = api.client.get(f"{path}?page[size]=150")
    assert (response.status_code, len(response.json().get("results", []))) == (status, rows)


@pytest.mark.parametrize(
    "query",
    ["", "name=Ada", "email=x", "email=a@b.example&reveal_email=1", "linkedin_id=ada"],
)
def test_a_wrong_lookup_is_refused(api: Api, query: str) -> None:
    response = api.client.get(f"/people/find?{query}")
    assert response.status_code == 400


def test_a_lookup_reveals_no_address_that_it_is_asked_by_unless_switched(api: Api) -> None:
    query = {"email": "ada@site.example", "reveal_email": "true"}
    response = api.client.get("/people/find", params=query)
    assert response.status_code == 400
    assert response.json()["_errors"][0]["source"] == {"parameter": "reveal_email"}
    phones = {"email": "ada@site.example", "reveal_phone_numbers": "true"}
    assert api.client.get("/people/find", params=phones).is_success
    api.sandbox.configure(find_reveals_known_email=True)
    assert api.client.get("/people/find", params=query).is_success


@pytest.mark.parametrize(
    ("switch", "emails", "charged"),
    [("accepted", ["ada@site.example"], 1.5), ("omitted", [None], 0.5), ("refused", [], 0.0)],
)
def test_a_batch_with_addresses_that_reveals_them_can_be_switched(
    api: Api, switch: str, emails: list[str | None], charged: float
) -> None:
    api.sandbox.configure(batch_with_known_email=switch)
    leads = [{"email": "ada@site.example"}]
    if switch == "refused":
        response = api.post(leads, reveal_email=True)
        assert response.status_code == 400
        assert response.json()["_errors"][0]["source"] == {"pointer": "/reveal_email"}
        assert api.post(leads, reveal_phone_numbers=True).is_success
        assert api.post([{"linkedin_url": "linkedin.example/in/a"}], reveal_email=True).is_success
        return
    rows = api.finished(leads, reveal_email=True)["results"]
    assert [row["result"]["email"] for row in rows] == emails
    assert api.sandbox.account.email_spent == charged


@pytest.mark.parametrize("header", [None, "Bearer other", "Basic sandbox-key", "sandbox-key"])
def test_without_the_right_key_nothing_is_answered(api: Api, header: str | None) -> None:
    request = api.client.build_request("GET", "/account-info")
    del request.headers["Authorization"]
    if header:
        request.headers["Authorization"] = header
    response = api.client.send(request)
    assert response.status_code == 401
    assert response.json()["_errors"][0]["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/people"), ("GET", "/people/enrichment-requests"), ("DELETE", "/account-info")],
)
def test_an_unknown_route_gets_the_gateways_404(api: Api, method: str, path: str) -> None:
    response = api.client.request(method, path)
    assert response.status_code == 404
    assert response.json() == {"message": "no Route matched with those values"}


@pytest.mark.parametrize(
    "path", ["/people/enrichment-requests/77", "/companies/enrichment-requests/1"]
)
def test_an_unknown_request_gets_the_apis_own_404(api: Api, path: str) -> None:
    api.started([LEAD])
    response = api.client.get(path)
    assert response.status_code == 404
    assert response.json()["_errors"][0]["code"] == "not_found"
