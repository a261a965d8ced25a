"""How an answer travels: whole, or with one of the accidents that networks have."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from amplemarket_source.sandbox.exchange import Answer

__all__ = ["deliver"]

Transports = Mapping[tuple[str, int], asyncio.Transport]


def deliver(answer: Answer, transports: Transports) -> Response:
    """The response for an answer; ``transports`` are the open connections by peer address."""
    if answer.delivery == "whole":
        return Response(answer.render(), answer.status, answer.headers)
    return _Accident(answer, transports)


class _Accident(Response):
    def __init__(self, answer: Answer, transports: Transports) -> None:
        self._answer = answer
        self._transports = transports
        super().__init__(answer.render(), answer.status, answer.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._answer.delivery in ("cut", "drip"):
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
