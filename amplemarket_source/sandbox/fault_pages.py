"""What fault switches do to the rows and links of a page.

All but ``drop_id`` and ``accepted_id`` leave an answer alone that is not a page: of a request that
has ended, or of a list of the workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from amplemarket_source.sandbox.exchange import Exchange
from amplemarket_source.sandbox.options import KINDS

__all__ = [
    "ELSEWHERE",
    "accepted_id",
    "drop_id",
    "echo_linkedin_id",
    "echo_partial",
    "last_next",
    "missing_results",
    "next_absolute",
    "next_cycle",
    "next_encoded",
    "next_endless",
    "next_other_host",
    "next_same",
    "null_results",
    "page_set",
    "row_patch",
    "rows_duplicated",
    "rows_extra",
    "rows_missing",
    "rows_repeated",
    "rows_shuffled",
]

ELSEWHERE = "http://elsewhere.example"

_ECHOED = {field for kind in KINDS for field in kind.identifying}

Apply = Callable[[Exchange, Any], bool]
Document = dict[str, Any]


def drop_id(exchange: Exchange, _: Any) -> bool:
    """An accepted POST's answer without anything that names the request."""
    answer = exchange.answer
    if answer is None or answer.document is None or answer.status != 202:
        return False
    del answer.document["id"], answer.document["_links"]
    answer.headers.pop("Location", None)
    return True


def accepted_id(exchange: Exchange, value: Any) -> bool:
    """An accepted POST's request, by another id from now on, ``value``."""
    enrichment, answer = exchange.enrichment, exchange.answer
    if enrichment is None or answer is None or answer.document is None or answer.status != 202:
        return False
    enrichment.public_id = value
    answer.document |= {"id": value, "_links": {"self": {"href": enrichment.path}}}
    answer.headers["Location"] = enrichment.path
    return True


def _key(exchange: Exchange) -> str:
    assert exchange.rows_key is not None  # noqa: S101 - asked of pages alone
    return exchange.rows_key


def _on_page(change: Callable[[Exchange, Document, Any], bool]) -> Apply:
    def apply(exchange: Exchange, value: Any) -> bool:
        answer = exchange.answer
        if exchange.rows_key is None or answer is None or answer.document is None:
            return False
        return change(exchange, answer.document, value)

    return apply


def _on_rows(change: Callable[[list[Document]], None]) -> Apply:
    def apply(exchange: Exchange, document: Document, __: Any) -> bool:
        rows = document[_key(exchange)]
        if rows:
            change(rows)
        return bool(rows)

    return _on_page(apply)


def _on_next(change: Callable[[Exchange, str, Any], str]) -> Apply:
    def apply(exchange: Exchange, document: Document, value: Any) -> bool:
        link = document["_links"].get("next")
        if link:
            document["_links"]["next"] = {"href": change(exchange, link["href"], value)}
        return bool(link)

    return _on_page(apply)


@_on_page
def missing_results(exchange: Exchange, document: Document, __: Any) -> bool:
    del document[_key(exchange)]
    return True


@_on_page
def null_results(exchange: Exchange, document: Document, __: Any) -> bool:
    document[_key(exchange)] = None
    return True


def page_set(exchange: Exchange, value: Any) -> bool:
    """``value``: members of the request object, or of a list's page, each set to what is given;
    null is null."""
    answer = exchange.answer
    if answer is None or answer.document is None:
        return False
    if exchange.enrichment is None and exchange.rows_key is None:
        return False
    answer.document.update(value)
    return True


def last_next(link: Any) -> Apply:
    """On a page that has no next link, this one."""

    def apply(_: Exchange, document: Document, __: Any) -> bool:
        if "next" in document["_links"]:
            return False
        document["_links"]["next"] = link
        return True

    return _on_page(apply)


def _target(exchange: Exchange, *, without: tuple[str, ...] = ()) -> str:
    query = "&".join(f"{name}={value}" for name, value in exchange.query if name not in without)
    return f"{exchange.path}?{query}" if query else exchange.path


@_on_page
def next_same(exchange: Exchange, document: Document, _: Any) -> bool:
    document["_links"]["next"] = {"href": _target(exchange)}
    return True


@_on_page
def next_cycle(exchange: Exchange, document: Document, _: Any) -> bool:
    is_first = all(name != "page[after]" for name, _ in exchange.query)
    if is_first and "next" in document["_links"]:
        return False
    document["_links"]["next"] = {"href": _target(exchange, without=("page[after]",))}
    return True


@_on_page
def next_endless(exchange: Exchange, document: Document, _: Any) -> bool:
    turn = int(dict(exchange.query).get("turn", 0)) + 1
    link = _target(exchange, without=("turn",))
    document["_links"]["next"] = {"href": f"{link}{'&' if '?' in link else '?'}turn={turn}"}
    return True


@_on_page
def next_other_host(exchange: Exchange, document: Document, value: Any) -> bool:
    link = document["_links"].get("next") or {"href": _target(exchange)}
    document["_links"]["next"] = {"href": f"{value or ELSEWHERE}{link['href']}"}
    return True


@_on_next
def next_absolute(exchange: Exchange, href: str, _: Any) -> str:
    return f"http://{exchange.headers['host']}{href}"


@_on_next
def next_encoded(_: Exchange, href: str, value: Any) -> str:
    for _time in range(int(value or 1)):
        href = href.replace("%", "%25").replace("[", "%5B").replace("]", "%5D")
    return href


@_on_rows
def rows_missing(rows: list[Document]) -> None:
    rows.pop()


@_on_rows
def rows_extra(rows: list[Document]) -> None:
    stranger: Document = {"email": "nobody.asked@elsewhere.example"}
    last = rows[-1]
    if isinstance(last.get("id"), int):
        stranger |= {"id": last["id"] + 1_000_000, "status": "not_found", "result": None}
    else:
        stranger = {**last, "id": "nobody-asked", **stranger}
    rows.append(stranger)


@_on_rows
def rows_shuffled(rows: list[Document]) -> None:
    rows.reverse()


@_on_rows
def rows_duplicated(rows: list[Document]) -> None:
    rows.append(rows[0])


@_on_page
def rows_repeated(exchange: Exchange, document: Document, value: Any) -> bool:
    document[_key(exchange)] *= int(value or 2)
    return bool(document[_key(exchange)])


@_on_rows
def echo_linkedin_id(rows: list[Document]) -> None:
    for row in rows:
        if "linkedin_url" in row:
            row["linkedin_id"] = row.pop("linkedin_url")


@_on_rows
def echo_partial(rows: list[Document]) -> None:
    for row in rows:
        for field in [field for field in row if field in _ECHOED][1:]:
            del row[field]


@_on_page
def row_patch(exchange: Exchange, document: Document, value: Any) -> bool:
    """``value``: a function, or a mapping with ``patch`` or ``function``, and maybe ``index``. It
    changes the ``result`` of an enrichment's row, and the row of a list."""
    spec = {"function": value} if callable(value) else dict(value)
    rows = document[_key(exchange)]
    used = False
    for place, row in enumerate(rows):
        is_wrapper, number = isinstance(row.get("id"), int), place
        if is_wrapper and exchange.enrichment is not None:
            number = row["id"] - exchange.enrichment.first_row
        if spec.get("index") not in (None, number) or (is_wrapper and row.get("result") is None):
            continue
        own = row["result"] if is_wrapper else row
        own = orjson.loads(orjson.dumps(own))  # objects are shared between answers
        own = spec["function"](own) if "function" in spec else _merged(own, spec["patch"])
        rows[place] = {**row, "result": own} if is_wrapper else own
        used = True
    if used and exchange.answer is not None:
        exchange.answer.exotic = True
    return used


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
