"""JSON as Python objects, whatever is in it; nothing is lost on the way.

================================  ============================================================
in the page                       comes out as
================================  ============================================================
a key twice in one object         `Repeated`: the last value, and those it replaced
bytes that are no UTF-8           half surrogate pairs (U+DC80 ...), one for each byte
raw control characters            as they are
integers of any length            exact
numbers too large for a float     ``Decimal``; past that, a string with the number's text
NaN, Infinity                     floats
more than `MOST_LEVELS` levels    what is deeper as a string with its JSON text
================================  ============================================================

How deep JSON is nested, before a parser that recurses is given it.

Arrow's parser takes a page that is nested some thousand levels deep down with the whole process,
and Python's refuses it. Real answers have about eight levels.

The rows of a page, each with its place in the text, whatever else the page holds.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

__all__ = [
    "MOST_LEVELS",
    "PlacedRow",
    "Repeated",
    "decode_at",
    "is_deep",
    "page_members",
    "page_text",
    "placed_rows",
    "read_rows",
    "replaced_values",
    "shallow",
]


class Repeated(dict[str, Any]):
    """An object with a key that came twice.

    Attributes:
        replaced: the keys and values that a later one replaced.
    """

    replaced: list[tuple[str, Any]]


def decode_at(text: str, place: int) -> tuple[Any, int]:
    """The JSON value that begins at ``place``, and the place behind it.

    Args:
        text: nested no deeper than Python's parser takes (`amplemarket_source.lenient_json`).

    Raises:
        ValueError: there is none.
    """
    value, stop = _DECODER.raw_decode(text, place)
    return value, stop


def replaced_values(value: Any) -> list[tuple[str, Any]]:
    """The keys and values that others of the same object have replaced."""
    return value.replaced if isinstance(value, Repeated) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    last = {key: position for position, (key, _) in enumerate(pairs)}
    repeated = Repeated(value)
    repeated.replaced = [pair for i, pair in enumerate(pairs) if last[pair[0]] != i]
    return repeated


def _integer(literal: str) -> int | Decimal:
    try:
        return int(literal)
    except ValueError:  # Python reads no more than 4,300 digits
        return Decimal(literal)


def _number(literal: str) -> float | Decimal | str:
    value = float(literal)
    if math.isfinite(value):
        return value
    try:
        return Decimal(literal)
    except InvalidOperation:  # an exponent of more than eighteen digits
        return literal


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, strict=False
)

MOST_LEVELS = 64

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# A text that never ends is a token as well: looking for its end from each of its quotes again
# would take the square of its length.
_TEXT = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_TEXTS = re.compile(_TEXT.encode(), re.DOTALL)
_TOKEN = re.compile(_TEXT + r"|[\[{]|[\]}]", re.DOTALL)


def is_deep(body: bytes) -> bool:
    """Whether JSON text is nested deeper than `MOST_LEVELS`.

    Takes away the innermost pairs of brackets until none is left; each time takes one level or
    two, and what is left is shorter. Only where that does not end soon are the texts taken away
    first, since one of them may hold a bracket, and only where that does not help either are the
    levels counted.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    if _closes_soon(brackets):
        return False
    brackets = _TEXTS.sub(b"", body).translate(None, _NO_BRACKETS)
    if _closes_soon(brackets):
        return False
    steps = (1 if bracket in b"[{" else -1 for bracket in brackets)
    return any(level > MOST_LEVELS for level in itertools.accumulate(steps))


def _closes_soon(brackets: bytes) -> bool:
    for _ in range(MOST_LEVELS // 2):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    return not brackets


def shallow(text: str) -> str:
    """JSON text in which what stands deeper than `MOST_LEVELS` is a string with its JSON text."""
    parts: list[str] = []
    level = copied = start = 0
    for token in _TOKEN.finditer(text):
        character = token[0][0]
        if character in "[{":
            level += 1
            if level == MOST_LEVELS + 1:
                start = token.start()
        elif character in "]}":
            if level == MOST_LEVELS + 1:
                parts += [text[copied:start], json.dumps(text[start : token.end()])]
                copied = token.end()
            level -= 1
    return "".join([*parts, text[copied:]])


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


def page_members(body: bytes) -> list[tuple[str, Any]]:
    """The members of the page itself, ``results`` among them; of every one where a key comes twice.

    Raises:
        ValueError: as `read_rows`.
    """
    text = page_text(body)
    document, _ = decode_at(text, _skip(text, 0))
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return [*document.items(), *replaced_values(document)]


def placed_rows(text: str, collection: str = "results") -> Iterator[PlacedRow]:
    """The same, of text from `page_text`, with their places.

    Args:
        collection: the key of the rows, where it is another.

    Raises:
        ValueError: as `read_rows`, when the reading comes to the defect.
    """
    place = _behind("{", text, 0)
    while text[place : place + 1] != "}":
        key, place = decode_at(text, place)
        place = _behind(":", text, place)
        if key == collection and text[place : place + 1] == "[":
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
