from __future__ import annotations

import threading

import msgspec
import pytest

from amplemarket_source.api import ApiClient
from amplemarket_source.errors import (
    ApiError,
    InsufficientCredits,
    KeyRefused,
    NoSuchRoute,
    NotSent,
    OutcomeUnknown,
    RequestRefused,
    Unavailable,
    UnexpectedResponse,
)
from tests.api.conftest import client_for
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

PATH = "/people/enrichment-requests"
LEADS = b'{"leads": [{"email": "ada@example.com"}]}'


def test_a_post_carries_the_json_bytes_as_given(server: ScriptedServer, client: ApiClient) -> None:
    server.script(respond(202, b'{"id": 7}'))
    assert client.post(PATH, LEADS).status == 202
    seen = server.seen[0]
    assert (seen.method, seen.body) == ("POST", LEADS)
    assert seen.headers["content-type"] == "application/json"


def test_each_post_has_a_connection_of_its_own(server: ScriptedServer, client: ApiClient) -> None:
    client.get("/a")
    for _ in range(3):
        client.post(PATH, LEADS)
    assert len({seen.connection for seen in server.seen}) == 4


@pytest.mark.parametrize(
    "fault",
    [
        *(respond(status) for status in (500, 502, 503, 504, 408, 425)),
        *(respond(status, b"", {"Location": "/elsewhere"}) for status in (301, 302, 307, 308)),
        cut(202),
        respond(202, b"broken", {"Content-Encoding": "gzip"}),
        drip(50, b'{"id": 7, "status": "queued"}'),
        vanish(),
        vanish(reset=True),
    ],
)
def test_a_post_that_may_have_arrived_is_never_sent_again(
    server: ScriptedServer, client: ApiClient, fault: Behaviour
) -> None:
    server.script(fault, respond(202, b'{"id": 7}'))
    with pytest.raises(OutcomeUnknown, match=f"POST {PATH}"):
        client.post(PATH, LEADS)
    assert len(server.seen) == 1


def test_a_post_without_a_response_is_never_sent_again(server: ScriptedServer) -> None:
    over = threading.Event()
    server.script(hang(over))
    with client_for(server, read=0.2) as client, pytest.raises(OutcomeUnknown):
        client.post(PATH, LEADS)
    over.set()
    assert len(server.seen) == 1


def test_a_post_of_which_only_a_part_was_written_is_not_sent_again(
    server: ScriptedServer, client: ApiClient
) -> None:
    # More than any socket buffer holds, to a server that resets before it has read it.
    taken: list[str] = []
    handler = server.RequestHandlerClass

    class Impatient(handler):  # type: ignore[misc, valid-type]
        def do_POST(self) -> None:  # noqa: N802 - the base class's name
            taken.append(self.path)
            vanish(reset=True)(self)

    server.RequestHandlerClass = Impatient
    with pytest.raises(OutcomeUnknown):
        client.post(PATH, b"[" + b" " * 50_000_000 + b"]")
    assert taken == [PATH]


def test_a_refused_connection_is_tried_again_and_the_post_arrives_once(
    deaf_server: ScriptedServer, clock: ManualClock
) -> None:
    clock.on_sleep = lambda: deaf_server.listen() if clock.monotonic() > 2 else None
    deaf_server.script(respond(202, b'{"id": 7}'))
    with client_for(deaf_server, budget=8) as client:
        assert client.post(PATH, LEADS).status == 202
        assert client.stats.retries >= 2
    assert len(deaf_server.seen) == 1


def test_without_a_connection_a_post_is_provably_not_sent(deaf_server: ScriptedServer) -> None:
    with client_for(deaf_server) as client, pytest.raises(NotSent, match="4 attempts"):
        client.post(PATH, LEADS)


def test_a_post_that_waits_for_its_turn_when_the_client_closes_was_not_sent(
    server: ScriptedServer, clock: ManualClock
) -> None:
    with client_for(server) as client:
        client.get("/a")
        clock.on_sleep = client.close
        with pytest.raises(NotSent, match="closed"):
            client.post(PATH, LEADS)
    assert len(server.seen) == 1


def test_a_post_refused_with_429_is_sent_again_after_the_pause(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(respond(429, headers={"Retry-After": "60"}), respond(202, b'{"id": 7}'))
    assert client.post(PATH, LEADS).status == 202
    assert len(server.seen) == 2
    assert server.seen[1].at - server.seen[0].at >= 60


def test_a_post_refused_with_429_to_the_end_is_unavailable(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(respond(429))
    with pytest.raises(Unavailable):
        client.post(PATH, LEADS)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "unsupported_value", RequestRefused),
        (422, "missing_field", RequestRefused),
        (401, "unauthorized", KeyRefused),
        (402, "insufficient_credits", InsufficientCredits),
        (429, "insufficient_credits", InsufficientCredits),
    ],
)
def test_a_refused_post_bought_nothing_and_says_why(
    server: ScriptedServer, client: ApiClient, status: int, code: str, error: type[ApiError]
) -> None:
    body = msgspec.json.encode({"_errors": [{"code": code, "source": {"pointer": "/leads/0"}}]})
    server.script(respond(status, body))
    with pytest.raises(error) as caught:
        client.post(PATH, LEADS)
    assert caught.value.problems[0].pointer == "/leads/0"
    assert len(server.seen) == 1


def test_a_post_to_a_wrong_route_says_so(server: ScriptedServer, client: ApiClient) -> None:
    server.script(respond(404, b'{"message": "no Route matched with those values"}'))
    with pytest.raises(NoSuchRoute, match="base_url"):
        client.post("/people-enrichments", LEADS)


def test_a_cut_response_that_names_its_location_is_returned(
    server: ScriptedServer, client: ApiClient
) -> None:
    server.script(cut(202, {"Location": f"{PATH}/7"}))
    got = client.post(PATH, LEADS)
    assert got.headers["location"] == f"{PATH}/7"
    assert got.damaged
    assert len(server.seen) == 1


@pytest.mark.parametrize("fault", [respond(503), cut(), vanish(), respond(200, b"<html>")])
def test_a_patch_is_repeated_like_a_get(
    server: ScriptedServer, client: ApiClient, fault: Behaviour
) -> None:
    server.script(fault, respond())
    assert client.patch(f"{PATH}/7", b'{"status":"canceled"}').status == 200
    assert [seen.body for seen in server.seen] == [b'{"status":"canceled"}'] * 2


def test_a_patch_is_not_redirected(server: ScriptedServer, client: ApiClient) -> None:
    server.script(respond(307, b"", {"Location": "/elsewhere"}))
    with pytest.raises(UnexpectedResponse, match="unexpected status"):
        client.patch(f"{PATH}/7", b"{}")
    assert len(server.seen) == 1
