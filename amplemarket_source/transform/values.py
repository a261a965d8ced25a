"""JSON as text: of lists in a column, and of what is rejected (api-notes: bigquery-json).

A list becomes the same text whichever way it was read: keys sorted, nulls of objects left out
(Arrow gives every object of a list the keys of all), whole floats written as integers (Arrow
reads ``[1, 2.5]`` as floats).

One value into the type of its column: when its value stays the same, and not otherwise.

=========  =================================================================================
column     takes
=========  =================================================================================
text       text; numbers and booleans, as JSON writes them (``1.0`` is ``1``)
bigint     integers of 64 bits; whole floats below 2^53; either as text (``" 042 "`` is 42)
double     floats; integers that a double holds exactly; either as text, where no digit is lost
bool       booleans; 0 and 1; ``"true"`` and ``"false"`` in any case
timestamp  text in ISO 8601, to the microsecond; without a zone it is UTC, a day its midnight
=========  =================================================================================
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa

from amplemarket_source.schema.table import DataType
from amplemarket_source.storable import is_clean

__all__ = [
    "LONGEST_ID",
    "Lossy",
    "coerce",
    "common_type",
    "identity_of",
    "json_text",
    "json_text_or_null",
    "raw_text",
]

_EXACT_FLOAT = 2**53

LONGEST_ID = 1_000
"""Characters of an id; those of the API have 36. It is in every child row of its person."""


def json_text(value: Any) -> str:
    """A JSON value as text in its one form.

    Example:
        >>> json_text([{"b": 2.0, "a": None}])
        '[{"b":2}]'
    """
    one_form = _one_form(value)
    text = _dumps(one_form, ascii_only=False)
    # Half a surrogate pair can be written as an escape only.
    return text if is_clean(text) else _dumps(one_form, ascii_only=True)


def json_text_or_null(value: Any) -> str | None:
    """The same; null for null and for an object that holds nothing."""
    text = None if value is None else json_text(value)
    return None if text == "{}" else text


def raw_text(value: Any) -> str:
    """A JSON value as it came, as text that every destination can hold: plain ASCII."""
    return json.dumps(value, ensure_ascii=True, default=str)


def _dumps(value: Any, *, ascii_only: bool) -> str:
    return json.dumps(value, ensure_ascii=ascii_only, sort_keys=True, separators=(",", ":"))


def _one_form(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _one_form(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_one_form(item) for item in value]
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT_FLOAT:
            return int(value)
        # NaN and Infinity are no JSON numbers.
        return value if abs(value) < float("inf") else json.dumps(value)
    return str(value) if isinstance(value, Decimal) else value


_INTEGER = re.compile(r"\s*[+-]?\d{1,40}(\.0{1,40})?\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?\s*", re.ASCII)
_EXACT = 2**53
_TOO_FINE = re.compile(r"\.\d{7,}")
_LOCAL = re.compile(r"\s*\d{4}-\d\d-\d\d([T ][\d:.]*)?\s*", re.ASCII)
_UTC, _UNZONED = pa.timestamp("us", tz="UTC"), pa.timestamp("us")


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


def identity_of(entity: Any, key: str = "id") -> str | None:
    """The id of a person or company, or what ``key`` holds, as text, where it is a usable one."""
    identity = entity.get(key) if isinstance(entity, dict) else None
    if isinstance(identity, int) and not isinstance(identity, bool):
        return str(identity)
    if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_ID:
        return None
    # Cleaned or cut, the ids of two people could become one.
    return identity if is_clean(identity) else None


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


def _timestamp(value: Any) -> datetime:
    if not isinstance(value, str) or _TOO_FINE.search(value):
        raise Lossy
    try:
        # Python before 3.11 reads neither the letter nor all numbers of digits.
        moment = pa.scalar(value.strip()).cast(_UNZONED if _LOCAL.fullmatch(value) else _UTC)
    except pa.ArrowInvalid:
        raise Lossy from None
    return cast("datetime", moment.as_py()).replace(tzinfo=timezone.utc)


_COERCIONS: dict[DataType, Callable[[Any], Any]] = {
    "text": _text,
    "bigint": _bigint,
    "bool": _bool,
    "double": _double,
    "timestamp": _timestamp,
}
