"""An answer of the API as bytes, and the API's ``_errors``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from amplemarket_source.api.retry_after import parse_retry_after
from amplemarket_source.errors import ApiProblem
from amplemarket_source.lenient_json import shallow

__all__ = [
    "Answer",
    "UnreadableBodyError",
    "has_code",
    "problems_from",
    "problems_in",
    "read_json",
    "require_json",
]

_T = TypeVar("_T")
_LONGEST_TEXT = 500


class UnreadableBodyError(Exception):
    """A body that is no whole JSON text: cut, damaged, or a maintenance page.

    Raised by the ``decode`` function of a GET or PATCH to say "ask again"; its text names the
    defect and quotes nothing of the body.
    """


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end.

    Attributes:
        method, path: what was asked; no query string.
        status: HTTP status.
        headers: by lower-case name; a repeated header's values joined by commas.
        body: decoded from its content encoding, otherwise as it came.
        request_id: ``x-request-id``, to quote to the vendor.
        elapsed: seconds from sending to the last byte.
        damaged: why ``body`` is not whole; empty when it is. Only a POST returns such an answer,
            because there the headers alone are worth having.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request_id: str | None
    elapsed: float
    damaged: str = ""

    def retry_after(self, now: datetime) -> float | None:
        """Seconds the API asks to wait (0 to 3600), or None; see `parse_retry_after`."""
        return parse_retry_after(self.headers.get("retry-after"), now)


class _Problems(msgspec.Struct):
    errors: list[Any] | None = msgspec.field(name="_errors", default=None)


def require_json(answer: Answer) -> Answer:
    """The answer itself, if its body can be JSON at all: it begins with ``{`` or ``[``.

    Costs nothing per byte; who reads the body finds the rest of the defects.

    Raises:
        UnreadableBodyError: empty, HTML, or anything else.
    """
    start = answer.body[:64].lstrip()[:1]
    if start not in (b"{", b"["):
        raise UnreadableBodyError("the body is not JSON" if answer.body else "the body is empty")
    return answer


def read_json(body: bytes, shape: type[_T], lenient_shape: type[_T]) -> _T:
    """A JSON body as ``shape``, also where a single value somewhere in it is no strict JSON.

    A lone surrogate, NaN, a raw control character or a byte that is no UTF-8 concerns one value of
    a page that was paid for, as does a value that is nested so deeply that no parser takes it. The
    standard library reads over them, slowly, once what is too deep is text; a body that was cut
    fails there too.

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
    except msgspec.ValidationError:
        raise
    except RecursionError:
        what = "nested too deeply, and not closed"
    except msgspec.DecodeError as malformed:
        what = str(malformed)
    try:
        text = shallow(body.decode("utf-8", "replace"))
        # Numbers as text: an integer of 5,000 digits is one value's trouble as well.
        document = json.loads(text, strict=False, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise UnreadableBodyError(what) from None
    return msgspec.convert(document, lenient_shape)


def problems_in(body: bytes) -> tuple[ApiProblem, ...] | None:
    """The ``_errors`` of a body, or None where the body is not in the API's error shape.

    API facts 7: ``{"_errors": [{...}], "object": "error"}``, every member optional. The gateway in
    front of the API answers ``{"message": "..."}`` instead, which is how the two kinds of 404 are
    told apart.
    """
    try:
        document = read_json(body, _Problems, _Problems)
    except (UnreadableBodyError, msgspec.ValidationError):
        return None
    return None if document.errors is None else problems_from(document.errors)


def problems_from(errors: object) -> tuple[ApiProblem, ...]:
    """Problems from a decoded ``_errors`` value; what has no usable shape is left out."""
    if not isinstance(errors, list):
        return ()
    return tuple(_problem(item) for item in errors if isinstance(item, dict))


def has_code(problems: tuple[ApiProblem, ...], code: str) -> bool:
    """Whether one of the problems carries ``code``."""
    return any(problem.code == code for problem in problems)


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
    return str(value)[:_LONGEST_TEXT]
