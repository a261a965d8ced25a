"""What a route of the API is: its method, its path, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse
from amplemarket_source.sandbox.options import Kind
from amplemarket_source.sandbox.state import Sandbox

__all__ = ["Endpoint", "Handler", "Limit"]

Handler = Callable[[Sandbox, Exchange], SandboxResponse]


@dataclass(frozen=True)
class Limit:
    """How many calls an endpoint answers, beside the limit for all (api-notes: rate-limit)."""

    calls: int
    minutes: int = 1


@dataclass(frozen=True)
class Endpoint:
    """A route.

    Attributes:
        path: as Starlette writes it; ``{number:path}`` is the id of an enrichment request of
            ``kind``, which a fault may have given a slash.
        help: what it is, for the list of endpoints.
        limit: its own, where it has one.
    """

    method: str
    path: str
    handle: Handler
    help: str
    kind: Kind | None = None
    limit: Limit | None = None
