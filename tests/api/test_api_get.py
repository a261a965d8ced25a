from __future__ import annotations

import gzip
import logging
import threading
import zlib

import msgspec
import pytest

from amplemarket_source.api import ApiClient, Response, UnreadableBodyError
from amplemarket_source.errors import (
    ApiError,
    InsufficientCredits,
    KeyRefused,
    NoSuchRoute,
    NotFound,
    RemovedForPrivacy,
    RequestRefused,
    Unavailable,
    UnexpectedResponse,
)
from tests.api.conftest import KEY, client_for
from tests.api.scripted_server import (
    Behaviour,
    ScriptedServer,
    cut,
    drip,
    hang,
    respond,
    vanish,
)
from tests.support.clock import ManualClock

HTML = b"<html>We will be back soon</html>"
BODY = b'{"ok": true}'


def whole_json(response: Response) -> object:
    try:
        return msgspec.json.decode(response.body)
    except msgspec.DecodeError as error:
        raise UnreadableBodyError(str(error)) from None


def errors(code: str) -> bytes:
    return msgspec.json.encode(
        {"_errors": [{"code": code, "source": {"pointer": "/leads"}}], "object": "error"}
    )


def test_a_response_carries_status_headers_body_and_trace_id(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(respond(headers={"Retry-After": "1.5"}))
    got = client.get("/account-info", {"a b": "c+d@example.com"})
    assert (got.method, got.path, got.status, got.body) == ("GET", "/account-info", 200, BODY)
    assert (got.trace_id, got.headers["retry-after"]) == ("req-1", "1.5")
    assert got.retry_after(client.clock.now()) == 1.5
    assert server.seen[0].target == "/account-info?a%20b=c%2Bd%40example.com"
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "fault",
    [
        *(respond(status, b"later") for status in (408, 425, 429, 500, 502, 503, 504)),
        respond(200, HTML),
        respond(200, b""),
        respond(200, b'{"id": 1, "results": ['),
        respond(200, b"{}" * 5),
        respond(200, b"not gzip", {"Content-Encoding": "gzip"}),
        respond(200, gzip.compress(BODY)[:-12], {"Content-Encoding": "gzip"}),
        respond(200, zlib.compress(BODY)[:-7], {"Content-Encoding": "deflate"}),
        cut(),
        vanish(),
        vanish(reset=True),
    ],
)
def test_a_passing_fault_is_retried_until_the_response_is_whole(
    server: ScriptedServer, client: ApiClient, fault: Behaviour
) -> None:
    server.script(fault, fault, respond())
    assert client.get("/account-info", decode=whole_json) == {"ok": True}
    assert len(server.seen) == 3
    assert client.stats.calls == {"GET": 3}
    assert client.stats.retries == 2


def test_a_wrong_content_type_does_not_matter(server: ScriptedServer, client: ApiClient) -> None:
    server.script(respond(headers={"Content-Type": "text/html"}))
    assert client.get("/account-info").body == BODY


def test_compressed_bodies_are_decoded(server: ScriptedServer, client: ApiClient) -> None:
    server.script(respond(200, gzip.compress(BODY), {"Content-Encoding": "gzip"}))
    assert client.get("/account-info").body == BODY


def test_silence_is_retried(server: ScriptedServer) -> None:
    over = threading.Event()
    server.script(hang(over), respond())
    with client_for(server, read=0.2) as client:
        assert client.get("/account-info").body == BODY
    over.set()
    assert len(server.seen) == 2


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_dripping_body_ends_at_the_total_deadline(
    server: ScriptedServer, client: ApiClient, headers: dict[str, str]
) -> None:
    body = b"{" + b" " * 400 if not headers else gzip.compress(bytes(range(256)) * 4)[:400]
    server.script(drip(50, body, headers), respond())
    assert client.get("/account-info").body == BODY
    assert client.stats.retries == 1


def test_the_budget_of_consecutive_failures_ends_a_call(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(respond(503))
    with pytest.raises(Unavailable, match="4 attempts") as caught:
        client.get("/account-info")
    assert len(server.seen) == 4
    assert (caught.value.status, caught.value.trace_id) == (503, "req-1")
    assert caught.value.path == "/account-info"


def test_a_success_gives_the_next_call_a_whole_budget(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(*[*[respond(500)] * 3, respond()] * 3)
    for _ in range(3):
        client.get("/account-info")
    assert len(server.seen) == 12


@pytest.mark.parametrize("body", [HTML, b'{"results": [', b""])
def test_a_body_that_stays_unreadable_breaks_the_contract(
    server: ScriptedServer, client: ApiClient, body: bytes
) -> None:
    server.script(respond(200, body))
    with pytest.raises(UnexpectedResponse, match=r"GET /account-info: .*req-1"):
        client.get("/account-info", decode=whole_json)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "fault", [cut(), vanish(), respond(200, b"not gzip", {"Content-Encoding": "gzip"})]
)
def test_a_response_that_is_always_damaged_on_its_way_is_unavailable(
    server: ScriptedServer, client: ApiClient, fault: Behaviour
) -> None:
    server.script(fault)
    with pytest.raises(Unavailable, match="4 attempts"):
        client.get("/account-info")


def test_without_a_server_a_get_is_unavailable(deaf_server: ScriptedServer) -> None:
    with client_for(deaf_server) as client, pytest.raises(Unavailable, match="no connection"):
        client.get("/account-info")


def test_an_api_that_never_answered_is_given_up_after_half_a_minute_and_told_of_at_once(
    deaf_server: ScriptedServer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    started = clock.monotonic()
    with (
        client_for(deaf_server, budget=8) as client,
        caplog.at_level(logging.WARNING, "amplemarket.api"),
        pytest.raises(Unavailable, match="Connection refused"),
    ):
        client.get("/account-info")
    assert 29 <= clock.monotonic() - started <= 31
    (told,) = caplog.messages
    assert "Connection refused" in told


def test_an_api_that_has_answered_before_has_the_whole_budget(
    server: ScriptedServer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(respond(), *[vanish()] * 7, respond())
    with (
        client_for(server, budget=8) as client,
        caplog.at_level(logging.WARNING, "amplemarket.api"),
    ):
        client.get("/account-info")
        started = clock.monotonic()
        client.get("/account-info")
    assert clock.monotonic() - started > 40
    assert len(caplog.messages) == 1


def test_back_off_grows_with_jitter_and_never_undercuts_retry_after(
    server: ScriptedServer, clock: ManualClock
) -> None:
    server.script(*[respond(500)] * 7, respond(503, headers={"Retry-After": "200"}), respond())
    with client_for(server, budget=20) as client:
        client.get("/account-info")
    times = [seen.at for seen in server.seen]
    waits = [times[i + 1] - times[i] for i in range(len(times) - 1)]
    for wait, full in zip(waits, [1, 2, 4, 8, 16, 32, 60], strict=False):
        assert full / 2 <= wait <= full + 0.2
    assert len({round(wait / 2**i, 3) for i, wait in enumerate(waits[:6])}) > 1
    assert 200 <= waits[-1] <= 221


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("30", 30, 33.1),
        ("2.5", 2.5, 2.9),
        ("Wed, 21 Oct 2026 07:00:40 GMT", 40, 44.1),
        ("Wed, 21 Oct 2026 06:00:00 GMT", 1, 1.2),
        ("0", 1, 1.2),
        ("-7", 5, 5.6),
        ("soon", 5, 5.6),
        (None, 5, 5.6),
        ("86400", 3600, 3960.1),
    ],
)
def test_a_429_waits_as_told_bounded_and_jittered_upwards(
    server: ScriptedServer, client: ApiClient, header: str | None, least: float, most: float
) -> None:
    server.script(respond(429, headers={"Retry-After": header} if header else None), respond())
    client.get("/account-info")
    assert least <= server.seen[1].at - server.seen[0].at <= most
    assert client.stats.throttled == 1


def test_429s_without_a_header_wait_longer_each_time(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(*[respond(429)] * 3, respond())
    client.get("/account-info")
    times = [seen.at for seen in server.seen]
    waits = [times[i + 1] - times[i] for i in range(3)]
    for wait, told in zip(waits, [5, 10, 20], strict=True):
        assert told < wait <= told * 1.1 + 0.1
    assert waits[0] * 2 != pytest.approx(waits[1]), "jittered"


def test_a_429_holds_back_every_other_worker(server: ScriptedServer, clock: ManualClock) -> None:
    server.script(respond(429, headers={"Retry-After": "300"}), respond())
    with client_for(server) as client:
        # The other workers start while the first one is being told to wait.
        workers = [threading.Thread(target=client.get, args=(f"/other/{i}",)) for i in range(6)]
        started = iter([True])

        def start_others() -> None:
            if next(started, False):
                for worker in workers:
                    worker.start()

        clock.on_sleep = start_others
        client.get("/first")
        for worker in workers:
            worker.join(10)
    assert len(server.seen) == 8
    assert all(seen.at >= 300 for seen in server.seen[1:])
    assert {seen.target for seen in server.seen} >= {f"/other/{i}" for i in range(6)}


def test_closing_ends_waiting_at_once(server: ScriptedServer, clock: ManualClock) -> None:
    server.script(respond(429, headers={"Retry-After": "3600"}))
    with client_for(server) as client:
        clock.on_sleep = client.close
        with pytest.raises(Unavailable, match="closed"):
            client.get("/account-info")
    assert len(server.seen) == 1
    assert clock.monotonic() < 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, errors("unsupported_value"), RequestRefused),
        (409, errors("conflict"), RequestRefused),
        (422, b"", RequestRefused),
        (413, HTML, RequestRefused),
        (401, errors("unauthorized"), KeyRefused),
        (403, HTML, KeyRefused),
        *(
            (status, errors("insufficient_credits"), InsufficientCredits)
            for status in (400, 402, 403, 404, 422, 429)
        ),
        (404, errors("person_not_found"), NotFound),
        (404, b'{"_errors": []}', NotFound),
        (410, b"", NotFound),
        (404, b'{"message": "no Route matched with those values"}', NoSuchRoute),
        (404, HTML, NoSuchRoute),
        (404, b'{"_errors": "x"}', NoSuchRoute),
        (451, errors("unavailable_for_legal_reasons"), RemovedForPrivacy),
        (304, b"", UnexpectedResponse),
    ],
)
def test_each_refusal_has_its_error_and_is_not_retried(
    server: ScriptedServer, client: ApiClient, status: int, body: bytes, error: type[ApiError]
) -> None:
    server.script(respond(status, body))
    with pytest.raises(ApiError) as caught:
        client.get("/people/find", {"email": "ada@example.com"})
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.trace_id) == (status, "req-1")
    assert len(server.seen) == 1


def test_problems_are_parsed_with_all_members_optional(
    server: ScriptedServer, client: ApiClient
) -> None:
    body = b"""{"_errors": [
        {"code": "unsupported_value", "status": "400", "source": {"pointer": "/leads"}},
        {"title": "Odd", "status": 400, "source": null}, {}, "odd", null]}"""
    server.script(respond(400, body))
    with pytest.raises(RequestRefused, match="unsupported_value at /leads") as caught:
        client.get("/x")
    first, second, third = caught.value.problems
    assert (first.code, first.pointer, first.status) == ("unsupported_value", "/leads", "400")
    assert (second.title, second.status, third.code) == ("Odd", "400", "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_own_origin_is_followed(
    server: ScriptedServer, client: ApiClient, status: int
) -> None:
    server.script(respond(status, b"", {"Location": server.url + "/new?a=b"}), respond())
    assert client.get("/old").body == BODY
    assert [seen.target for seen in server.seen] == ["/old", "/new?a=b"]


def test_five_redirects_are_followed_and_not_a_sixth(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(*[respond(302, b"", {"Location": "next"})] * 5, respond())
    assert client.get("/old").body == BODY
    server.script(respond(302, b"", {"Location": "/loop"}))
    with pytest.raises(UnexpectedResponse, match="more than 5 redirects"):
        client.get("/loop")
    assert len(server.seen) == 6 + 6


@pytest.mark.parametrize("place", ["redirect", "link"])
def test_the_token_never_reaches_another_origin(
    server: ScriptedServer, client: ApiClient, clock: ManualClock, place: str
) -> None:
    with ScriptedServer(clock).running() as other:
        other.listen()
        foreign = f"{other.url}/people?email=ada@example.com"
        server.script(respond(302, b"", {"Location": foreign}))
        with pytest.raises(UnexpectedResponse, match="another origin") as caught:
            client.get("/old" if place == "redirect" else foreign)
        assert other.seen == []
    assert "ada" not in str(caught.value)


def test_a_proxy_from_the_environment_does_not_see_a_loopback_call(
    server: ScriptedServer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(clock).running() as proxy:
        proxy.listen()
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with client_for(server) as client:
            client.get("/account-info")
        assert proxy.seen == []
    assert len(server.seen) == 1


def test_calls_of_all_methods_share_the_pace(server: ScriptedServer, client: ApiClient) -> None:
    client.get("/a")
    client.post("/b", b"{}")
    client.patch("/c", b"{}")
    client.get("/d")
    # 600 a minute, and two in a thousand of it left unused.
    slots = [number * 0.1 / 0.998 for number in range(4)]
    assert [seen.at for seen in server.seen] == pytest.approx(slots)
    assert client.stats.calls == {"GET": 2, "POST": 1, "PATCH": 1}
    assert client.stats.pacing_seconds == pytest.approx(slots[-1])


def test_gets_reuse_their_connection(server: ScriptedServer, client: ApiClient) -> None:
    for _ in range(3):
        client.get("/a")
    assert len({seen.connection for seen in server.seen}) == 1
