"""One value into the type of its column: when its value stays the same, and not otherwise.

=========  =================================================================================
column     takes
=========  =================================================================================
text       text; numbers and booleans, as JSON writes them (``1.0`` is ``1``)
bigint     integers of 64 bits; whole floats below 2^53; either as text (``" 042 "`` is 42)
double     floats; integers that a double holds exactly; either as text, where no digit is lost
bool       booleans; 0 and 1; ``"true"`` and ``"false"`` in any case
=========  =================================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from amplemarket_source.tables.characters import is_clean
from amplemarket_source.tables.columns import DataType
from amplemarket_source.tables.json_text import json_text

__all__ = ["Lossy", "coerce", "common_type"]

_INTEGER = re.compile(r"\s*[+-]?\d{1,40}(\.0{1,40})?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_EXACT = 2**53


class Lossy(ValueError):
    """The value cannot become the type without losing something."""


def coerce(value: Any, data_type: DataType) -> Any:
    """A JSON value as ``data_type``; null stays null.

    Raises:
        Lossy: it cannot be done without loss.

    Example:
        >>> coerce(" 42 ", "bigint"), coerce(3.0, "bigint"), coerce(7, "text")
        (42, 3, '7')
    """
    return None if value is None else _COERCIONS[data_type](value)


def common_type(values: Sequence[Any]) -> DataType:
    """The narrowest type that all ``values`` of a new field have: text where they differ."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "bigint" if all(-(2**63) <= value < 2**63 for value in values) else "text"
    if kinds <= {int, float} and all(_is_exact(value) for value in values):
        return "double"
    return "text"


def _text(value: Any) -> str:
    if isinstance(value, str):
        if not is_clean(value):
            raise Lossy
        return value
    if isinstance(value, (dict, list)):
        raise Lossy
    return str(value) if isinstance(value, Decimal) else json_text(value).strip('"')


def _bigint(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value.strip().partition(".")[0])
    elif isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise Lossy
    return value


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise Lossy


def _double(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        exact = Decimal(value.strip())
        value = float(exact)
        if not math.isfinite(value) or Decimal(repr(value)) != exact:
            raise Lossy
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_exact(value):
        raise Lossy
    return float(value)


def _is_exact(value: int | float) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return abs(value) <= _EXACT or (abs(value) < 2**1023 and int(float(value)) == value)


def _refuse(_: Any) -> Any:
    raise Lossy


_COERCIONS: dict[DataType, Callable[[Any], Any]] = {
    "text": _text,
    "bigint": _bigint,
    "bool": _bool,
    "double": _double,
    # Only our own columns are points in time.
    "timestamp": _refuse,
}
