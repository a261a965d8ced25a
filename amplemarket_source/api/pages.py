"""What the API says of an enrichment request: the id it gave it, and its pages.

Of a page only the envelope is read; the rows stay bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from amplemarket_source.api.responses import (
    Response,
    UnreadableBodyError,
    error_about,
    problems_from,
    read_json,
)
from amplemarket_source.clock import Clock
from amplemarket_source.errors import ApiProblem, UnexpectedResponse
from amplemarket_source.kinds import Kind
from amplemarket_source.model import TERMINAL
from amplemarket_source.storable import escaped, is_clean

__all__ = ["Page", "id_of_accepted", "next_link_of", "page_from"]

_RUNNING = frozenset({"queued", "processing"})
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)


@dataclass(frozen=True)
class Page:
    """One page of an enrichment request, which is also what a poll gets (api-notes: polling).

    Attributes:
        kind: people or companies.
        request_id: the API's id of the enrichment request.
        status: ``queued``, ``processing``, ``completed``, ``canceled`` or ``error``.
        body: the JSON text as it came, about 500 KB for 100 people.
        row_count: different members of ``results``.
        first_row: of ``results``, as a hash: two pages with one first row are one page sent twice.
        next_link: ``_links.next.href`` as the API wrote it; None on the last page.
        retry_after: seconds the API asks to wait before the next poll (0 to 3600), not jittered;
            None where it does not say.
        problems: the parsed ``_errors``.
        number: 1 for the first page.
        trace_id: ``x-request-id`` of the response, to quote to the vendor.

    Example::

        page = api.read(PEOPLE, "18")
        page.terminal, page.row_count       # True, 100
        page.body                           # b'{"id": 18, "status": "completed", ...'
    """

    kind: Kind
    request_id: str
    status: str
    body: bytes = field(repr=False)
    row_count: int
    next_link: str | None = field(repr=False)
    retry_after: float | None
    problems: tuple[ApiProblem, ...]
    number: int
    trace_id: str | None = None
    first_row: int | None = field(default=None, repr=False)

    @property
    def terminal(self) -> bool:
        """Whether the request has ended; there is no ``failed`` (api-notes: request-status)."""
        return self.status in TERMINAL


class _Envelope(msgspec.Struct):
    """What is read of a page."""

    status: str
    id: Any = None
    results: list[Any] | None = None
    links: Any = msgspec.field(name="_links", default=None)
    errors: Any = msgspec.field(name="_errors", default=None)


class _RawEnvelope(_Envelope):
    """The same; a `msgspec.Raw` row is skipped over, not decoded."""

    results: list[msgspec.Raw] | None = None


def page_from(
    response: Response,
    kind: Kind,
    request_id: str,
    clock: Clock,
    *,
    number: int = 1,
    must_have_rows: bool = False,
) -> Page:
    """The page in a response; a ``decode`` function for `ApiClient.get`.

    Args:
        response: a 2xx response.
        kind, request_id: what was asked for.
        clock: dates a ``Retry-After`` that is a date.
        number: of this page.
        must_have_rows: ``results`` has to be a list whatever the status says; on every page that
            a terminal one links to.

    Raises:
        UnreadableBodyError: not JSON as a whole.
        UnexpectedResponse: JSON in another shape: an unknown status, no ``results`` although the
            request has ended, links in no known form, the ``id`` of another request: its rows
            would leave this one's leads unanswered, and they would be bought again. A request that
            ended in ``error`` and says why in ``_errors`` may leave ``results`` out.
    """
    try:
        envelope = read_json(response.body, _RawEnvelope, _Envelope)
    except msgspec.ValidationError as invalid:  # its text names places, not values
        raise error_about(response, UnexpectedResponse, str(invalid)) from None
    status = envelope.status
    if status not in _RUNNING and status not in TERMINAL:
        raise error_about(response, UnexpectedResponse, f"unknown status {status[:40]!r}")
    found_id = _identity(envelope.id)
    if found_id is not None and _whole(found_id) != _whole(request_id):
        raise error_about(response, UnexpectedResponse, "the answer is about another request")
    problems = problems_from(envelope.errors)
    if envelope.results is None and (must_have_rows or status in TERMINAL):
        explained = status == "error" and problems and not must_have_rows
        if not explained:
            raise error_about(
                response,
                UnexpectedResponse,
                f"`results` is missing although the status is {status}",
            )
    return Page(
        kind=kind,
        request_id=request_id,
        status=status,
        body=response.body,
        row_count=_distinct(envelope.results or ()),
        next_link=next_link_of(response, envelope.links),
        retry_after=response.retry_after(clock.now()),
        problems=problems,
        number=number,
        trace_id=response.trace_id,
        first_row=_hash_of_first(envelope.results),
    )


def _hash_of_first(rows: Sequence[object] | None) -> int | None:
    if not rows:
        return None
    first = rows[0]
    return hash(bytes(first) if isinstance(first, msgspec.Raw) else repr(first))


def id_of_accepted(response: Response, kind: Kind) -> str | None:
    """The API's id of the new request as text; None where neither body nor header has one.

    The body's ``id`` comes first, then the last part of the ``Location`` header; last an ``id``
    with characters that no URL and no destination can hold, `escaped`.
    """
    given = _id_in_body(response.body)
    odd = escaped(given.strip()) if isinstance(given, str) else None
    return _identity(given) or _id_in_location(response, kind) or odd or None


def _identity(value: object) -> str | None:
    """An id as text, 18.0 as ``18``; None for what is none, or none that every place can hold."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value).strip()
    return text or None if is_clean(text) else None


def _whole(request_id: str) -> str:
    """What 18, 18.0, ``"18"`` and ``"18.0"`` have in common (api-notes: request-id)."""
    whole = _WHOLE.fullmatch(request_id)
    return whole[1] if whole else request_id


def _distinct(rows: Sequence[Any]) -> int:
    """How many rows there are, each counted once however often it is repeated."""
    return len({bytes(row) if isinstance(row, msgspec.Raw) else repr(row) for row in rows})


def next_link_of(response: Response, links: object) -> str | None:
    """``href`` of the relation ``next``; None where there is no further page.

    An object keyed by relation, or a list of objects with ``rel`` and ``href`` (api-notes: links).
    Anything else might hide a page that was paid for, so it is an error.
    """
    if links is None:
        return None
    if isinstance(links, list):
        if not all(isinstance(link, dict) and "rel" in link for link in links):
            raise error_about(
                response, UnexpectedResponse, "`_links` is a list of something else than links"
            )
        links = {str(link["rel"]): link for link in links}
    if not isinstance(links, dict):
        raise error_about(response, UnexpectedResponse, "`_links` is neither an object nor a list")
    following = links.get("next")
    href = following.get("href") if isinstance(following, dict) else following
    if href is None or href == "":
        return None
    if not isinstance(href, str):
        raise error_about(response, UnexpectedResponse, "`_links.next.href` is not text")
    return href


class _Submitted(msgspec.Struct):
    id: Any = None


def _id_in_body(body: bytes) -> object:
    """An integer by the guide, a string in the paths of the reference (api-notes: request-id)."""
    try:
        return read_json(body, _Submitted, _Submitted).id
    except (UnreadableBodyError, msgspec.ValidationError):
        return None


def _id_in_location(response: Response, kind: Kind) -> str | None:
    """Only read, never followed: the last part of ``/people/enrichment-requests/18``."""
    path = urlsplit(response.headers.get("location", "")).path
    found = re.fullmatch(re.escape(kind.path) + r"/([\w-]+)/?", unquote(path), re.ASCII)
    return found.group(1) if found else None
