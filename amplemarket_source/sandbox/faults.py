"""Named fault switches: what can go wrong between a client and the API, on demand.

A switch is on until it is switched off, or for the next ``count`` answers it applies to. Each
has calls it applies to by itself (a POST, a poll, a page); ``method`` and ``path`` choose others.
``FAULTS`` is the whole list, with what each does.

A function of the table gets the exchange and the switch's value, changes the exchange, and says
whether there was something to do; only then the switch counts as used. What is done to the rows
and links of a page is in ``fault_pages``.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlencode

from amplemarket_source.sandbox import fault_pages as pages
from amplemarket_source.sandbox.enrichments import problem
from amplemarket_source.sandbox.exchange import (
    Delivery,
    Exchange,
    SandboxResponse,
    insufficient,
    refusal,
)

__all__ = ["FAULTS", "Fault", "FaultBook", "FaultLike", "FaultSpec", "Stage"]

Stage = Literal["arrival", "progress", "document", "delivery"]
"""Before the body is read; before an open request is polled; on the JSON; on the bytes."""

Apply = Callable[[Exchange, Any], bool]


@dataclass(frozen=True)
class FaultSpec:
    """What a switch is: its stage, the calls it applies to by itself, its function, its words."""

    stage: Stage
    method: str | None
    path: str
    apply: Apply
    help: str


def _answer(make: Callable[[Exchange], SandboxResponse]) -> Apply:
    def apply(exchange: Exchange, _: Any) -> bool:
        exchange.answer = make(exchange)
        return True

    return apply


def _refuse(status: int, code: str, title: str, *, retry_after: bool = False) -> Apply:
    def make(exchange: Exchange) -> SandboxResponse:
        answer = refusal(status, code, title)
        if retry_after:
            answer.headers["Retry-After"] = exchange.options.retry_after_header
        return answer

    return _answer(make)


def _http_status(exchange: Exchange, value: Any) -> bool:
    exchange.answer = refusal(int(value), "odd", "Odd")
    return True


def _redirect(exchange: Exchange, value: Any) -> bool:
    location = f"{value or pages.ELSEWHERE}{exchange.path}"
    exchange.answer = SandboxResponse(307, None, {"Location": location}, content=b"")
    return True


def _end(status: Literal["error", "canceled"], code: str = "", title: str = "") -> Apply:
    def apply(exchange: Exchange, _: Any) -> bool:
        if exchange.enrichment is None or not exchange.enrichment.is_open:
            return False
        options = exchange.options
        http_status = options.insufficient_status if code == "insufficient_credits" else 500
        problems = [problem(http_status, code, title)] if code else []
        exchange.enrichment.end(options, status, problems)
        return True

    return apply


def _deliver(delivery: Delivery, *, accepted_only: bool = False) -> Apply:
    def apply(exchange: Exchange, value: Any) -> bool:
        answer = exchange.answer
        if answer is None or (accepted_only and answer.status != 202):
            return False
        answer.delivery = delivery
        if delivery == "drip" and value is not None:
            answer.drip_seconds = float(value)
        return True

    return apply


def _replace_accepted(exchange: Exchange, _: Any) -> bool:
    if exchange.answer is None or exchange.answer.status != 202:
        return False
    exchange.answer = refusal(503, "service_unavailable", "Service Unavailable")
    return True


def _content(make: Callable[[bytes], bytes], **headers: str) -> Apply:
    def apply(exchange: Exchange, _: Any) -> bool:
        assert exchange.answer is not None  # noqa: S101 - the delivery stage has an answer
        exchange.answer.content = make(exchange.answer.render())
        exchange.answer.headers.update(
            {name.replace("_", "-"): value for name, value in headers.items()}
        )
        return True

    return apply


def _damaged_gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: with the head of gzip
    start = packer.compress(body[: len(body) // 2]) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + b"\xff" * 16  # a block of a type that there is not


def _bomb(exchange: Exchange, value: Any) -> bool:
    blanks = b" " * (int(value or 100) * 1_000_000)
    return _content(lambda _: gzip.compress(blanks, 1), Content_Encoding="gzip")(exchange, None)


def _other_body(exchange: Exchange, value: Any) -> bool:
    return _content(lambda _: (value or "").encode())(exchange, None)


def _content_type(exchange: Exchange, value: Any) -> bool:
    return _content(lambda body: body, Content_Type=value or "text/plain")(exchange, None)


def _retry_after(exchange: Exchange, value: Any) -> bool:
    if exchange.answer is None or "Retry-After" not in exchange.answer.headers:
        return False
    if value is None:
        del exchange.answer.headers["Retry-After"]
    else:
        exchange.answer.headers["Retry-After"] = str(value)
    return True


def _replace_text(exchange: Exchange, value: Any) -> bool:
    assert exchange.answer is not None  # noqa: S101 - the delivery stage has an answer
    body = exchange.answer.render()
    exchange.answer.content = body.replace(value["old"].encode(), value["new"].encode())
    return exchange.answer.content != body


_HTML = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


def _html(exchange: Exchange, _: Any) -> bool:
    exchange.answer = SandboxResponse(200, None, {"Content-Type": "text/html"}, content=_HTML)
    return True


_Calls = tuple[str | None, str]
_Row = tuple[str, Stage, _Calls, Apply, str]

_ANY: _Calls = (None, "")
_POST: _Calls = ("POST", "/enrichment-requests")
_POLL: _Calls = ("GET", "/enrichment-requests/")


def _unavailable(*, code: str = "service_unavailable") -> Apply:
    return _refuse(503, code, "Service Unavailable")


_LIMITED = _refuse(429, "too_many_requests", "Too Many Requests", retry_after=True)
_DROP = _answer(lambda _: SandboxResponse(0, content=b"", delivery="drop"))

_ROWS: tuple[_Row, ...] = (
    # Sending
    ("post_timeout_after_accept", "document", _POST, _deliver("hang", accepted_only=True),
     "the POST is accepted, the answer never comes"),
    ("post_drop_after_accept", "document", _POST, _deliver("drop", accepted_only=True),
     "the POST is accepted, then the connection is dropped"),
    ("post_drop_before_read", "arrival", _POST, _DROP,
     "the connection is dropped before the body is read; nothing is accepted"),
    ("post_503", "arrival", _POST, _unavailable(), "503, nothing is accepted"),
    ("post_503_after_accept", "document", _POST, _replace_accepted,
     "the POST is accepted, the answer is 503 all the same"),
    ("post_no_id", "document", _POST, pages.drop_id,
     "202 without id, Location and links, though the POST is accepted"),
    ("accepted_id", "document", _POST, pages.accepted_id,
     "the request gets another id (value: the id, as text)"),
    ("post_429", "arrival", _POST, _LIMITED, "429 with Retry-After, nothing is accepted"),
    ("insufficient_at_once", "arrival", _POST,
     _answer(lambda exchange: insufficient(exchange.options)),
     "the account cannot pay, nothing is accepted"),
    # Polling
    ("poll_503", "arrival", _POLL, _unavailable(), "503 on a GET of a request"),
    ("poll_429", "arrival", _POLL, _LIMITED, "429 with Retry-After on a GET of a request"),
    ("gone_404", "arrival", _POLL, _refuse(404, "not_found", "Not Found"),
     "the request is not there any more"),
    ("gone_410", "arrival", _POLL, _refuse(410, "gone", "Gone"),
     "the request is gone for good"),
    ("gateway_404", "arrival", _POLL,
     _answer(lambda _: SandboxResponse(404, {"message": "no Route matched with those values"})),
     "404 of the gateway in front of the API"),
    ("http_status", "arrival", _POLL, _http_status,
     "an error with this HTTP status (value: the number), nothing is done"),
    ("poll_hang", "document", _POLL, _deliver("hang"), "the answer to a GET never comes"),
    ("ends_error_with_rows", "progress", _POLL,
     _end("error", "internal_server_error", "Internal Server Error"),
     "the request ends in error with half of its rows"),
    ("insufficient_midway", "progress", _POLL,
     _end("error", "insufficient_credits", "Insufficient Credits"),
     "credits run out with half of the rows done: error, under HTTP 200"),
    ("canceled_elsewhere", "progress", _POLL, _end("canceled"),
     "somebody else cancels with half of the rows done"),
    ("retry_after", "delivery", _ANY, _retry_after,
     "the Retry-After header has this value, or is left out without a value"),
    # Connections and bodies
    ("unauthorized", "arrival", _ANY, _refuse(401, "unauthorized", "Unauthorized"),
     "the key is refused"),
    ("connection_drop", "arrival", _ANY, _DROP, "the connection is dropped without an answer"),
    ("redirect_other_host", "arrival", _POLL, _redirect,
     "307 to another host (value: its base URL)"),
    ("html_body", "arrival", _POLL, _html, "200 with a maintenance page"),
    ("cut_body", "delivery", _POLL, _deliver("cut"), "half of the body, then a drop"),
    ("cut_json", "delivery", _POLL, _content(lambda body: body[: len(body) // 2]),
     "half of the JSON text, sent as if it were all"),
    ("other_body", "delivery", _POLL, _other_body,
     "another body (value: its text; empty without a value)"),
    ("drip_body", "delivery", _POLL, _deliver("drip"),
     "the body comes byte by byte (value: seconds between two)"),
    ("bad_gzip", "delivery", _POLL, _content(_damaged_gzip, Content_Encoding="gzip"),
     "a body in gzip that cannot be read"),
    ("gzip_bomb", "delivery", _POLL, _bomb,
     "a small body in gzip that unpacks to blanks (value: megabytes of them)"),
    ("endless_body", "delivery", _POLL, _deliver("endless"), "a body of blanks that never ends"),
    ("wrong_content_type", "delivery", _POLL, _content_type,
     "the right body as text/plain (value: another type)"),
    ("replace_text", "delivery", _POLL, _replace_text,
     'text of the body replaced (value: {"old": ..., "new": ...}), for what no writer writes'),
    # Pages
    ("missing_results", "document", _POLL, pages.missing_results, "a page without results"),
    ("null_results", "document", _POLL, pages.null_results, "a page whose results are null"),
    ("page_set", "document", _POLL, pages.page_set,
     'members of the request object set to something else (value: {"results": {}, ...})'),
    ("next_empty", "document", _POLL, pages.last_next({"href": ""}),
     "the last page's next link is empty"),
    ("next_null", "document", _POLL, pages.last_next(None), "the last page's next is null"),
    ("next_same", "document", _POLL, pages.next_same, "each page's next link is itself"),
    ("next_cycle", "document", _POLL, pages.next_cycle,
     "the second page's next link is the first page"),
    ("next_endless", "document", _POLL, pages.next_endless,
     "each page's next link is a new one, to the same rows"),
    ("next_other_host", "document", _POLL, pages.next_other_host,
     "the next link is on another host (value: its base URL)"),
    ("next_absolute", "document", _POLL, pages.next_absolute,
     "the next link is absolute, and right"),
    ("next_encoded", "document", _POLL, pages.next_encoded,
     "the next link's brackets are percent-encoded (value: how often)"),
    ("rows_missing", "document", _POLL, pages.rows_missing, "each page lacks its last row"),
    ("rows_extra", "document", _POLL, pages.rows_extra,
     "each page has a row nobody asked for"),
    ("rows_shuffled", "document", _POLL, pages.rows_shuffled, "rows in another order"),
    ("rows_duplicated", "document", _POLL, pages.rows_duplicated,
     "each page has its first row twice"),
    ("rows_repeated", "document", _POLL, pages.rows_repeated,
     "each page has all its rows again (value: how often)"),
    ("echo_linkedin_id", "document", _POLL, pages.echo_linkedin_id,
     "rows echo linkedin_id, the older key, for linkedin_url"),
    ("echo_partial", "document", _POLL, pages.echo_partial,
     "rows echo only the first field that was sent"),
    ("row_patch", "document", _POLL, pages.row_patch,
     'people changed, or the rows of a list (value: {"patch": JSON merge patch, "index": n-th row '
     "of the request or page, all without it}; in Python also a function of the Person or row)"),
)  # fmt: skip

FAULTS: dict[str, FaultSpec] = {
    name: FaultSpec(stage, *calls, apply, text) for name, stage, calls, apply, text in _ROWS
}


@dataclass(frozen=True)
class Fault:
    """A switch that is on.

    Attributes:
        name: a key of ``FAULTS``.
        value: what the switch takes, if it takes something: a header, a host, seconds, a patch.
        count: for how many answers; None is until it is switched off.
        method: only calls of this method (``POST``).
        path: only calls whose path and query contain this (``page[after]``).

    Raises:
        ValueError: there is no such switch, or the count is not a whole number above zero.

    Example::

        Fault("poll_503", count=3)
        Fault("html_body", method="POST")
        Fault("retry_after", value="Wed, 21 Oct 2026 07:28:00 GMT")
    """

    name: str
    value: Any = None
    count: int | None = None
    method: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no fault switch {self.name!r}; there are: {', '.join(FAULTS)}")
        if self.count is not None and (not isinstance(self.count, int) or self.count < 1):
            raise ValueError(f"count of {self.name}: must be a whole number above zero")

    @classmethod
    def of(cls, given: FaultLike) -> Fault:
        """From a name (``retry_after:0.5`` has the value ``0.5``), or from the attributes.

        Raises:
            ValueError, TypeError: it describes no switch.
        """
        if isinstance(given, Fault):
            return given
        if isinstance(given, str):
            name, colon, value = given.partition(":")
            return cls(name, value if colon else None)
        return cls(**given)

    def applies_to(self, exchange: Exchange) -> bool:
        """By its own filter, or where it has none by the switch's."""
        spec = FAULTS[self.name]
        method, path = self.method, self.path
        if method is None and path is None:
            method, path = spec.method, spec.path
        target = f"{exchange.path}?{urlencode(exchange.query, safe='[]')}"
        return method in (None, exchange.method) and (path or "") in target


FaultLike = Fault | str | Mapping[str, Any]


class FaultBook:
    """The switches that are on."""

    def __init__(self, faults: Iterable[FaultLike] = ()) -> None:
        self.active: list[Fault] = []
        self.set(faults)

    def set(self, faults: Iterable[FaultLike]) -> None:
        """Make these the ones that are on."""
        self.active = [Fault.of(fault) for fault in faults]

    def apply(self, stage: Stage, exchange: Exchange) -> None:
        """Let every switch of a stage that applies to the call do its work."""
        for fault in list(self.active):
            spec = FAULTS[fault.name]
            if (
                spec.stage == stage
                and fault.applies_to(exchange)
                and spec.apply(exchange, fault.value)
            ):
                self._use(fault)

    def _use(self, fault: Fault) -> None:
        if fault.count is None:
            return
        place = next(place for place, active in enumerate(self.active) if active is fault)
        if fault.count > 1:
            self.active[place] = replace(fault, count=fault.count - 1)
        else:
            del self.active[place]
