"""One call to the sandbox on its way through: what was asked, and the answer being made."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from amplemarket_source.sandbox.enrichments import Enrichment, problem
from amplemarket_source.sandbox.options import SandboxOptions

__all__ = ["Exchange", "SandboxResponse", "insufficient", "refusal"]

Delivery = Literal["whole", "drop", "hang", "cut", "drip", "endless"]


@dataclass
class SandboxResponse:
    """An answer that can still be changed.

    Attributes:
        document: becomes the JSON body, unless ``content`` is set.
        delivery: how the body travels; anything but ``whole`` is a fault.
        exotic: the document may hold what strict JSON writers refuse (NaN, integers past 64
            bits, lone surrogates), so a lenient one writes it.
    """

    status: int
    document: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    delivery: Delivery = "whole"
    drip_seconds: float = 0.05
    exotic: bool = False

    def render(self) -> bytes:
        """The body; made once."""
        if self.content is None:
            self.headers.setdefault("Content-Type", "application/json")
            if self.exotic:
                self.content = json.dumps(self.document).encode()
            else:
                self.content = orjson.dumps(self.document)
        return self.content

    def compress(self) -> None:
        self.content = gzip.compress(self.render(), compresslevel=1)
        self.headers["Content-Encoding"] = "gzip"


@dataclass
class Exchange:
    """A call and what became of it.

    Attributes:
        options: the server's, at the time of the call.
        path: without the query; ``query`` holds the parameters, decoded, in their order.
        parameters: the variable parts of the path, decoded.
        enrichment: the request the call is about, where there is one.
        rows_key: the member of the answer that holds a page of rows, where it has one.
        answer: None until it is decided.
    """

    options: SandboxOptions
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    enrichment: Enrichment | None = None
    rows_key: str | None = None
    answer: SandboxResponse | None = None


def refusal(status: int, code: str, title: str, **headers: str) -> SandboxResponse:
    """An answer in the API's error shape (api-notes: error-shape)."""
    document = {"_errors": [problem(status, code, title)], "object": "error"}
    return SandboxResponse(status, document, dict(headers))


def insufficient(options: SandboxOptions) -> SandboxResponse:
    """The account cannot pay; the HTTP status is not documented (api-notes: no-credits)."""
    return refusal(options.insufficient_status, "insufficient_credits", "Insufficient Credits")
