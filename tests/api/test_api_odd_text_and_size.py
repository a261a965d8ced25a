"""Odd ids and texts are kept in a form that every place can hold; no answer takes all memory."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc

import pytest

from amplemarket_source.api import ApiClient, EnrichmentApi, transport
from amplemarket_source.api.transport import MOST_BYTES
from amplemarket_source.errors import NotFound, OutcomeUnknown, UnexpectedResponse
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.lenient_json import read_rows, shallow
from tests.api.scripted_server import ScriptedServer, respond

PATH = "/people/enrichment-requests"
LEADS = [{"email": "ada@example.com"}]


def body(request_id: str, **members: object) -> bytes:
    """A page of a completed request; ``request_id`` is JSON."""
    rest = json.dumps({"status": "completed", "results": [], "_links": {}, **members})
    return f'{{"id": {request_id}, {rest[1:]}'.encode()


@pytest.mark.parametrize(
    ("given", "kept", "segment"),
    [
        ('".."', "..", "%2E%2E"),
        ('"."', ".", "%2E"),
        ('"a/../b"', "a/../b", "a%2F..%2Fb"),
        ('"a?b#c"', "a?b#c", "a%3Fb%23c"),
        ('" 18 "', "18", "18"),
        ("18.0", "18", "18"),
        (r'"a\u0000\ud83d"', r"a\u0000\ud83d", "a%5Cu0000%5Cud83d"),
    ],
)
def test_an_odd_id_is_kept_as_clean_text_and_is_one_segment_of_a_path(
    server: ScriptedServer, api: EnrichmentApi, given: str, kept: str, segment: str
) -> None:
    server.script(respond(202, body(given)), respond(200, body(given)))
    assert api.submit(PEOPLE, LEADS) == kept
    assert api.read(PEOPLE, kept).request_id == kept
    assert server.seen[1].target == f"{PATH}/{segment}"


def test_where_the_body_s_id_cannot_be_held_the_header_s_counts(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    accepted = respond(202, body(r'"\ud83d"'), {"Location": f"{PATH}/18"})
    server.script(accepted, respond(200, body(r'"\ud83d"')))
    assert api.submit(PEOPLE, LEADS) == "18"
    assert api.read(PEOPLE, "18").terminal


@pytest.mark.parametrize("given", ["[]", "true", '""', "1.5", "null"])
def test_what_is_no_id_is_not_taken_for_one(
    server: ScriptedServer, api: EnrichmentApi, given: str
) -> None:
    server.script(respond(202, body(given)), respond(200, body(given)))
    with pytest.raises(OutcomeUnknown, match="no usable id"):
        api.submit(PEOPLE, LEADS)
    assert api.read(PEOPLE, "18").terminal, "an answer without an id is not about another request"


@pytest.mark.parametrize("asked", ["18", "18.0"])
@pytest.mark.parametrize("given", ["18", "18.0", '"18"', '"18.00"', "1.8e1"])
def test_a_number_and_its_text_are_one_id(
    server: ScriptedServer, api: EnrichmentApi, asked: str, given: str
) -> None:
    server.script(respond(200, body(given)))
    assert api.read(PEOPLE, asked).terminal


@pytest.mark.parametrize("given", ["19", '"18.5"', '"018"', '"a"'])
def test_another_id_is_another_request(
    server: ScriptedServer, api: EnrichmentApi, given: str
) -> None:
    server.script(respond(200, body(given)))
    with pytest.raises(UnexpectedResponse, match="another request") as caught:
        api.read(PEOPLE, "18")
    assert "18" in str(caught.value)


def test_what_errors_say_is_escaped(server: ScriptedServer, api: EnrichmentApi) -> None:
    problem = {
        "code": "a\ud83d",
        "title": "\x00",
        "detail": "b\x00c",
        "source": {"pointer": "\x00"},
    }
    server.script(respond(200, body("18", status="error", _errors=[problem])))
    (found,) = api.read(PEOPLE, "18").problems
    assert (found.code, found.title) == (r"a\ud83d", r"\u0000")
    assert (found.detail, found.pointer) == (r"b\u0000c", r"\u0000")


@pytest.mark.parametrize(
    "member",
    [
        r'"\ud83d": 1',
        r'"a\u0000": "\ud83d"',
        '"total": 1e999',
        '"_errors": [1e999]',
        pytest.param('"_errors": [' + "9" * 4_400 + "]", id="an_integer_of_4,400_digits"),
        '"x": NaN',
        '"_errors": ["\xff"]',
    ],
)
def test_one_odd_member_of_a_page_is_not_the_page(
    server: ScriptedServer, api: EnrichmentApi, member: str
) -> None:
    rows = '"results": [{"id": 1e999, "status": "not_found"}]'
    text = f'{{{member}, "id": 18, "status": "completed", {rows}}}'
    server.script(respond(200, text.encode("latin-1")))
    page = api.read(PEOPLE, "18")
    assert (page.terminal, page.row_count) == (True, 1)


def test_what_a_refusal_says_is_escaped(server: ScriptedServer, api: EnrichmentApi) -> None:
    refused = json.dumps({"_errors": [{"code": "a\ud83d\x00"}], "object": "error"}).encode()
    server.script(respond(404, refused))
    with pytest.raises(NotFound) as caught:
        api.read(PEOPLE, "18")
    assert caught.value.problems[0].code == r"a\ud83d\u0000"


def test_a_link_with_half_a_surrogate_pair_is_not_followed(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    server.script(respond(200, body("18", _links={"next": {"href": f"{PATH}/18?after=\ud83d"}})))
    with pytest.raises(UnexpectedResponse, match="not followed"):
        list(api.pages(api.read(PEOPLE, "18"), expected_rows=1))


def test_a_row_that_is_repeated_counts_once(server: ScriptedServer, api: EnrichmentApi) -> None:
    rows = [{"id": number, "status": "not_found"} for number in range(3)] * 4
    server.script(respond(200, body("18", results=rows)))
    assert api.read(PEOPLE, "18").row_count == 3


@pytest.mark.parametrize("packed", [True, False], ids=["unpacked", "as_it_comes"])
def test_more_than_the_bound_is_an_error_that_names_the_request(
    server: ScriptedServer, api: EnrichmentApi, packed: bool
) -> None:
    content = b"{" + b" " * MOST_BYTES
    headers = {"Content-Encoding": "gzip"} if packed else {}
    server.script(respond(200, gzip.compress(content, 1) if packed else content, headers))
    with pytest.raises(UnexpectedResponse, match=r"requests/18: .*larger than 64 MB"):
        api.read(PEOPLE, "18")
    assert len(server.seen) == 1, "asking again would not make it smaller"


def test_no_more_is_unpacked_than_may_be_kept(
    server: ScriptedServer, api: EnrichmentApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 1_000_000)
    bomb = gzip.compress(b" " * 30_000_000, 1)
    server.script(respond(200, bomb, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedResponse, match="larger than"):
            api.read(PEOPLE, "18")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def test_gzip_is_asked_for_and_nothing_else_is_unpacked(
    server: ScriptedServer, client: ApiClient
) -> None:
    twice = gzip.compress(gzip.compress(b"{}"))
    server.script(
        respond(200, twice, {"Content-Encoding": "gzip, gzip"}),
        respond(200, b"{}", {"Content-Encoding": "br"}),
        respond(200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}),
    )
    assert client.get("/account-info").body == b"{}"
    assert client.stats.retries == 2
    assert {seen.headers["accept-encoding"] for seen in server.seen} == {"gzip"}


def test_an_accepted_answer_that_is_too_large_is_collected_by_its_header(
    server: ScriptedServer, api: EnrichmentApi
) -> None:
    bomb = gzip.compress(b" " * (MOST_BYTES + 1), 1)
    headers = {"Content-Encoding": "gzip", "Location": f"{PATH}/18"}
    server.script(respond(202, bomb, headers))
    assert api.submit(PEOPLE, LEADS) == "18"


@pytest.mark.parametrize(
    "text",
    ['{"a":"' + '\\"' * 200_000, '{"a":"' + "\\\\" * 200_000 + "\\", "[" * 100 + '"' * 200_001],
    ids=["escaped_quotes", "backslashes", "quotes_below_many_brackets"],
)
def test_a_text_that_never_ends_takes_no_longer_than_one_that_does(text: str) -> None:
    started = time.process_time()
    shallow(text)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|double quotes"):
        read_rows(b'{"results":' + text.encode())
    assert time.process_time() - started < 2


def test_a_number_with_an_exponent_that_no_reader_takes_is_text() -> None:
    number = "1e" + "9" * 30
    assert read_rows(f'{{"results": [{number}]}}'.encode()) == [number]
