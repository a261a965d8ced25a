"""The lists of the API: users, tasks, calls and whatever else is read page by page.

``{"users": [{...}, ...], "_links": {"self": {"href": "..."}, "next": {"href": "..."}}}``: the key
of the rows differs, the links do not, and ``next`` is missing on the last page
(api-notes: lists). Of a page only the envelope is read; the rows stay bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote, urlencode

import msgspec

from amplemarket_source.api.client import ApiClient
from amplemarket_source.api.pages import next_link_of
from amplemarket_source.api.responses import Response, UnreadableBodyError, error_about
from amplemarket_source.errors import UnexpectedResponse
from amplemarket_source.lenient_json import page_members, page_text, placed_rows

__all__ = ["ListPage", "list_pages", "listing_target"]

Parameters = Sequence[tuple[str, str]]
"""Query parameters; a name may come more than once."""


@dataclass(frozen=True)
class ListPage:
    """One page of a list.

    Attributes:
        rows: the JSON text of each row, as it came.
        number: 1 for the first page.
    """

    rows: list[bytes] = field(repr=False)
    next_link: str | None = field(repr=False)
    number: int = 1
    trace_id: str | None = None


def listing_target(path: str, parameters: Parameters = ()) -> str:
    """A path with a query.

    Example:
        >>> listing_target("/contacts", [("ids[]", "a"), ("ids[]", "b")])
        '/contacts?ids%5B%5D=a&ids%5B%5D=b'
    """
    return f"{path}?{urlencode(parameters)}" if parameters else path


def list_pages(
    client: ApiClient, path: str, collection: str, parameters: Parameters = ()
) -> Iterator[ListPage]:
    """The pages of a list, in order; each is fetched when it is asked for.

    No ``page[size]`` is sent unless ``parameters`` has one: what is too large differs from list to
    list, and what then happens is not known (api-notes: lists).

    Args:
        collection: the key of the rows.

    Raises:
        UnexpectedResponse: a page without that key, a link that leads elsewhere or in a circle.
        ApiError: as `ApiClient.get`.
    """
    target: str | None = listing_target(path, parameters)
    visited: set[str] = set()
    number = 0
    while target is not None:
        # Decoded to the end, so that one page is one member however its link is written.
        visited.add(unquote(target))
        number += 1
        page = client.get(target, decode=partial(_page, collection=collection, number=number))
        yield page
        if page.next_link is None:
            return
        following = client.locate(page.next_link, path, trace_id=page.trace_id)
        if unquote(following.partition("?")[0]) != unquote(path):
            raise _broken(page, path, "the next page is one of something else")
        if unquote(following) in visited:
            raise _broken(page, path, "the next page is one that was already read")
        target = following


def _page(response: Response, collection: str, number: int) -> ListPage:
    try:
        members = msgspec.json.decode(response.body, type=dict[str, msgspec.Raw])
        rows = msgspec.json.decode(members.pop(collection, b"null"), type=list[msgspec.Raw] | None)
        links = msgspec.json.decode(members.pop("_links", b"null"))
        found = None if rows is None else [bytes(row) for row in rows]
        if response.body.count(b'"' + collection.encode() + b'"') > 1:
            raise ValueError("a key that may come twice")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        found, links = _leniently(response, collection)
    if found is None:
        raise error_about(response, UnexpectedResponse, f"`{collection}` is missing")
    return ListPage(found, next_link_of(response, links), number, response.trace_id)


def _leniently(response: Response, collection: str) -> tuple[list[bytes] | None, Any]:
    """The same of a body of which some value is no strict JSON: that concerns its row alone."""
    try:
        members = dict(page_members(response.body))
        text = page_text(response.body)
        rows = [
            text[row.start : row.stop].encode("utf-8", "surrogateescape")
            for row in placed_rows(text, collection)
        ]
    except (ValueError, RecursionError) as defect:
        raise UnreadableBodyError(f"not JSON as a whole ({type(defect).__name__})") from None
    return rows if isinstance(members.get(collection), list) else None, members.get("_links")


def _broken(page: ListPage, path: str, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        f"{what} (after page {page.number})", method="GET", path=path, trace_id=page.trace_id
    )
