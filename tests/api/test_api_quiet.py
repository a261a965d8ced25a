"""Nothing that is logged, raised or shown holds the key, a query, a body or a person."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import amplemarket_source
from amplemarket_source.api import ApiClient, EnrichmentApi
from amplemarket_source.errors import AmplemarketError
from amplemarket_source.kinds import PEOPLE
from tests.api.conftest import KEY, client_for
from tests.api.scripted_server import Behaviour, ScriptedServer, cut, respond, vanish

LOGGERS = (
    "",
    "amplemarket.api",
    "httpx",
    "httpcore",
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)
SECRETS = (KEY, "ada", "example.com", "Lovelace")
PERSON = b'{"id": "p1", "name": "Ada Lovelace", "email": "ada@example.com"}'
LINK = {"Location": "/people/find?email=ada@example.com"}
REFUSAL = b'{"_errors": [{"code": "odd", "detail": "ada@example.com is not a Lovelace"}]}'


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "behaviour",
    [
        respond(200, PERSON),
        respond(200, PERSON, LINK),
        respond(200, b"<html>ada@example.com</html>"),
        respond(200, b'{"ada@example.com": '),
        respond(302, b"", LINK),
        respond(302, b"", {"Location": "https://evil.example.net/?email=ada@example.com"}),
        respond(400, REFUSAL),
        respond(401, REFUSAL),
        respond(429, REFUSAL),
        respond(500, PERSON, LINK),
        cut(),
        vanish(),
        vanish(reset=True),
    ],
)
@pytest.mark.parametrize("call", ["get", "post"])
def test_neither_logs_nor_errors_hold_a_secret(
    server: ScriptedServer,
    client: ApiClient,
    log: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    call: str,
) -> None:
    api = EnrichmentApi(client)
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: api.find_person({"email": "ada@example.com", "name": "Ada Lovelace"}),
        "post": lambda: api.submit(PEOPLE, [{"email": "ada@example.com", "name": "Lovelace"}]),
    }
    server.script(behaviour)
    said = ""
    try:
        said = repr(calls[call]())
    except AmplemarketError as error:
        for link in chain(error):
            assert not isinstance(link, httpx.HTTPError)
            said += f"{link!s} {link!r} {''.join(traceback.format_exception(link))}"
    assert "amplemarket.api" in {record.name for record in log.records}
    assert not {record.name for record in log.records} & set(LOGGERS[2:])
    # Tracebacks quote this file's source lines, which name the secrets on purpose.
    said = re.sub(r'File "[^"]*test_api_quiet[^"]*".*\n.*\n(?:\s*[~^]+\n)?', "", said)
    for secret in SECRETS:
        assert secret not in log.text
        assert secret not in said


def test_the_key_is_in_no_repr(client: ApiClient) -> None:
    shown = [client, vars(client), client.stats, *vars(client).values()]
    assert KEY not in " ".join(repr(one) for one in shown)
    assert KEY not in repr(vars(vars(client)["_transport"]))


def test_a_log_line_holds_method_path_status_trace_id_and_time(
    server: ScriptedServer, client: ApiClient, log: pytest.LogCaptureFixture
) -> None:
    client.get("/account-info?secret=1")
    lines = [record.getMessage() for record in log.records if record.name == "amplemarket.api"]
    assert lines == ["GET /account-info: 200, trace id req-1, 0 ms"]


def test_another_user_of_httpx_keeps_its_log(
    server: ScriptedServer, log: pytest.LogCaptureFixture
) -> None:
    with client_for(server) as client:
        client.get("/ours")
    httpx.get(server.url + "/theirs", trust_env=False)
    logged = [record.getMessage() for record in log.records if record.name == "httpx"]
    assert len(logged) == 1
    assert "/theirs" in logged[0]


def test_one_module_imports_httpx() -> None:
    package = Path(amplemarket_source.__path__[0])
    importers = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"^\s*(?:import|from) (?:httpx|httpcore)\b", path.read_text("utf-8"), re.M)
    ]
    assert importers == ["api/transport.py"]
