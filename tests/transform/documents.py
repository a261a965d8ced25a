"""JSON documents with things no JSON library writes, and what their leaf values are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["Deep", "Literal", "Pairs", "encode", "leaves", "missing", "spellings"]

_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?\s*", re.ASCII)


class Pairs(list[tuple[str, Any]]):
    """An object that may have a key twice."""


class Literal(str):
    """A number as it stands in the JSON text, such as ``1e400``."""

    __slots__ = ()


@dataclass(frozen=True)
class Deep:
    """The text ``deepest``, in lists and objects in turn."""

    levels: int

    @property
    def text(self) -> str:
        half = self.levels // 2
        return '[{"in":' * half + '"deepest"' + "}]" * half


def encode(value: Any) -> bytes:
    """JSON text; the characters U+DC80 to U+DCFF become bytes that are no UTF-8."""
    return _text(value).encode("utf-8", "surrogateescape")


def _text(value: Any) -> str:
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, Deep):
        return value.text
    if isinstance(value, (Pairs, dict)):
        pairs = value if isinstance(value, Pairs) else value.items()
        return "{" + ",".join(f"{_text(key)}:{_text(item)}" for key, item in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str) and re.search("[\udc80-\udcff]", value):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def leaves(value: Any) -> Iterator[Any]:
    """Every value of a document that is neither null nor an object nor a list."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Pairs):
            stack += [inner for _, inner in item]
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, Deep):
            yield "deepest"
        elif item is not None:
            yield item


def spellings(value: Any) -> set[str]:
    """The ways in which one leaf value may stand in a table without having lost anything."""
    if isinstance(value, bool):
        return {str(value).lower()}
    if isinstance(value, str):
        found = {value}
        if _NUMBER.fullmatch(value):
            found.add(_number(Decimal(value.strip())))
        if value.strip().lower() in ("true", "false"):
            found.add(value.strip().lower())
        if value in ("NaN", "Infinity", "-Infinity"):
            found.add(value.lower())
        return found
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    spelt = {_number(exact), _number(Decimal(value))}
    if isinstance(value, int) and value in (0, 1):
        spelt.add(str(bool(value)).lower())
    return spelt


def missing(document: Any, cells: Sequence[Any], rejected: Sequence[str]) -> list[Any]:
    """The leaves of ``document`` that are neither in a table nor in ``rejects``.

    Args:
        cells: the values of the tables; each accounts for one leaf.
        rejected: ``raw`` of the rejects; each accounts for as many as there are.
    """
    available = Counter(s for cell in cells for leaf in _opened(cell) for s in spellings(leaf))
    originals = {s for raw in rejected for leaf in _opened(raw) for s in spellings(leaf)}
    lost = []
    found = [
        (leaf, spellings(Decimal(leaf) if isinstance(leaf, Literal) else leaf))
        for leaf in leaves(document)
    ]
    # Whoever can be spelt in one way goes first: a 1 may stand as true, a true as nothing else.
    for leaf, forms in sorted(found, key=lambda one: len(one[1])):
        if forms & originals:
            continue
        held = next((form for form in forms if available[form] > 0), None)
        if held is None:
            lost.append(leaf)
        else:
            available[held] -= 1
    return lost


def _opened(cell: Any) -> Iterator[Any]:
    """A cell's value, and where it is JSON text the leaves of that, at any depth."""
    if not isinstance(cell, str):
        yield cell
        return
    yield cell
    if (
        cell[:1] in ("[", "{", '"')
        or _NUMBER.fullmatch(cell)
        or cell.lstrip("-") in ("NaN", "Infinity")
    ):
        try:
            parsed = json.loads(cell, object_pairs_hook=Pairs)
        except RecursionError:
            yield from re.findall("deepest", cell)
            return
        except ValueError:
            return
        for leaf in leaves(parsed):
            if leaf != cell:
                yield from _opened(leaf)


def _number(value: Decimal) -> str:
    return str(value.normalize() + 0) if value.is_finite() else str(value).lower()
