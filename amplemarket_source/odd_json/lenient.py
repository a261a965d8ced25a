"""JSON as Python objects, whatever is in it; nothing is lost on the way.

================================  ============================================================
in the page                       comes out as
================================  ============================================================
a key twice in one object         `Repeated`: the last value, and those it replaced
bytes that are no UTF-8           half surrogate pairs (U+DC80 ...), one for each byte
raw control characters            as they are
integers of any length            exact
numbers too large for a float     ``Decimal``
NaN, Infinity                     floats
more than `MOST_LEVELS` levels    what is deeper as a string with its JSON text
================================  ============================================================
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

__all__ = ["Repeated", "decode_at", "replaced_values"]


class Repeated(dict[str, Any]):
    """An object with a key that came twice.

    Attributes:
        replaced: the keys and values that a later one replaced.
    """

    replaced: list[tuple[str, Any]]


def decode_at(text: str, place: int) -> tuple[Any, int]:
    """The JSON value that begins at ``place``, and the place behind it.

    Args:
        text: nested no deeper than Python's parser takes (`amplemarket_source.odd_json.depth`).

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


def _number(literal: str) -> float | Decimal:
    value = float(literal)
    return value if math.isfinite(value) else Decimal(literal)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, strict=False
)
