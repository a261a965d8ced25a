"""The one shape in which every input goes on: batches of text, and each row as it was.

Arrow in all its forms, and rows that are Python mappings, become such batches here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from amplemarket_source.errors import InputError
from amplemarket_source.headers import Header
from amplemarket_source.leads.files import FileSource

__all__ = [
    "LeadBatch",
    "arrow_batch",
    "arrow_batches",
    "is_arrow",
    "parquet_batches",
    "row_batches",
    "row_text",
    "rows_of",
]

_ROWS = 1 << 14
_LONGEST_RAW = 1 << 20
_LONGEST_IN_RAW = 1 << 10


@dataclass(frozen=True)
class LeadBatch:
    """Some rows of an input.

    Attributes:
        table: the columns that are read, as text: the schema of the input's header.
        numbers: of the rows: the line of a file, or the place in the input, counted from 1.
        raw: the rows at some places of the batch as JSON text: all columns, as they were.
    """

    table: pa.RecordBatch
    numbers: Sequence[int]
    raw: Callable[[Sequence[int]], list[str]]


def row_text(row: Mapping[str, Any]) -> str:
    """A row as JSON text, without what is empty; a value too long for any column is cut.

    Example:
        >>> row_text({"Email": "n/a", "Phone": ""})
        '{"Email": "n/a"}'
    """
    given = {key: value for key, value in row.items() if not _is_blank(value)}
    text = json.dumps(given, ensure_ascii=False, default=str)
    if len(text) <= _LONGEST_RAW:
        return whole_text(text)
    cut = {
        key: value
        if len(shown := str(value)) <= _LONGEST_IN_RAW
        else f"{shown[:_LONGEST_IN_RAW]}... ({len(shown):,} characters)"
        for key, value in given.items()
    }
    return whole_text(json.dumps(cut, ensure_ascii=False, default=str)[:_LONGEST_RAW])


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def whole_text(text: str) -> str:
    """``text`` without lone surrogates, which are no characters: a mark stands in their place.

    The mark is refused in a field that identifies, and harmless in one that does not.
    """
    return (
        text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    )


def rows_of(names: Sequence[str], columns: Sequence[pa.Array], places: Sequence[int]) -> list[str]:
    """The rows at some places as JSON text; of a name that comes twice each value is there."""
    taken: dict[str, None] = {}
    for position, name in enumerate(names):
        key = name.strip() or f"column {position + 1}"
        taken[key if key not in taken else f"{key} (column {position + 1})"] = None
    wanted = pa.array(places, pa.int64())
    values = [column.take(wanted).to_pylist() for column in columns]
    return [row_text(dict(zip(taken, row, strict=True))) for row in zip(*values, strict=True)]


def arrow_batch(
    batch: pa.RecordBatch,
    places: Mapping[str, Sequence[int]],
    header: Header,
    numbers: Sequence[int],
) -> LeadBatch:
    """The rows of ``batch`` with the columns at ``places`` as text, the missing ones null.

    Of several places of a column the first that is not blank counts.

    Raises:
        InputError: a column is of a type that has no text (a list, a struct), or of bytes that
            are not UTF-8.
    """
    columns = [_column(batch, places.get(name, ()), header) for name in header.schema.names]
    table = pa.RecordBatch.from_arrays(columns, schema=header.schema)
    return LeadBatch(table, numbers, lambda some: rows_of(batch.schema.names, batch.columns, some))


def _column(batch: pa.RecordBatch, places: Sequence[int], header: Header) -> pa.Array:
    found = pa.nulls(batch.num_rows, pa.string())
    # The surest last, so that it stays.
    for place in reversed(places):
        text = _as_text(batch.column(place), batch.schema.names[place], header.source)
        if place != places[-1]:
            is_blank = compute.equal(compute.utf8_trim_whitespace(text), "")
            text = compute.if_else(compute.fill_null(is_blank, True), found, text)
        found = text
    return found


def is_arrow(value: object) -> bool:
    """Whether ``value`` speaks Arrow: a table, batch or reader of any library."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def arrow_batches(value: Any, header: Header, first: int = 1) -> Iterator[LeadBatch]:
    """The rows of anything :func:`is_arrow`; the first of them has the number ``first``."""
    if isinstance(value, pa.RecordBatchReader):
        # Not through the C stream, which would turn the reader's own errors into text.
        reader = value
    elif hasattr(value, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(value)
    else:
        batch = pa.record_batch(value)
        reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    places = header.columns_at(reader.schema.names)
    header.check()
    for batch in reader:
        for start in range(0, batch.num_rows, _ROWS):
            some = batch.slice(start, _ROWS)
            yield arrow_batch(some, places, header, range(first, first + some.num_rows))
            first += some.num_rows


def parquet_batches(file: FileSource, header: Header) -> Iterator[LeadBatch]:
    """The rows of a parquet file, in order.

    Raises:
        InputError: not a parquet file, or a damaged one; no usable column.
    """
    with file.open() as stream:
        try:
            table = parquet.ParquetFile(stream, pre_buffer=False)
            places = header.columns_at(table.schema_arrow.names)
            header.check()
            first = 1
            for batch in table.iter_batches(batch_size=_ROWS):
                yield arrow_batch(batch, places, header, range(first, first + batch.num_rows))
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            # Arrow says of some damage that it is an OSError, without a number.
            raise InputError("not a parquet file, or a damaged one", source=file.name) from None


def _as_text(column: pa.Array, name: str, source: str) -> pa.Array:
    if pa.types.is_nested(column.type):
        raise InputError(f"the column holds {column.type}, not text", source=source, column=name)
    try:
        return compute.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InputError(
            f"the column's {column.type} values are not text", source=source, column=name
        ) from None


def row_batches(items: Iterable[Any], header: Header) -> Iterator[LeadBatch]:
    """What an iterable yields, in order.

    An item is a mapping, a list of mappings, or anything Arrow: a dlt resource yields any of
    these. Values become text as JSON writes them: ``True`` is ``true``, ``7`` is ``7``. Each
    mapping has its own keys; of several that mean one column the surest with a value counts.

    Raises:
        InputError: an item is none of these; says its index, counted from 0 over all rows.
    """
    waiting = _Rows(header)
    for item in items:
        if is_arrow(item):
            yield from waiting.flush()
            for batch in arrow_batches(item, header, waiting.next_number):
                yield batch
                waiting.next_number += batch.table.num_rows
            continue
        for row in item if isinstance(item, (list, tuple)) else (item,):
            if not isinstance(row, Mapping):
                raise InputError(
                    f"item {waiting.index} is of type {type(row).__name__}, not a mapping",
                    source=header.source,
                    advice='Each item is a mapping, such as {"email": "jane@acme.example"}.',
                )
            waiting.rows.append(row)
            if len(waiting.rows) == _ROWS:
                yield from waiting.flush()
    yield from waiting.flush()


class _Rows:
    """A batch in the making."""

    def __init__(self, header: Header) -> None:
        self.rows: list[Mapping[Any, Any]] = []
        self.next_number = 1
        self._header = header
        self._keys: dict[Any, None] = {}
        self._sources: dict[str, list[Any]] = {}

    @property
    def index(self) -> int:
        """Of the next row, counted from 0 over all."""
        return self.next_number - 1 + len(self.rows)

    def flush(self) -> Iterator[LeadBatch]:
        rows, self.rows = self.rows, []
        if not rows:
            return
        before = len(self._keys)
        for row in rows:
            self._keys.update(dict.fromkeys(row))
        if len(self._keys) > before:
            keys = list(self._keys)
            places = self._header.places(keys)
            self._sources = {column: [keys[p] for p in some] for column, some in places.items()}
        columns = [
            pa.array(_values(rows, self._sources.get(name, ())), pa.string())
            for name in self._header.schema.names
        ]
        table = pa.RecordBatch.from_arrays(columns, schema=self._header.schema)
        first, self.next_number = self.next_number, self.next_number + len(rows)
        yield LeadBatch(
            table,
            range(first, self.next_number),
            lambda some: [row_text({str(k): v for k, v in rows[p].items()}) for p in some],
        )


def _values(rows: Sequence[Mapping[Any, Any]], keys: Sequence[Any]) -> list[str | None]:
    values: list[str | None] = [None] * len(rows)
    # The surest key last, so that it stays.
    for key in reversed(keys):
        for place, row in enumerate(rows):
            value = row.get(key)
            if value is not None and (value != "" or values[place] is None):
                values[place] = _json_like_text(value)
    return values


def _json_like_text(value: Any) -> str:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, default=str)
    return str(value)
