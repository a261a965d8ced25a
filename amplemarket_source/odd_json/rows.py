"""The rows of a page, each with its place in the text, whatever else the page holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from amplemarket_source.odd_json.depth import is_deep, shallow
from amplemarket_source.odd_json.lenient import decode_at

__all__ = ["PlacedRow", "page_text", "placed_rows", "read_rows"]

_BLANK = re.compile(r"[ \t\n\r]*")


class PlacedRow(NamedTuple):
    """A member of ``results``: the text from ``start`` up to ``stop``, and what it says."""

    start: int
    stop: int
    value: Any


def page_text(body: bytes) -> str:
    """A page as text; ``.encode("utf-8", "surrogateescape")`` makes bytes of it again.

    What is nested deeper than `MOST_LEVELS` is a string with its JSON text.
    """
    text = body.decode("utf-8", "surrogateescape")
    return shallow(text) if is_deep(body) else text


def read_rows(body: bytes) -> list[Any]:
    """The members of ``results``, in order; of every one where the key comes twice.

    Raises:
        ValueError: the body is no JSON object, which the API client would not have let pass.
    """
    return [row.value for row in placed_rows(page_text(body))]


def placed_rows(text: str) -> Iterator[PlacedRow]:
    """The same, of text from `page_text`, with their places.

    Raises:
        ValueError: as `read_rows`, when the reading comes to the defect.
    """
    place = _behind("{", text, 0)
    while text[place : place + 1] != "}":
        key, place = decode_at(text, place)
        place = _behind(":", text, place)
        if key == "results" and text[place : place + 1] == "[":
            place = _skip(text, place + 1)
            while text[place : place + 1] != "]":
                value, stop = decode_at(text, place)
                yield PlacedRow(place, stop, value)
                place = _next_member(text, stop, "]")
            place += 1
        else:
            _, place = decode_at(text, place)
        place = _next_member(text, place, "}")


def _behind(mark: str, text: str, place: int) -> int:
    place = _skip(text, place)
    if text[place : place + 1] != mark:
        raise ValueError("not a JSON object")
    return _skip(text, place + 1)


def _next_member(text: str, place: int, end: str) -> int:
    """The place of the next member, or of ``end``."""
    place = _skip(text, place)
    if text[place : place + 1] == ",":
        return _skip(text, place + 1)
    if text[place : place + 1] != end:
        raise ValueError("not a JSON object")
    return place


def _skip(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place
