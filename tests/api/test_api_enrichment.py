from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from amplemarket_source.api import AccountInfo, ApiClient, EnrichmentApi
from amplemarket_source.errors import (
    NotFound,
    OutcomeUnknown,
    RemovedForPrivacy,
    UnexpectedResponse,
)
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from tests.api.scripted_server import Behaviour, ScriptedServer, cut, respond

PATH = "/people/enrichment-requests"


def page(
    rows: int | None = 1,
    *,
    following: object = None,
    status: str = "completed",
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Behaviour:
    document: dict[str, Any] = {"id": 7, "object": "person_enrichment", "status": status}
    if rows is not None:
        document["results"] = [{"id": i, "status": "not_found"} for i in range(rows)]
    document["_links"] = {"self": {"href": f"{PATH}/7"}}
    if following is not None:
        document["_links"]["next"] = {"href": following}
    return respond(200, json.dumps(document | members).encode(), headers)


def numbers(api: EnrichmentApi, expected_rows: int = 10) -> list[int]:
    first = api.read(PEOPLE, "7")
    return [page.number for page in api.pages(first, expected_rows=expected_rows)]


def test_account_info_names_the_account(server: ScriptedServer, api: EnrichmentApi) -> None:
    server.script(respond(200, b'{"id": 5, "name": "Example", "object": "account"}'), respond())
    assert api.account_info() == AccountInfo(id="5", name="Example")
    assert api.account_info() == AccountInfo(id="", name="")
    assert server.seen[0].target == "/account-info"


def test_account_info_in_another_shape_breaks_the_contract(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(respond(200, b"[]"))
    with pytest.raises(UnexpectedResponse, match="req-1"):
        api.account_info()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (
            PEOPLE,
            {
                "leads": [{"email": "ada@example.com"}],
                "reveal_email": True,
                "reveal_phone_numbers": False,
            },
        ),
        (COMPANIES, {"companies": [{"email": "ada@example.com"}]}),
    ],
)
def test_submit_sends_exactly_the_documented_keys(
    server: ScriptedServer, api: EnrichmentApi, kind: Kind, sent: object
) -> None:
    server.script(respond(202, b'{"id": 18, "status": "queued", "results": []}'))
    assert api.submit(kind, [{"email": "ada@example.com"}], reveal_email=True) == "18"
    assert server.seen[0].target == kind.path
    assert json.loads(server.seen[0].body) == sent


def test_nothing_is_submitted_without_items(server: ScriptedServer, api: EnrichmentApi) -> None:
    with pytest.raises(ValueError, match="at least one"):
        api.submit(PEOPLE, [])
    assert server.seen == []


@pytest.mark.parametrize(("sent", "read"), [("18", "18"), ('"a-18"', "a-18"), ("0", "0")])
def test_an_id_is_an_integer_or_text(
    server: ScriptedServer, api: EnrichmentApi, sent: str, read: str
) -> None:
    server.script(respond(200, b'{"id": %s}' % sent.encode()))
    assert api.submit(PEOPLE, [{"name": "x"}]) == read


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        *(b'{"id": %s}' % value for value in (b"null", b'" "', b"true", b"1.5", b"[1]")),
        b"[]",
        b"<p>",
        b"",
    ],
)
def test_a_response_without_a_usable_id_is_an_unknown_outcome_naming_the_field(
    server: ScriptedServer, api: EnrichmentApi, body: bytes
) -> None:
    server.script(respond(202, body))
    with pytest.raises(OutcomeUnknown, match=r"`id`.*HTTP 202.*req-1"):
        api.submit(PEOPLE, [{"name": "x"}])
    assert len(server.seen) == 1


@pytest.mark.parametrize("location", [f"{PATH}/18", f"https://api.example.com{PATH}/18/?a=b"])
def test_an_id_that_the_body_lost_is_taken_from_location(
    server: ScriptedServer, api: EnrichmentApi, location: str
) -> None:
    server.script(cut(202, {"Location": location}), respond(202, b"{}", {"Location": location}))
    assert api.submit(PEOPLE, [{"name": "x"}]) == "18"
    assert api.submit(PEOPLE, [{"name": "x"}]) == "18"
    assert len(server.seen) == 2


@pytest.mark.parametrize("location", ["/elsewhere/18", PATH, f"{PATH}/18/results", f"{PATH}/%20"])
def test_a_location_that_is_no_enrichment_request_gives_no_id(
    server: ScriptedServer, api: EnrichmentApi, location: str
) -> None:
    server.script(respond(202, b"{}", {"Location": location}))
    with pytest.raises(OutcomeUnknown, match="`id`"):
        api.submit(PEOPLE, [{"name": "x"}])


def test_a_running_request_is_a_page_without_an_end(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(
        page(0, status="queued", headers={"Retry-After": "15"}),
        page(None, status="processing"),
        page(None, status="processing", results=None),
        page(3, status="completed"),
    )
    pages = [api.read(PEOPLE, "7") for _ in range(4)]
    assert [page.terminal for page in pages] == [False, False, False, True]
    assert [page.retry_after for page in pages] == [15, None, None, None]
    assert [page.row_count for page in pages] == [0, 0, 0, 3]
    assert server.seen[0].target == f"{PATH}/7"


@pytest.mark.parametrize(
    "value",
    [
        b'"\xf0\x9f\x99\x82 \\u0000 \\u202e"',
        b"1" * 5000,
        b'1, "a": 2',
        b'"\\ud800 alone"',
        b'"\\udc00\\ud800"',
        b'"\xff no UTF-8"',
        b'"a raw \x00 and\ttab"',
        b"NaN",
        b"-Infinity",
    ],
)
def test_one_odd_value_does_not_cost_the_page_and_its_bytes_are_kept(
    server: ScriptedServer, api: EnrichmentApi, value: bytes
) -> None:
    row = b'{"name": "Ada", "a": ' + value + b"}"
    body = b'{"status":"completed", "results":[' + row + b', null, 7 ],"new":{"x":[1]}}'
    server.script(respond(200, body))
    got = api.read(PEOPLE, "7")
    assert (got.body, got.row_count, got.next_link) == (body, 3, None)
    assert "Ada" not in repr(got)
    assert len(server.seen) == 1


def test_an_ended_request_tells_why(server: ScriptedServer, api: EnrichmentApi) -> None:
    errors = [{"code": "insufficient_credits", "title": "No credits"}]
    server.script(
        page(2, status="error", _errors=errors), page(None, status="error", _errors=errors)
    )
    with_rows, without_rows = api.read(PEOPLE, "7"), api.read(PEOPLE, "7")
    assert with_rows.problems[0].code == "insufficient_credits"
    assert (with_rows.row_count, without_rows.row_count) == (2, 0)
    assert with_rows.terminal
    assert without_rows.terminal


@pytest.mark.parametrize(
    "wrong",
    [
        page(None),
        page(None, results=None),
        page(None, results={}),
        page(None, results="none"),
        page(None, status="canceled"),
        page(None, status="error"),
        page(status="failed"),
        page(status=None),  # type: ignore[arg-type]
        page(_links="x"),
        page(_links=["x"]),
        page(_links={"next": {"href": 5}}),
        respond(200, b"[]"),
        respond(200, b"{}"),
    ],
)
def test_json_in_another_shape_breaks_the_contract_at_once(
    server: ScriptedServer, api: EnrichmentApi, wrong: Behaviour
) -> None:
    server.script(wrong)
    with pytest.raises(UnexpectedResponse, match=rf"GET {PATH}/7: .*req-1"):
        api.read(PEOPLE, "7")
    assert len(server.seen) == 1


def test_cut_json_is_asked_for_again(server: ScriptedServer, api: EnrichmentApi) -> None:
    server.script(respond(200, b'{"status": "completed", "results": [{"id": 1}, {"i'), page(2))
    assert api.read(PEOPLE, "7").row_count == 2


@pytest.mark.parametrize(
    "links",
    [
        {"next": {"href": f"{PATH}/7?page[after]=2"}},
        {"next": f"{PATH}/7?page[after]=2"},
        {"next": {"href": f"{PATH}/7?page%5Bafter%5D=2"}},
        {"next": {"href": f"{PATH}/7?page%255Bafter%255D=2"}},
        {"next": {"href": "?page[after]=2"}},
        [{"rel": "self", "href": "/x"}, {"rel": "next", "href": f"{PATH}/7?page[after]=2"}],
    ],
)
def test_every_form_of_the_next_link_leads_to_the_next_page(
    server: ScriptedServer, api: EnrichmentApi, links: object
) -> None:
    server.script(page(100, _links=links), page(20))
    assert numbers(api, 120) == [1, 2]
    assert (
        server.seen[1].target.replace("%5B", "[").replace("%5D", "]") == f"{PATH}/7?page[after]=2"
    )


def test_an_absolute_next_link_on_the_own_origin_is_followed(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(page(following=f"{server.url}{PATH}/7?page[after]=2"), page())
    assert numbers(api) == [1, 2]


@pytest.mark.parametrize(
    "links",
    [
        None,
        {},
        [],
        {"next": None},
        {"next": ""},
        {"next": {}},
        {"next": {"href": None}},
        {"next": {"href": ""}},
    ],
)
def test_no_next_link_is_the_end(server: ScriptedServer, api: EnrichmentApi, links: object) -> None:
    server.script(page(_links=links))
    assert numbers(api) == [1]
    assert api.next_page(api.read(PEOPLE, "7")) is None


def test_a_next_link_to_another_host_is_not_followed(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(page(following="https://evil.example/x?page[after]=2"))
    with pytest.raises(UnexpectedResponse, match=rf"GET {PATH}/7: .*evil\.example"):
        numbers(api)
    assert len(server.seen) == 1


@pytest.mark.parametrize("following", ["https://evil.example/x", f"{PATH}/7"])
def test_an_error_about_a_link_names_the_request_in_its_path_and_the_response_by_its_trace_id(
    server: ScriptedServer, api: EnrichmentApi, following: str
) -> None:
    server.script(page(following=following))
    with pytest.raises(UnexpectedResponse) as caught:
        numbers(api)
    assert (caught.value.path, caught.value.trace_id) == (f"{PATH}/7", "req-1")
    assert "trace id req-1 (x-request-id)" in str(caught.value)


@pytest.mark.parametrize(
    "script",
    [
        [page(following=f"{PATH}/7")],
        [page(following=f"{PATH}/7?page[after]=2")],
        [
            page(following=f"{PATH}/7?page[after]=2"),
            page(following=f"{PATH}/7?page[after]=3"),
            page(following=f"{PATH}/7?page%5Bafter%5D=2"),
        ],
    ],
    ids=["itself at once", "itself", "two pages"],
)
def test_a_circle_of_links_ends_with_an_error_and_keeps_the_pages_before(
    server: ScriptedServer, api: EnrichmentApi, script: list[Behaviour]
) -> None:
    server.script(*script)
    pages = api.pages(api.read(PEOPLE, "7"), expected_rows=10)
    assert next(pages).number == 1
    with pytest.raises(UnexpectedResponse, match="already read"):
        list(pages)
    assert len(server.seen) <= 3


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_pages_that_never_end_are_given_up(
    server: ScriptedServer, api: EnrichmentApi, rows: int
) -> None:
    server.script(*[page(rows, following=f"{PATH}/7?page[after]={i}") for i in range(300)])
    pages = api.pages(api.read(PEOPLE, "7"), expected_rows=10)
    with pytest.raises(UnexpectedResponse, match="do not end, 10 rows were expected"):
        list(pages)
    assert len(server.seen) <= 120


def test_many_small_and_some_empty_pages_are_read_to_the_end(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(*[page(i % 2, following=f"{PATH}/7?page[after]={i}") for i in range(99)], page())
    assert len(numbers(api, 50)) == 100


def test_a_later_page_without_rows_is_no_silent_end(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    following = f"{PATH}/7?page[after]=2"
    server.script(page(following=following), page(None, status="processing"))
    with pytest.raises(UnexpectedResponse, match="`results` is missing"):
        numbers(api)


def test_an_unknown_request_is_not_found(server: ScriptedServer, api: EnrichmentApi) -> None:
    server.script(respond(404, b'{"_errors": [{"code": "not_found"}]}'))
    with pytest.raises(NotFound):
        api.read(PEOPLE, "7/../8?x")
    assert server.seen[0].target == f"{PATH}/7%2F..%2F8%3Fx"


def test_cancel_sends_only_the_status_and_returns_what_was_done(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(respond(502), page(4, status="canceled"))
    canceled = api.cancel(COMPANIES, "7")
    assert (canceled.status, canceled.row_count, canceled.terminal) == ("canceled", 4, True)
    assert [(seen.method, seen.body) for seen in server.seen] == [
        ("PATCH", b'{"status":"canceled"}')
    ] * 2
    assert server.seen[0].target == "/companies/enrichment-requests/7"


@pytest.mark.parametrize(
    ("status", "headers", "body", "pending"),
    [
        (200, None, b'{"id": "p1"}', False),
        (200, {"Retry-After": "3"}, b'{"id": "p1"}', True),
        (202, {"Retry-After": "3"}, b"", True),
        (202, None, b'{"id": "p1"}', True),
        (200, None, b'{"id": "p1", "about": "\\ud800"}', False),
    ],
)
def test_a_lookup_is_ready_or_says_when(
    server: ScriptedServer,
    api: EnrichmentApi,
    status: int,
    headers: Mapping[str, str] | None,
    body: bytes,
    pending: bool,
) -> None:
    server.script(respond(status, body, headers))
    found = api.find_person({"email": "ada@example.com", "reveal_email": "true"})
    assert (found.kind, found.status, found.body) == (PEOPLE, status, body)
    assert (found.pending, found.retry_after) == (pending, 3 if headers else None)
    assert server.seen[0].target == "/people/find?email=ada%40example.com&reveal_email=true"


def test_a_company_is_looked_up_at_its_own_endpoint(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(respond(200, b""), respond(200, b'{"id": "c1"}'))
    assert api.find_company({"domain": "widgets.example"}).kind is COMPANIES
    assert server.seen[1].target == "/companies/find?domain=widgets.example"


def test_a_person_removed_for_privacy_is_not_just_missing(
    server: ScriptedServer, api: EnrichmentApi, client: ApiClient
) -> None:
    server.script(respond(451, b'{"_errors": [{"code": "unavailable_for_legal_reasons"}]}'))
    with pytest.raises(RemovedForPrivacy):
        api.find_person({"email": "ada@example.com"})
    assert client.stats.retries == 0
