"""JSON as text: of lists in a column, and of what is rejected.

A list becomes the same text whichever way it was read: keys sorted, nulls of objects left out
(Arrow gives every object of a list the keys of all), whole floats written as integers (Arrow
reads ``[1, 2.5]`` as floats).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from amplemarket_source.tables.characters import is_clean

__all__ = ["json_text", "json_text_or_null", "raw_text"]

_EXACT = 2**53


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
        if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        # NaN and Infinity are no JSON numbers.
        return value if abs(value) < float("inf") else json.dumps(value)
    return str(value) if isinstance(value, Decimal) else value
