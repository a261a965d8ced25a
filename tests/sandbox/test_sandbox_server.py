"""The server around the API: limits, controls, and running as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import httpx
import pytest

from amplemarket_source.sandbox import FAULTS, SANDBOX_HELP, SandboxServer, serve
from tests.sandbox.sandbox_api import Api, people


def test_calls_over_the_limit_are_told_when_to_come_back(make_api: Callable[..., Api]) -> None:
    api = make_api(requests_per_minute=3)
    for _ in range(3):
        api.clock.sleep(10)
        assert api.client.get("/account-info").status_code == 200
    response = api.client.get("/account-info")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "40")
    api.clock.sleep(40)
    assert api.client.get("/account-info").status_code == 200
    assert api.client.get("/account-info").status_code == 429


def test_answers_are_compressed_for_clients_that_ask(make_api: Callable[..., Api]) -> None:
    api = make_api(gzip=True)
    packed = api.client.get("/account-info")
    plain = api.client.get("/account-info", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json() == {"id": packed.json()["id"], "name": "Sandbox"}


def test_every_call_is_recorded_and_reset_forgets(api: Api) -> None:
    path = api.started(people(1))
    api.client.get(f"{path}?page[size]=5")
    api.client.get("/nowhere")
    calls = api.client.get("/_sandbox/requests").json()
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [
        ("POST", "/people/enrichment-requests", 202),
        ("GET", path, 200),
        ("GET", "/nowhere", 404),
    ]
    assert calls[1]["query"] == "page[size]=5"
    api.client.post("/_sandbox/reset")
    assert api.client.get("/_sandbox/requests").json() == []
    assert api.client.get("/_sandbox/log").json()["totals"]["posts"] == 0


def test_options_and_settling_over_http(api: Api) -> None:
    response = api.client.post("/_sandbox/options", json={"children": "none", "retry_after": 0})
    assert response.json()["variant"]["children"] == "none"
    path = api.started(people(2))
    api.client.post("/_sandbox/settle")
    assert api.client.get(path).json()["results"][0]["result"]["experiences"] == []


@pytest.mark.parametrize("body", [{"polls": 1}, {"children": "some"}, {"gzip": "yes"}, [1]])
def test_options_that_cannot_be_are_refused(api: Api, body: object) -> None:
    before = api.sandbox.options
    assert api.client.post("/_sandbox/options", json=body).status_code == 400
    assert api.sandbox.options == before


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "site.example", ""])  # noqa: S104
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(host, 0)


def test_the_help_names_every_switch() -> None:
    assert all(f"  {name} " in SANDBOX_HELP for name in FAULTS)


def test_stopping_leaves_no_thread_and_no_open_port() -> None:
    before = set(threading.enumerate())
    with SandboxServer() as server:
        httpx.get(f"{server.url}/account-info")
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/account-info")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_prints_its_url_and_stops_quietly(stop: signal.Signals) -> None:
    command = [sys.executable, "-W", "error", "-m", "amplemarket_source.sandbox", "--port", "0"]
    options = ["--options", '{"account_name": "Mine"}', "--faults", '["poll_503"]']
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        headers = {"Authorization": "Bearer sandbox-key"}
        try:
            answer = httpx.get(f"{url}/account-info", headers=headers)
            faults = httpx.get(f"{url}/_sandbox/faults")
        finally:
            process.send_signal(stop)
            rest, errors = process.communicate(timeout=10)
    assert answer.json()["name"] == "Mine"
    assert [fault["name"] for fault in faults.json()] == ["poll_503"]
    assert (rest, errors) == ("", "")


def test_a_setting_that_cannot_be_ends_the_process_with_2() -> None:
    command = [sys.executable, "-m", "amplemarket_source.sandbox", "--faults", '["no_such"]']
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "no_such" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_needs_no_server_library() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from amplemarket_source.sandbox import SANDBOX_HELP, SandboxOptions\n"
        "try:\n    from amplemarket_source.sandbox import SandboxServer\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "python -m pip install 'starlette" in done.stdout


def test_a_client_that_dies_while_it_sends_bought_nothing(api: Api) -> None:
    host, port = api.server.url.removeprefix("http://").split(":")
    head = (
        "POST /people/enrichment-requests HTTP/1.1\r\nHost: site.example\r\n"
        "Authorization: Bearer sandbox-key\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b'{"leads": [{"email": "ada')
    assert api.client.get("/account-info").status_code == 200
    assert api.sandbox.requests == {}
