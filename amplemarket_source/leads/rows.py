"""Rows that are Python mappings, or come mixed with Arrow, to batches of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from amplemarket_source.errors import InputError
from amplemarket_source.leads.arrow import arrow_batches, is_arrow
from amplemarket_source.leads.columns import Header

__all__ = ["row_batches"]

_ROWS = 1 << 14


def row_batches(items: Iterable[Any], header: Header) -> Iterator[pa.RecordBatch]:
    """What an iterable yields, in order, as batches of ``header.schema``.

    An item is a mapping, a list of mappings, or anything Arrow: a dlt resource yields any of
    these. Values become text as JSON writes them: ``True`` is ``true``, ``7`` is ``7``.

    Raises:
        InputError: an item is none of these; says its index, counted from 0 over all rows.
    """
    waiting = _Rows(header)
    index = 0
    for item in items:
        if is_arrow(item):
            yield from waiting.flush()
            for batch in arrow_batches(item, header):
                yield batch
                index += batch.num_rows
            continue
        for row in item if isinstance(item, (list, tuple)) else (item,):
            if not isinstance(row, Mapping):
                raise InputError(
                    f"item {index} is of type {type(row).__name__}, not a mapping",
                    source=header.source,
                    advice='Each item is a mapping, such as {"email": "jane@acme.example"}.',
                )
            waiting.add(row)
            index += 1
            if waiting.count == _ROWS:
                yield from waiting.flush()
    yield from waiting.flush()


class _Rows:
    """A batch in the making."""

    def __init__(self, header: Header) -> None:
        self.count = 0
        self._header = header
        self._columns: dict[str, list[str | None]] = {name: [] for name in header.accepted}
        self._known: dict[Any, str | None] = {}

    def add(self, row: Mapping[Any, Any]) -> None:
        values: dict[str, str] = {}
        for key, value in row.items():
            if key not in self._known:
                self._known[key] = self._header.accept(key)
            column = self._known[key]
            if column is not None and value is not None:
                values.setdefault(column, _text(value))
        for name, column_values in self._columns.items():
            column_values.append(values.get(name))
        self.count += 1

    def flush(self) -> Iterator[pa.RecordBatch]:
        if not self.count:
            return
        yield pa.RecordBatch.from_arrays(
            [pa.array(values, pa.string()) for values in self._columns.values()],
            schema=self._header.schema,
        )
        self._columns = {name: [] for name in self._columns}
        self.count = 0


def _text(value: Any) -> str:
    if isinstance(value, str):
        # A lone surrogate is no character; the mark left in its place is refused in a field that
        # identifies, and harmless in one that does not.
        return (
            value
            if value.isascii()
            else value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        )
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, default=str)
    return str(value)
