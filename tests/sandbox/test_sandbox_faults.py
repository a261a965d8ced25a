"""Each fault switch does what its line in the table says, as often as it is told."""

from __future__ import annotations

import gzip
import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from amplemarket_source.sandbox import FAULTS, Fault, SandboxServer
from tests.sandbox.sandbox_api import Api, people

PEOPLE = "/people/enrichment-requests"


@pytest.fixture
def done(make_api: Callable[..., Api]) -> Api:
    """A server with one finished request of 5 people, in pages of 2."""
    api = make_api(page_size=2, polls_until_done=1)
    api.finished([*people(4), {"linkedin_url": "/in/ada", "title": "Countess"}])
    return api


def pages(api: Api, *faults: Any) -> list[dict[str, Any]]:
    """The three pages of the finished request, asked for without following links."""
    api.sandbox.set_faults(*faults)
    return [api.client.get(f"{PEOPLE}/1?page[after]={after}").json() for after in (0, 2, 4)]


def ids(page: dict[str, Any]) -> list[int]:
    return [row["id"] for row in page["results"]]


def next_of(page: dict[str, Any]) -> Any:
    link = page["_links"].get("next", "absent")
    return link["href"] if isinstance(link, dict) else link


@pytest.mark.parametrize(
    ("name", "error", "accepted"),
    [
        ("post_timeout_after_accept", httpx.ReadTimeout, 1),
        ("post_drop_after_accept", httpx.TransportError, 1),
        ("post_drop_before_read", httpx.TransportError, 0),
        ("connection_drop", httpx.TransportError, 0),
    ],
)
def test_a_post_without_an_answer(
    api: Api, name: str, error: type[Exception], accepted: int
) -> None:
    api.sandbox.set_faults(Fault(name, count=1))
    with pytest.raises(error):
        api.client.post(PEOPLE, json={"leads": people(3)}, timeout=0.3)
    assert len(api.sandbox.requests) == accepted
    assert api.sandbox.calls[-1].status is None
    assert api.post(people(1)).status_code == 202


@pytest.mark.parametrize(
    ("name", "status", "code", "accepted"),
    [
        ("post_503", 503, "service_unavailable", 0),
        ("post_503_after_accept", 503, "service_unavailable", 1),
        ("post_429", 429, "too_many_requests", 0),
        ("insufficient_at_once", 402, "insufficient_credits", 0),
        ("unauthorized", 401, "unauthorized", 0),
    ],
)
def test_a_refused_post(api: Api, name: str, status: int, code: str, accepted: int) -> None:
    api.sandbox.set_faults(name)
    response = api.post(people(1))
    assert response.status_code == status
    assert response.json()["_errors"][0]["code"] == code
    assert ("Retry-After" in response.headers) == (status == 429)
    assert len(api.sandbox.requests) == accepted


def test_a_post_accepted_without_an_id(api: Api) -> None:
    api.sandbox.set_faults("post_no_id")
    response = api.post(people(1))
    assert response.status_code == 202
    assert not {"id", "_links"} & response.json().keys()
    assert "Location" not in response.headers
    assert len(api.sandbox.requests) == 1


@pytest.mark.parametrize(
    ("name", "status"), [("poll_503", 503), ("poll_429", 429), ("gone_404", 404), ("gone_410", 410)]
)
def test_a_refused_poll(done: Api, name: str, status: int) -> None:
    done.sandbox.set_faults(name)
    response = done.client.get(f"{PEOPLE}/1")
    assert response.status_code == status
    assert response.json()["_errors"]
    assert done.client.get("/account-info").status_code == 200


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("ends_error_with_rows", "error", "internal_server_error"),
        ("insufficient_midway", "error", "insufficient_credits"),
        ("canceled_elsewhere", "canceled", None),
    ],
)
def test_a_request_that_ends_with_half_of_its_rows(
    api: Api, name: str, status: str, code: str | None
) -> None:
    path = api.started(people(6))
    api.sandbox.set_faults(Fault(name, count=1))
    response = api.client.get(path)
    document = response.json()
    assert (response.status_code, document["status"], len(document["results"])) == (200, status, 3)
    assert [problem["code"] for problem in document.get("_errors", [])] == ([code] if code else [])
    assert api.sandbox.account.email_spent == 1.5
    assert api.client.get(path).json() == document


def test_bodies_that_cannot_be_read(done: Api) -> None:
    url = f"{PEOPLE}/1"
    done.sandbox.set_faults("html_body")
    html = done.client.get(url)
    assert (html.status_code, html.headers["Content-Type"]) == (200, "text/html")
    done.sandbox.set_faults("wrong_content_type")
    plain = done.client.get(url)
    assert plain.headers["Content-Type"] == "text/plain"
    assert ids(plain.json()) == [1, 2]
    done.sandbox.set_faults("bad_gzip")
    with pytest.raises(httpx.DecodingError):
        done.client.get(url)
    done.sandbox.set_faults("cut_body")
    with pytest.raises(httpx.RemoteProtocolError):
        done.client.get(url)


def test_another_body_whole_or_half(done: Api) -> None:
    url = f"{PEOPLE}/1"
    right = done.client.get(url).content
    done.sandbox.set_faults("cut_json")
    assert done.client.get(url).content == right[: len(right) // 2]
    done.sandbox.set_faults(Fault("other_body", value="[1]"))
    assert done.client.get(url).content == b"[1]"
    done.sandbox.set_faults("other_body")
    assert done.client.get(url).content == b""


def test_other_statuses_of_the_api_and_of_the_gateway(done: Api) -> None:
    done.sandbox.set_faults("http_status:418")
    odd = done.client.get(f"{PEOPLE}/1")
    assert (odd.status_code, odd.json()["_errors"][0]["status"]) == (418, "418")
    done.sandbox.set_faults("gateway_404")
    unknown = done.client.get(f"{PEOPLE}/1")
    assert (unknown.status_code, list(unknown.json())) == (404, ["message"])


def test_a_poll_without_an_answer(done: Api) -> None:
    done.sandbox.set_faults("poll_hang")
    with pytest.raises(httpx.ReadTimeout):
        done.client.get(f"{PEOPLE}/1", timeout=0.2)


def test_a_body_that_drips_comes_byte_by_byte(done: Api) -> None:
    done.sandbox.set_faults(Fault("drip_body", value=0.001))
    started = time.monotonic()
    with done.client.stream("GET", f"{PEOPLE}/1") as response:
        received = b"".join(chunk for chunk, _ in zip(response.iter_raw(), range(20), strict=False))
    assert len(received) < 200
    assert time.monotonic() - started < 5


def test_a_redirect_names_another_host(done: Api) -> None:
    done.sandbox.set_faults(Fault("redirect_other_host", value="http://other.example"))
    response = done.client.get(f"{PEOPLE}/1")
    assert response.status_code == 307
    assert response.headers["Location"] == f"http://other.example{PEOPLE}/1"


@pytest.mark.parametrize("value", ["0.5", "-3", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_says_anything(api: Api, value: str) -> None:
    path = api.started(people(1))
    api.sandbox.set_faults(f"retry_after:{value}")
    assert api.client.get(path).headers["Retry-After"] == value


def test_retry_after_without_a_value_is_left_out_also_of_a_429(api: Api) -> None:
    path = api.started(people(1))
    api.sandbox.set_faults("retry_after", "poll_429")
    response = api.client.get(path)
    assert response.status_code == 429
    assert "Retry-After" not in response.headers


def test_results_missing_or_null(done: Api) -> None:
    assert all("results" not in page for page in pages(done, "missing_results"))
    assert all(page["results"] is None for page in pages(done, "null_results"))


def test_members_of_a_page_set_to_anything(done: Api) -> None:
    for page in pages(done, Fault("page_set", value={"status": None, "id": 9})):
        assert (page["status"], page["id"]) == (None, 9)
        assert page["results"]


def test_links_that_end(done: Api) -> None:
    right = [next_of(page) for page in pages(done)]
    assert right[2] == "absent"
    assert [next_of(page) for page in pages(done, "next_empty")] == [*right[:2], ""]
    assert [next_of(page) for page in pages(done, "next_null")] == [*right[:2], None]


def test_links_that_go_round(done: Api) -> None:
    own = [f"{PEOPLE}/1?page[after]={after}" for after in (0, 2, 4)]
    assert [next_of(page) for page in pages(done, "next_same")] == own
    done.sandbox.set_faults("next_cycle")
    first = done.client.get(f"{PEOPLE}/1?page[size]=2").json()
    second = done.client.get(next_of(first)).json()
    assert ids(second) == [3, 4]
    assert done.client.get(next_of(second)).json() == first


def test_links_that_never_end(done: Api) -> None:
    done.sandbox.set_faults("next_endless")
    met = [f"{PEOPLE}/1?page[size]=2"]
    for _ in range(5):
        page = done.client.get(met[-1]).json()
        assert ids(page) == [1, 2]
        met.append(next_of(page))
    assert len(set(met)) == 6


def test_links_elsewhere_and_in_other_forms(done: Api) -> None:
    right = [next_of(page) for page in pages(done)][:2]
    other = [next_of(page) for page in pages(done, "next_other_host:http://other.example")]
    assert other[:2] == [f"http://other.example{href}" for href in right]
    assert other[2].startswith("http://other.example/")
    absolute = [next_of(page) for page in pages(done, "next_absolute")]
    assert absolute == [*(f"{done.server.url}{href}" for href in right), "absent"]
    encoded = [next_of(page) for page in pages(done, "next_encoded")]
    assert encoded[0] == f"{PEOPLE}/1?page%5Bsize%5D=2&page%5Bafter%5D=2"
    assert ids(done.client.get(encoded[0]).json()) == [3, 4]
    assert "page%255Bsize%255D" in next_of(pages(done, "next_encoded:2")[0])


def test_rows_that_are_not_those_asked_for(done: Api) -> None:
    assert [ids(page) for page in pages(done, "rows_missing")] == [[1], [3], []]
    assert [ids(page) for page in pages(done, "rows_shuffled")] == [[2, 1], [4, 3], [5]]
    assert [ids(page) for page in pages(done, "rows_duplicated")] == [[1, 2, 1], [3, 4, 3], [5, 5]]
    extra = pages(done, "rows_extra")[2]["results"][1]
    assert extra["email"] == "nobody.asked@elsewhere.example"


def test_echoes_of_older_servers(done: Api) -> None:
    (row,) = pages(done, "echo_linkedin_id")[2]["results"]
    assert row["linkedin_id"] == "/in/ada"
    assert "linkedin_url" not in row
    (row,) = pages(done, "echo_partial")[2]["results"]
    assert "title" not in row
    assert row["linkedin_url"] == "/in/ada"


def test_one_person_patched(done: Api) -> None:
    patch = {"company": {"revenue": "12"}, "gender": None, "new": [{"a": 1}]}
    changed, *rest = pages(done, Fault("row_patch", value={"index": 1, "patch": patch}))
    person = changed["results"][1]["result"]
    assert person["company"]["revenue"] == "12"
    assert "gender" not in person
    assert person["new"] == [{"a": 1}]
    assert [changed["results"][0], *(row for page in rest for row in page["results"])] == [
        row for page in pages(done) for row in page["results"] if row["id"] != 2
    ]


def test_people_with_values_that_strict_writers_refuse(done: Api) -> None:
    def hostile(person: dict[str, Any]) -> dict[str, Any]:
        return {**person, "about": "\ud800\x00", "followers": 2**70, "score": math.nan}

    done.sandbox.set_faults(Fault("row_patch", value=hostile))
    body = json.loads(done.client.get(f"{PEOPLE}/1").content)
    person = body["results"][0]["result"]
    assert (person["about"], person["followers"]) == ("\ud800\x00", 2**70)
    assert math.isnan(person["score"])


def test_text_replaced_in_the_body(done: Api) -> None:
    value = {"old": '"object":"person",', "new": '"object":"person","object":"robot",'}
    done.sandbox.set_faults(Fault("replace_text", value=value))
    body = done.client.get(f"{PEOPLE}/1").content
    assert body.count(b'"object":"person","object":"robot"') == 2


def test_every_row_repeated(done: Api) -> None:
    right = pages(done)
    for page, repeated in zip(right, pages(done, Fault("rows_repeated", value=3)), strict=True):
        assert repeated["results"] == page["results"] * 3


@pytest.mark.parametrize("public_id", ["..", "a/b", "x y", "7.0"])
def test_a_request_by_another_id(api: Api, public_id: str) -> None:
    api.sandbox.set_faults(Fault("accepted_id", value=public_id))
    answer = api.post(people(1))
    assert answer.json()["id"] == public_id
    path = answer.headers["Location"]
    assert path.count("/") == 3
    assert ".." not in path
    assert api.client.get(path).json()["id"] == public_id


def test_bodies_larger_than_they_look(done: Api) -> None:
    done.sandbox.set_faults(Fault("gzip_bomb", value=2))
    with done.client.stream("GET", f"{PEOPLE}/1") as answer:
        packed = b"".join(answer.iter_raw())
    assert len(packed) < 20_000
    assert gzip.decompress(packed) == b" " * 2_000_000
    done.sandbox.set_faults("endless_body")
    with done.client.stream("GET", f"{PEOPLE}/1") as answer:
        size = 0
        for piece in answer.iter_raw():
            size += len(piece)
            if size > 5_000_000:
                break
    assert "content-length" not in answer.headers


def test_a_count_is_used_up_only_where_the_fault_had_something_to_do(done: Api) -> None:
    path = done.started(people(3))
    done.sandbox.set_faults(Fault("next_empty", count=1), Fault("poll_503", count=2))
    statuses = [done.client.get(path).status_code for _ in range(4)]
    assert statuses == [503, 503, 200, 200]
    assert [fault.name for fault in done.sandbox.faults.active] == ["next_empty"]
    assert next_of(pages(done, *done.sandbox.faults.active)[2]) == ""
    assert done.sandbox.faults.active == []


def test_a_filter_chooses_other_calls(done: Api) -> None:
    done.sandbox.set_faults(
        Fault("html_body", method="POST"), Fault("poll_503", path="page[after]=2")
    )
    assert done.post(people(1)).headers["Content-Type"] == "text/html"
    statuses = [done.client.get(f"{PEOPLE}/1?page[after]={n}").status_code for n in (0, 2, 4)]
    assert statuses == [200, 503, 200]


def test_switches_over_http(api: Api) -> None:
    body = ["poll_503", {"name": "html_body", "count": 2, "method": "POST"}]
    answer = api.client.post("/_sandbox/faults", json=body)
    assert [fault["name"] for fault in answer.json()] == ["poll_503", "html_body"]
    assert api.client.post("/_sandbox/faults", json=[]).json() == []


@pytest.mark.parametrize("wrong", ["nothing", {"name": "poll_503", "counts": 1}])
def test_a_switch_that_is_not_there_is_refused(api: Api, wrong: object) -> None:
    assert api.client.post("/_sandbox/faults", json=[wrong]).status_code == 400
    zero = {"name": "poll_503", "count": 0}
    assert api.client.post("/_sandbox/faults", json=[zero]).status_code == 400


def test_a_server_stops_at_once_while_an_answer_hangs() -> None:
    failures: list[Exception] = []

    def ask(url: str) -> None:
        headers = {"Authorization": "Bearer sandbox-key"}
        try:
            httpx.post(f"{url}{PEOPLE}", json={"leads": people(1)}, headers=headers, timeout=30)
        except httpx.TransportError as error:
            failures.append(error)

    with SandboxServer(faults=["post_timeout_after_accept"]) as server:
        client = threading.Thread(target=ask, args=(server.url,))
        client.start()
        while not server.sandbox.calls:
            threading.Event().wait(0.005)
        started = time.monotonic()
    client.join()
    assert time.monotonic() - started < 3
    assert not isinstance(failures[0], httpx.TimeoutException)


def test_every_switch_is_tested_here() -> None:
    with open(__file__, encoding="utf-8") as source:  # noqa: PTH123
        text = source.read()
    assert [name for name in FAULTS if name not in text] == []
