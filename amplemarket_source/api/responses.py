"""An HTTP response of the API: its body as bytes, its ``Retry-After``, its ``_errors``.

What the API said no with becomes the error that tells a person what happened and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from amplemarket_source.errors import (
    ApiError,
    ApiProblem,
    InsufficientCredits,
    KeyRefused,
    NoSuchRoute,
    NotFound,
    RemovedForPrivacy,
    RequestRefused,
)
from amplemarket_source.lenient_json import shallow
from amplemarket_source.storable import escaped, is_clean

__all__ = [
    "LONGEST_WAIT",
    "Response",
    "UnreadableBodyError",
    "error_about",
    "is_throttled",
    "parse_retry_after",
    "problems_from",
    "read_json",
    "refusal",
    "require_json",
]

_T = TypeVar("_T")
_LONGEST_TEXT = 500

LONGEST_WAIT = 3600.0
"""No header makes this process wait longer than this many seconds at once."""

_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)

_ADVICE: dict[type[ApiError], str] = {
    InsufficientCredits: "Add credits to the account, then run again.",
    KeyRefused: (
        "Check sources.amplemarket.api_key (environment: SOURCES__AMPLEMARKET__API_KEY) against"
        " the dashboard, Settings > API."
    ),
    NoSuchRoute: "Check sources.amplemarket.base_url.",
}
_WHAT: dict[type[ApiError], str] = {
    InsufficientCredits: "the account cannot pay",
    KeyRefused: "the API key was refused",
    RemovedForPrivacy: "the person was removed for privacy reasons",
    NotFound: "not found",
    NoSuchRoute: "no such route",
    RequestRefused: "the request was refused",
}


class UnreadableBodyError(Exception):
    """A body that is no whole JSON text: cut, damaged, or a maintenance page.

    Raised by the ``decode`` function of a GET or PATCH to say "ask again"; its text names the
    defect and quotes nothing of the body.
    """


@dataclass(frozen=True)
class Response:
    """One HTTP response, read to its end.

    Attributes:
        method, path: what was asked; no query string.
        status: HTTP status.
        headers: by lower-case name; a repeated header's values joined by commas.
        body: decoded from its content encoding, otherwise as it came.
        trace_id: ``x-request-id``, to quote to the vendor.
        elapsed: seconds from sending to the last byte.
        damaged: why ``body`` is not whole; empty when it is. Only a POST returns such a response,
            because there the headers alone are worth having.
        too_large: what is missing was not read because there is too much of it; asking again will
            not help.

    Example::

        response = client.get("/account-info")
        response.status, response.body      # 200, b'{"id": "...", "name": "..."}'
        response.trace_id                   # what the vendor asks for
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    trace_id: str | None
    elapsed: float
    damaged: str = ""
    too_large: bool = False

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the API asks to wait (0 to 3600), or None; see `parse_retry_after`."""
        return parse_retry_after(self.headers.get("retry-after"), now)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, between 0 and `LONGEST_WAIT`, or None where the header says nothing usable.

    RFC 9110 10.2.3 allows whole seconds and an HTTP date. Fractions are accepted because servers
    send them. A date in the past is a wait that is over (0); a negative number or nonsense is a
    header that might as well be missing (None), so that the caller's own default applies.

    Args:
        value: the header as it came, or None where there was none.
        now: the wall clock, aware; the reference of the date form.

    Example::

        parse_retry_after("1.5", now)                            # 1.5
        parse_retry_after("Wed, 21 Oct 2026 07:28:00 GMT", now)  # seconds until then
        parse_retry_after("-3", now)                             # None
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        # "-0000" means UTC of unknown origin (RFC 5322 3.3); HTTP dates are always UTC.
        moment = moment.replace(tzinfo=timezone.utc)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)


def require_json(response: Response) -> Response:
    """The response itself, if its body can be JSON at all: it begins with ``{`` or ``[``.

    Costs nothing per byte; who reads the body finds the rest of the defects.

    Raises:
        UnreadableBodyError: empty, HTML, or anything else.
    """
    start = response.body[:64].lstrip()[:1]
    if start not in (b"{", b"["):
        raise UnreadableBodyError("the body is not JSON" if response.body else "the body is empty")
    return response


def read_json(body: bytes, shape: type[_T], lenient_shape: type[_T]) -> _T:
    """A JSON body as ``shape``, also where a single value somewhere in it is no strict JSON.

    A lone surrogate, NaN, 1e400, a raw control character or a byte that is no UTF-8 concerns one
    value of a page that was paid for, as does a value that is nested so deeply that no parser takes
    it. The standard library reads over them, slowly, once what is too deep is text; a body that was
    cut fails there too.

    Args:
        body: JSON text.
        shape: what msgspec decodes to; `msgspec.Raw` members are skipped over, not decoded.
        lenient_shape: the same with ``Any`` in the place of `msgspec.Raw`.

    Raises:
        UnreadableBodyError: not JSON as a whole.
        msgspec.ValidationError: JSON in another shape; its text names places, not values.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as invalid:
        what = str(invalid)
        if "out of range" not in what:
            raise
    except RecursionError:
        what = "nested too deeply, and not closed"
    except UnicodeDecodeError:
        what = "bytes that are no UTF-8"
    except msgspec.DecodeError as malformed:
        what = str(malformed)
    try:
        text = shallow(body.decode("utf-8", "replace"))
        # Integers as text: one of 5,000 digits is one value's trouble as well.
        document = json.loads(text, strict=False, parse_int=str)
    except (ValueError, RecursionError):
        raise UnreadableBodyError(what) from None
    if isinstance(document, dict):
        # msgspec cannot compare a name that has no UTF-8; none that is read is like that.
        document = {name: value for name, value in document.items() if is_clean(name)}
    return msgspec.convert(document, lenient_shape)


def problems_from(errors: object) -> tuple[ApiProblem, ...]:
    """Problems from a decoded ``_errors`` value; what has no usable shape is left out."""
    if not isinstance(errors, list):
        return ()
    return tuple(_problem(item) for item in errors if isinstance(item, dict))


def refusal(response: Response) -> ApiError:
    """The error for a response with a 4xx status; it is returned, not raised.

    It goes by the status (api-notes: error-codes); `insufficient_credits` goes by its code, because
    the vendor does not say which status carries it (api-notes: no-credits).

    Example::

        if 400 <= response.status < 500:
            raise refusal(response)
    """
    problems = _problems_in(response.body)
    error = _class_of(response.status, has_shape=problems is not None)
    if _lacks_credits(problems):
        error = InsufficientCredits
    return error(
        _WHAT[error],
        method=response.method,
        path=response.path,
        status=response.status,
        trace_id=response.trace_id,
        problems=problems or (),
        advice=_ADVICE.get(error, ""),
    )


def error_about(response: Response, error: type[ApiError], what: str) -> ApiError:
    """An error of the given class with the endpoint, status and trace id of a response."""
    return error(
        what,
        method=response.method,
        path=response.path,
        status=response.status,
        trace_id=response.trace_id,
    )


def is_throttled(response: Response) -> bool:
    """A 429 that will pass by itself; one for want of credits will not."""
    return response.status == 429 and not _lacks_credits(_problems_in(response.body))


class _Problems(msgspec.Struct):
    errors: list[Any] | None = msgspec.field(name="_errors", default=None)


def _problems_in(body: bytes) -> tuple[ApiProblem, ...] | None:
    """The ``_errors`` of a body, or None where the body is not in the API's error shape.

    ``{"_errors": [{...}], "object": "error"}``, every member optional (api-notes: error-shape). The
    gateway in front of the API answers ``{"message": "..."}`` instead, which is how the two kinds
    of 404 are told apart (api-notes: gateway-404).
    """
    try:
        document = read_json(body, _Problems, _Problems)
    except (UnreadableBodyError, msgspec.ValidationError):
        return None
    return None if document.errors is None else problems_from(document.errors)


def _lacks_credits(problems: tuple[ApiProblem, ...] | None) -> bool:
    return any(problem.code == "insufficient_credits" for problem in problems or ())


def _class_of(status: int, *, has_shape: bool) -> type[ApiError]:
    if status in (401, 403):
        return KeyRefused
    if status == 451:  # (api-notes: removed-person)
        return RemovedForPrivacy
    if status == 410 or (status == 404 and has_shape):
        return NotFound
    if status == 404:
        return NoSuchRoute
    return RequestRefused


def _problem(item: dict[str, Any]) -> ApiProblem:
    source = item.get("source")
    return ApiProblem(
        code=_text(item.get("code")),
        title=_text(item.get("title")),
        detail=_text(item.get("detail")),
        pointer=_text(source.get("pointer")) if isinstance(source, dict) else "",
        status=_text(item.get("status")),
    )


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return escaped(str(value)[:_LONGEST_TEXT])
