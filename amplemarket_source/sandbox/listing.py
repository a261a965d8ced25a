"""How a list of the workspace is asked for: filters, pages, links (api-notes: lists, paging)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from amplemarket_source.sandbox.collection import Listing, Row, SortedListing
from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse
from amplemarket_source.sandbox.validation import (
    BadRequest,
    Paging,
    missing,
    read_page,
    unknown_parameters,
    unsupported,
)

__all__ = [
    "Filters",
    "contains",
    "equals",
    "is_true",
    "link",
    "listed",
    "moment",
    "needed",
    "one_of",
    "wanted",
]

Matches = Callable[[Row], bool]
Filters = Mapping[str, Callable[[str], Matches]]
"""Query parameters that narrow a list, each with what makes a test of a row of its text."""


def equals(member: str) -> Callable[[str], Matches]:
    """The member is this text."""
    return lambda text: lambda row: row.get(member) == text


def contains(*members: str) -> Callable[[str], Matches]:
    """One of the members holds this text, in any case."""

    def filtered(text: str) -> Matches:
        folded = text.casefold()
        return lambda row: any(folded in str(row.get(name) or "").casefold() for name in members)

    return filtered


def one_of(member: str) -> Callable[[str], Matches]:
    """The member, a list, holds this text."""
    return lambda text: lambda row: text in row[member]


def is_true(member: str, name: str) -> Callable[[str], Matches]:
    """The member is this boolean."""

    def filtered(text: str) -> Matches:
        if text not in ("true", "false"):
            raise BadRequest([unsupported("Must be true or false", parameter=name)])
        return lambda row: row.get(member) is (text == "true")

    return filtered


def moment(text: str, name: str) -> datetime:
    """A time of the query, UTC where it does not say.

    Raises:
        BadRequest: it is none.
    """
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadRequest([unsupported("Must be a time in ISO 8601", parameter=name)]) from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def needed(exchange: Exchange, *names: str) -> str:
    """The value of the first of these parameters that was sent.

    Raises:
        BadRequest: none was.
    """
    given = dict(exchange.query)
    for name in names:
        if given.get(name):
            return given[name]
    detail = f"{' or '.join(names)} is required"
    raise BadRequest([missing(detail, parameter=names[0].removesuffix("[]"))])


def wanted(
    exchange: Exchange, filters: Filters, known: Iterable[str] = ()
) -> Callable[[Row], bool] | None:
    """Whether a row passes every filter of the query; of a repeated one, any of its values.

    Args:
        known: parameters that mean something else.

    Raises:
        BadRequest: a value cannot be, or a parameter is unknown where those are refused.
    """
    problems = unknown_parameters(exchange.query, [*filters, *known], exchange.options)
    if problems:
        raise BadRequest(problems)
    tests: dict[str, list[Matches]] = {}
    for name, text in exchange.query:
        if name in filters:
            tests.setdefault(name, []).append(filters[name](text))
    if not tests:
        return None
    return lambda row: all(any(test(row) for test in any_of) for any_of in tests.values())


@dataclass(frozen=True)
class _Links:
    path: str
    query: list[tuple[str, str]]
    paging: Paging
    size: int

    def to(self, **cursor: str) -> dict[str, str]:
        own = [(name, text) for name, text in self.query if not self.paging.is_paging(name)]
        own.append((self.paging.size_name, str(self.size)))
        own += [(f"page[{name}]", text) for name, text in cursor.items()]
        return link(self.path, own)


def link(path: str, query: list[tuple[str, str]]) -> dict[str, str]:
    """A relative link, its brackets as they are (api-notes: paging)."""
    return {"href": f"{path}?{urlencode(query, safe='[]')}" if query else path}


def listed(
    exchange: Exchange,
    name: str,
    listing: Listing | SortedListing,
    paging: Paging,
    *,
    key: str = "id",
    around: Mapping[str, Any] | None = None,
) -> SandboxResponse:
    """A page of a list: ``{name: [...], "_links": {...}}``, within ``around``.

    Raises:
        BadRequest: of the page that is asked for.
    """
    page = read_page(exchange.query, paging, exchange.options)
    try:
        found = listing.page(page.size, page.after, page.before)
    except KeyError:
        at = "page[after]" if page.before is None else "page[before]"
        raise BadRequest([unsupported("Is no cursor of this list", parameter=at)]) from None
    links = _Links(exchange.path, exchange.query, paging, page.size)
    here = {
        name: text
        for name, text in (("after", page.after), ("before", page.before))
        if text is not None
    }
    document: dict[str, Any] = {
        **(around or {}),
        name: found.rows,
        "_links": {"self": links.to(**here)},
    }
    if found.rows and found.has_next:
        document["_links"]["next"] = links.to(after=str(found.rows[-1][key]))
    if found.rows and found.has_previous:
        document["_links"]["prev"] = links.to(before=str(found.rows[0][key]))
    exchange.rows_key = name
    return SandboxResponse(200, document)
