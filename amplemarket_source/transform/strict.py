"""The strict way from page bodies to Arrow rows: Arrow's own JSON parser, types declared.

A page is ``{"id": 18, "results": [{"id": 1, "status": "enriched", "result": {...}, "email":
"..."}], "_links": {...}}``; pages follow each other as separate documents and come out as one
struct array, a row for each result. Undocumented fields come with the type Arrow finds; text that
looks like a date stays text.

What comes out has been read without loss. Anything the declared types cannot hold, and anything
Arrow would change in silence, fails the whole call with ``pyarrow.ArrowInvalid``; the caller then
takes the tolerant way for the page it stands in (`amplemarket_source.transform.tolerant`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from amplemarket_source.lenient_json import is_deep

__all__ = ["StrictParser"]

_EXACT_INTEGERS = 2**53


class StrictParser:
    """Parses pages of one sort; remembers which undocumented text looks like a date.

    Args:
        row: the documented type of a row of ``results``.

    Attributes:
        members: of the pages parsed last; the names beside ``results`` that say something.

    Example::

        rows = StrictParser(result_type(PEOPLE)).parse([body])
        rows.field("result").field("name")
    """

    def __init__(self, row: pa.StructType) -> None:
        self._schema = pa.schema([("results", pa.list_(row))])
        self._is_first = True
        self.members: frozenset[str] = frozenset()

    def parse(self, bodies: Sequence[bytes]) -> pa.StructArray:
        """All rows of ``bodies``, in order.

        Raises:
            pyarrow.ArrowInvalid: a value does not fit its declared type, or would not be read
                without loss.
        """
        if any(is_deep(body) for body in bodies):
            raise pa.ArrowInvalid("nested too deeply")
        document = b"\n".join(bodies)
        if b"\\u0000" in document or not _is_utf8(document):
            raise pa.ArrowInvalid("text that not every destination can hold")
        if self._is_first and len(bodies) > 1:
            # A page is enough to learn most dates from, and they cost a second reading.
            self._read(bodies[0])
        self._is_first = False
        table = self._read(document)
        # Of a new list that begins with null Arrow makes an array that is too short.
        table.validate()
        lists = table.column("results").combine_chunks()
        rows = pc.list_flatten(lists)
        if rows.null_count:
            raise pa.ArrowInvalid("a row that is no object")
        _refuse_inexact(rows)
        self.members = frozenset(f.name for f in table.schema if not pa.types.is_null(f.type))
        return rows

    def _read(self, document: bytes) -> pa.Table:
        table = _read_json(document, self._schema)
        declared, found = self._schema.field("results").type, table.schema.field("results").type
        with_dates_as_text = _declare_dates(declared, found)
        if with_dates_as_text == declared:
            return table
        # Arrow reads "2020-01-01" as a timestamp and forgets how it was written.
        self._schema = pa.schema([("results", with_dates_as_text)])
        return _read_json(document, self._schema)


def _read_json(document: bytes, schema: pa.Schema) -> pa.Table:
    return pj.read_json(
        pa.py_buffer(document),
        # One block, or fields that appear late would have a type of their own.
        read_options=pj.ReadOptions(use_threads=False, block_size=len(document) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=schema,
            unexpected_field_behavior="infer",
            newlines_in_values=True,
        ),
    )


def _is_utf8(document: bytes) -> bool:
    # Arrow's check of a text that it does not copy; `bytes.decode` takes ten times as long.
    ends = pa.py_buffer(struct.pack("=qq", 0, len(document)))
    text = pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(document))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _declare_dates(declared: pa.DataType | None, found: pa.DataType) -> pa.DataType | None:
    """``declared``, with every undocumented field that was read as a date declared as text."""
    if pa.types.is_timestamp(found):
        return declared or pa.string()
    if pa.types.is_struct(found):
        known = {f.name: f.type for f in declared} if declared is not None else {}
        inner = {f.name: _declare_dates(known.get(f.name), f.type) for f in found}
        fields = [(name, kept) for name, kept in {**known, **inner}.items() if kept is not None]
        return pa.struct(fields) if fields or declared is not None else None
    if pa.types.is_list(found):
        value = declared.value_type if declared is not None else None
        kept = _declare_dates(value, found.value_type)
        return pa.list_(kept) if kept is not None else None
    return declared


def _refuse_inexact(array: pa.Array) -> None:
    """Refuse floats that may have been integers of more digits, and those that are no numbers."""
    if pa.types.is_floating(array.type):
        # Arrow reads an integer past 64 bits as a float, and NaN, which is no JSON.
        exact = pc.less(pc.abs(array), _EXACT_INTEGERS)
        if not pc.all(exact).as_py():
            raise pa.ArrowInvalid("a number that may not have been read exactly")
    elif _holds_floats(array.type):
        inner = array.flatten()
        for part in inner if isinstance(inner, list) else [inner]:
            _refuse_inexact(part)


def _holds_floats(arrow_type: pa.DataType) -> bool:
    return pa.types.is_floating(arrow_type) or any(
        _holds_floats(arrow_type.field(index).type) for index in range(arrow_type.num_fields)
    )
