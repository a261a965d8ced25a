"""The ASGI application: routes, key, rate limit, faults, and the ``/_sandbox`` controls.

Below them how an answer travels. What each endpoint does is in ``enrichment_endpoints``,
``search`` and ``workspace_endpoints``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler, Receive, Scope, Send

from amplemarket_source.sandbox.endpoint import Endpoint, Limit
from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse, refusal
from amplemarket_source.sandbox.routes import ENDPOINTS
from amplemarket_source.sandbox.state import Call, Sandbox
from amplemarket_source.sandbox.validation import BadRequest

__all__ = ["deliver", "make_app"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def make_app(sandbox: Sandbox) -> Starlette:
    """The application that serves ``sandbox``. Any ASGI server runs it; faults that drop the
    connection need ``SandboxServer`` or ``serve``."""
    routes = [
        Route(endpoint.path, _served(sandbox, endpoint), methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]

    async def no_route(request: Request, _: Exception) -> Response:
        # The gateway's own shape, for a wrong method too (api-notes: gateway-404).
        answer = SandboxResponse(404, {"message": "no Route matched with those values"})
        return await _finish(sandbox, _exchange(sandbox, request), answer)

    handlers: dict[Any, ExceptionHandler] = {HTTPException: no_route}
    return Starlette(routes=[*routes, *_controls(sandbox)], exception_handlers=handlers)


def _exchange(sandbox: Sandbox, request: Request) -> Exchange:
    return Exchange(
        sandbox.options,
        request.method,
        request.url.path,
        request.query_params.multi_items(),
        dict(request.headers),
    )


def _served(sandbox: Sandbox, endpoint: Endpoint) -> Handler:
    async def serve(request: Request) -> Response:
        exchange = _exchange(sandbox, request)
        exchange.parameters = {name: str(text) for name, text in request.path_params.items()}
        enrichment = sandbox.request(request.path_params.get("number", ""))
        if enrichment is not None and enrichment.kind is endpoint.kind:
            exchange.enrichment = enrichment
        sandbox.faults.apply("arrival", exchange)
        if exchange.answer is None:
            exchange.body = await request.body()
            exchange.answer = _decided(sandbox, endpoint, exchange)
        return await _finish(sandbox, exchange, exchange.answer)

    return serve


def _decided(sandbox: Sandbox, endpoint: Endpoint, exchange: Exchange) -> SandboxResponse:
    scheme, _, key = exchange.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key not in sandbox.options.api_keys:
        return refusal(401, "unauthorized", "Unauthorized")
    limit = endpoint.limit or Limit(0)
    wait = sandbox.wait_for_rate(endpoint.path, limit.calls or None, limit.minutes)
    if wait is not None:
        answer = refusal(429, "too_many_requests", "Too Many Requests")  # the code is invented
        answer.headers["Retry-After"] = str(wait)
        return answer
    sandbox.faults.apply("progress", exchange)
    try:
        exchange.answer = endpoint.handle(sandbox, exchange)
    except BadRequest as error:
        return SandboxResponse(400, {"_errors": error.problems, "object": "error"})
    sandbox.faults.apply("document", exchange)
    return exchange.answer


async def _finish(sandbox: Sandbox, exchange: Exchange, answer: SandboxResponse) -> Response:
    exchange.answer = answer
    answer.headers["x-request-id"] = str(uuid4())
    accepted = exchange.headers.get("accept-encoding", "")
    sandbox.faults.apply("delivery", exchange)
    if sandbox.options.gzip and "gzip" in accepted and "Content-Encoding" not in answer.headers:
        answer.compress()
    status = answer.status if answer.delivery == "whole" else None
    query = urlencode(exchange.query, safe="[]")
    sandbox.calls.append(Call(exchange.method, exchange.path, query, status))
    if sandbox.options.latency:
        await asyncio.sleep(sandbox.options.latency)
    return deliver(answer, sandbox.transports)


def _controls(sandbox: Sandbox) -> list[Route]:
    """The endpoints a real API does not have."""

    def route(path: str, method: str, act: Callable[[Request, Any], Any]) -> Route:
        async def control(request: Request) -> Response:
            try:
                found = act(request, orjson.loads(await request.body() or b"null"))
            except (ValueError, TypeError, KeyError) as error:
                return _json({"error": str(error)}, 400)
            return _json(found, 200)

        return Route(f"/_sandbox/{path}", control, methods=[method])

    def log(request: Request, _: Any) -> Any:
        return sandbox.log(with_leads=request.query_params.get("leads") != "false")

    def set_faults(_: Request, body: Any) -> Any:
        sandbox.set_faults(*body)
        return list_faults(_, None)

    def list_faults(_: Request, __: Any) -> Any:
        return [{"name": fault.name, "count": fault.count} for fault in sandbox.faults.active]

    def configure(_: Request, body: Any) -> Any:
        sandbox.configure(**body)
        return asdict(sandbox.options)

    def change_workspace(_: Request, body: Any) -> Any:
        return sandbox.workspace.apply(**body)

    return [
        route("log", "GET", log),
        route("requests", "GET", lambda *_: [call._asdict() for call in sandbox.calls]),
        route("faults", "GET", list_faults),
        route("faults", "POST", set_faults),
        route("options", "POST", configure),
        route("workspace", "POST", change_workspace),
        route("settle", "POST", lambda *_: sandbox.settle()),
        route("reset", "POST", lambda *_: sandbox.reset()),
    ]


def _json(document: Any, status: int) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


Transports = Mapping[tuple[str, int], asyncio.Transport]


def deliver(answer: SandboxResponse, transports: Transports) -> Response:
    """The response for an answer; ``transports`` are the open connections by peer address."""
    if answer.delivery == "whole":
        return Response(answer.render(), answer.status, answer.headers)
    return _Accident(answer, transports)


_BLANKS = b" " * (1 << 20)


class _Accident(Response):
    def __init__(self, answer: SandboxResponse, transports: Transports) -> None:
        self._answer = answer
        self._transports = transports
        super().__init__(answer.render(), answer.status, answer.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answer.delivery == "endless":
            del self.headers["content-length"]
        if self._answer.delivery in ("cut", "drip", "endless"):
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._send_body(receive, send)
        if self._answer.delivery in ("cut", "drop"):
            self._transports[tuple(scope["client"])].abort()
        await _gone(receive)

    async def _send_body(self, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        if self._answer.delivery == "cut":
            half = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(0)  # abort() would throw away what is not written yet
            return
        gone = asyncio.ensure_future(_gone(receive))
        while self._answer.delivery == "endless" and not gone.done():
            await send({"type": "http.response.body", "body": _BLANKS, "more_body": True})
            await asyncio.sleep(0)
        for place in range(len(body)):
            chunk = {"body": body[place : place + 1], "more_body": place + 1 < len(body)}
            await send({"type": "http.response.body", **chunk})
            done, _ = await asyncio.wait([gone], timeout=self._answer.drip_seconds)
            if done:
                break
        gone.cancel()


async def _gone(receive: Receive) -> None:
    """Until the client (or a server that shuts down) has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
