"""Which columns of an input count, and the one shape in which every input goes on.

Arrow in all its forms, and rows that are Python mappings, become batches of text here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from amplemarket_source.errors import InputError
from amplemarket_source.leads.files import FileSource
from amplemarket_source.model import Kind, KindName

__all__ = [
    "ACCEPTED",
    "Header",
    "arrow_batches",
    "is_arrow",
    "parquet_batches",
    "row_batches",
    "text_batch",
]


ACCEPTED: dict[KindName, tuple[str, ...]] = {
    "people": (
        "email",
        "linkedin_url",
        "linkedin_id",
        "company_domain",
        "company_name",
        "name",
        "first_name",
        "last_name",
        "title",
        "external_id",
    ),
    "companies": ("domain", "linkedin_url", "external_id"),
}
"""Columns that are read, by kind (README, Input), in the order of :attr:`Header.schema`."""

_MOST_NAMES_SHOWN = 20
_HIDDEN = "(a name that may be a value)"
_VALUE = re.compile(r"@|://|linkedin\.com|(\d[ ().-]*){6}|.{61}", re.IGNORECASE | re.DOTALL)
# Words that column names are made of. Where no column is known, the first row of a file may be no
# header, and what stands in it somebody's name; only what is made of these is repeated then.
_COLUMN_WORDS = """
    account address age business cell city code company contact country created crm customer data
    date department description domain e email employees employer external field first from full
    given head headline homepage id identifier industry job key last lead link linked linkedin li
    list location mail mobile name no note notes number office organisation organization owner
    owned page person personal phone position postal prefix primary private profile record region
    role row sales salesforce hubspot apollo size source stage state status street suffix surname
    tag tags tel telephone title type updated url user value web website work zip
"""


class Header:
    """The columns of one input: which are read, which are not.

    It is told of every column name as it turns up (all at once for a file with a header, one by
    one where rows have keys) and gives the schema that all batches of the input have: each
    accepted column, as text.

    Args:
        kind: people or companies.
        source: how errors call the input.
    """

    def __init__(self, kind: Kind, source: str) -> None:
        self.source = source
        self.accepted = ACCEPTED[kind.name]
        self.schema = pa.schema([(name, pa.string()) for name in self.accepted])
        self._read: dict[str, None] = {}
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the columns that are not read, as given, in the order they turned up.

        What looks like a value, such as an address as a key, is not repeated.
        """
        return tuple(self._ignored)

    def accept(self, name: object) -> str | None:
        """The accepted column that ``name`` means, or None for one that is not read."""
        spelt = str(name).strip()
        column = spelt.lower()
        if column in self.accepted:
            self._read[column] = None
            return column
        if spelt:
            self._ignored[_HIDDEN if _VALUE.search(spelt) else spelt] = None
        return None

    def accept_all(self, names: Iterable[object]) -> dict[str, int]:
        """Accepted column -> position in ``names``.

        Raises:
            InputError: two of the names mean one column, so which one counts is unknown.
        """
        positions: dict[str, int] = {}
        for position, name in enumerate(names):
            column = self.accept(name)
            if column is None:
                continue
            if column in positions:
                raise InputError(
                    "the column is there twice",
                    source=self.source,
                    column=column,
                    advice="Rename or remove one of the two.",
                )
            positions[column] = position
        return positions

    def check(self) -> None:
        """Refuse an input in which no column says who or what is meant.

        Raises:
            InputError: none of the columns seen so far can identify a lead.
        """
        usable = [name for name in self.accepted if name != "external_id"]
        if any(name in self._read for name in usable):
            return
        found = [*self._read, *self._ignored]
        plain = [name for name in found if _is_column_name(name)]
        told = _listed(plain) or "none"
        if len(plain) < len(found):
            told = (
                f"{f'{told} and ' if plain else ''}{len(found) - len(plain):,} that may be values, "
                "not names"
            )
        raise InputError(
            f"no usable column: found {told}",
            source=self.source,
            advice=f"Usable are {_listed(usable)}.",
        )


def _is_column_name(name: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    known = all(word.lower() in _COLUMN_WORDS.split() or len(word) < 3 for word in words)
    return bool(words) and known and "".join(words) == re.sub(r"[ _.-]", "", name)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES_SHOWN])
    more = len(names) - _MOST_NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


_ROWS = 1 << 14


def text_batch(batch: pa.RecordBatch, header: Header) -> pa.RecordBatch:
    """The accepted columns of ``batch`` as text, the missing ones null: ``header.schema``.

    Raises:
        InputError: a column is of a type that has no text (a list, a struct), or of bytes that
            are not UTF-8.
    """
    positions = header.accept_all(batch.schema.names)
    return pa.RecordBatch.from_arrays(
        [
            _as_text(batch.column(positions[name]), name, header.source)
            if name in positions
            else pa.nulls(batch.num_rows, pa.string())
            for name in header.accepted
        ],
        schema=header.schema,
    )


def is_arrow(value: object) -> bool:
    """Whether ``value`` speaks Arrow: a table, batch or reader of any library."""
    return hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")


def arrow_batches(value: Any, header: Header) -> Iterator[pa.RecordBatch]:
    """The rows of anything :func:`is_arrow`, as batches of ``header.schema``."""
    if isinstance(value, pa.RecordBatchReader):
        # Not through the C stream, which would turn the reader's own errors into text.
        reader = value
    elif hasattr(value, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(value)
    else:
        batch = pa.record_batch(value)
        reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    header.accept_all(reader.schema.names)
    header.check()
    for batch in reader:
        for start in range(0, batch.num_rows, _ROWS):
            yield text_batch(batch.slice(start, _ROWS), header)


def parquet_batches(file: FileSource, header: Header) -> Iterator[pa.RecordBatch]:
    """The rows of a parquet file, in order, as batches of ``header.schema``.

    Raises:
        InputError: not a parquet file, or a damaged one; no usable column.
    """
    with file.open() as stream:
        try:
            table = parquet.ParquetFile(stream, pre_buffer=False)
            names = table.schema_arrow.names
            wanted = [names[position] for position in header.accept_all(names).values()]
            header.check()
            for batch in table.iter_batches(batch_size=_ROWS, columns=wanted):
                yield text_batch(batch, header)
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
                values.setdefault(column, _json_like_text(value))
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


def _json_like_text(value: Any) -> str:
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
