"""The same answer with fewer children, none, or with nothing in it."""

from __future__ import annotations

from typing import Any

from amplemarket_source.sandbox.options import Variant

__all__ = ["varied"]

_KEPT = ("id", "object")
_MAPS = ("department_headcount", "job_function_headcount")
_NESTED = "company"


def varied(entity: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """``entity`` (a Person or Company) as ``variant`` wants it; the nested company is left alone.

    ``fewer`` keeps the first half of each list and map, at least one; ``nulls`` empties all.
    """
    if variant.children == "full" and not variant.nulls:
        return entity
    return {
        key: value if key in _KEPT or key == _NESTED else _varied(key, value, variant)
        for key, value in entity.items()
    }


def _varied(key: str, value: Any, variant: Variant) -> Any:
    empty = variant.nulls or variant.children == "none"
    if isinstance(value, list):
        return [] if empty else value[: _half(value)]
    if key in _MAPS:
        return {} if empty else dict(list(value.items())[: _half(value)])
    return None if variant.nulls else value


def _half(items: Any) -> int:
    return (len(items) + 1) // 2
