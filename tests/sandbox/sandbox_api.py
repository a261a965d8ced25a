"""What the sandbox's tests share: a clock moved by hand, a client, and leads."""

from __future__ import annotations

from typing import Any

import httpx

from amplemarket_source.sandbox import SandboxServer
from tests.support.clock import ManualClock


class Api:
    """The server under test, as a client sees it and as its owner sees it."""

    def __init__(self, server: SandboxServer, client: httpx.Client, clock: ManualClock) -> None:
        self.server, self.sandbox, self.client, self.clock = server, server.sandbox, client, clock

    def post(self, leads: Any, *, kind: str = "people", **body: Any) -> httpx.Response:
        key = "leads" if kind == "people" else "companies"
        return self.client.post(f"/{kind}/enrichment-requests", json={key: leads, **body})

    def started(self, leads: Any, **options: Any) -> str:
        """The path of a new request."""
        response = self.post(leads, **options)
        assert response.status_code == 202, response.text
        return str(response.json()["_links"]["self"]["href"])

    def finished(self, leads: Any, **options: Any) -> dict[str, Any]:
        """The first page of a new request, polled until it has ended."""
        path = self.started(leads, **options)
        while True:
            document: dict[str, Any] = self.client.get(path).json()
            if document["status"] not in ("queued", "processing"):
                return document


def people(count: int) -> list[dict[str, str]]:
    """That many leads, each another person, at seven companies."""
    return [{"email": f"ada.lovelace{number}@site{number % 7}.example"} for number in range(count)]
