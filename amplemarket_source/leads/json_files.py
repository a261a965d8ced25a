"""Files of JSON to batches of text: one object a line, or one list of objects.

DuckDB reads them, without a Python object for each row.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as compute

from amplemarket_source.errors import InputError
from amplemarket_source.headers import Header
from amplemarket_source.leads.batches import LeadBatch, row_text
from amplemarket_source.leads.files import FileSource, Utf8Stream

__all__ = ["json_batches", "jsonl_batches"]

_BLOCK_BYTES = 1 << 21
_LONGEST_LINE = 1 << 24
_ROWS = 1 << 14
# Looking for a data frame called like a table costs an import that fails, at every query.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "python_enable_replacements": False,
}
# DuckDB counts one more than there are.
_PLACE = re.compile(r"Malformed JSON .* in record/value (\d+)", re.DOTALL)
_EACH = 'Each {} is one object, such as {{"email": "jane@acme.example"}}.'


def jsonl_batches(file: FileSource, header: Header) -> Iterator[LeadBatch]:
    """The objects of a JSON lines file, in order; their numbers are lines.

    ``{"email": "jane@acme.example", "external_id": 7}`` becomes a row whose ``external_id`` is
    the text ``7``. Keys may differ from line to line; empty lines do not count.

    Raises:
        InputError: a line that is not JSON, or not an object; bytes that are no text. With the
            line.
    """
    objects = _Objects(header, file.name, "line")
    with duckdb.connect(":memory:", config=_CONFIG) as connection, file.open_text() as text:
        first_line = 1
        for lines in _lines(text, file.name):
            yield from objects.batches(connection, lines, first_line)
            first_line += len(lines)


def json_batches(file: FileSource, header: Header) -> Iterator[LeadBatch]:
    """The objects of a JSON file, in order: of the list that it is, or one after the other.

    Their numbers are places, counted from 1.

    Raises:
        InputError: it is not JSON, or something in it is not an object.
    """
    objects = _Objects(header, file.name, "item")
    with (
        tempfile.TemporaryDirectory(prefix="amplemarket-leads-") as folder,
        duckdb.connect(":memory:", config=_CONFIG) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")
        copy = Path(folder) / "input.json"
        with file.open_text() as text, copy.open("wb") as whole:
            shutil.copyfileobj(text, whole, _BLOCK_BYTES)
        with copy.open("rb") as start:
            form = "array" if start.read(_BLOCK_BYTES).lstrip()[:1] == b"[" else "unstructured"
        try:
            found = connection.execute(
                f"SELECT json::VARCHAR AS line FROM read_json_objects(?, format = '{form}', "
                f"maximum_object_size = {_LONGEST_LINE})",
                [str(copy)],
            )
            first = 1
            # In another connection: reading goes on in this one.
            with duckdb.connect(":memory:", config=_CONFIG) as work:
                for rows in found.to_arrow_reader(_ROWS):
                    yield from objects.batches(work, rows.column(0), first)
                    first += rows.num_rows
        except (duckdb.Error, pa.ArrowException) as error:
            said = str(error)
            if "maximum_object_size" in said:
                what = f"an item longer than {_LONGEST_LINE >> 20} MiB"
                raise InputError(what, source=file.name) from None
            place = _PLACE.search(said)
            if place is None:
                raise
            raise InputError(
                f"not JSON, item {int(place[1]) - 1:,}",
                source=file.name,
                advice=_EACH.format("item"),
            ) from None


class _Objects:
    """JSON texts to batches."""

    def __init__(self, header: Header, source: str, item: str) -> None:
        self._header = header
        self._source = source
        self._item = item
        self._keys: dict[str, None] = {}

    def batches(
        self, connection: duckdb.DuckDBPyConnection, lines: pa.Array, first: int
    ) -> Iterator[LeadBatch]:
        """``lines``, null where there is none, of which the first has the number ``first``."""
        connection.register("input", pa.table({"line": lines}))
        self._check(connection, first)
        texts = lines.drop_null()
        if not len(texts):
            return
        given = compute.is_valid(lines).to_pylist()
        numbers = [first + place for place, is_given in enumerate(given) if is_given]
        done = 0
        for table in self._select(connection):
            some = texts.slice(done, table.num_rows)
            yield LeadBatch(
                table,
                numbers[done : done + table.num_rows],
                lambda places, some=some: [_as_it_was(some[place].as_py()) for place in places],  # type: ignore[misc]
            )
            done += table.num_rows

    def _check(self, connection: duckdb.DuckDBPyConnection, first: int) -> None:
        faults = connection.execute("""
            SELECT number, json_valid(line)
            FROM (SELECT line, row_number() OVER () - 1 AS number FROM input)
            WHERE line IS NOT NULL
                AND CASE WHEN json_valid(line) THEN json_type(line) <> 'OBJECT' ELSE true END
            ORDER BY number LIMIT 1""").fetchall()
        for number, valid in faults:
            what = "JSON, but not an object" if valid else "not JSON"
            is_line = self._item == "line"
            raise InputError(
                what if is_line else f"{what}, item {first + number:,}",
                source=self._source,
                line=first + number if is_line else None,
                advice=_EACH.format(self._item),
            )

    def _select(self, connection: duckdb.DuckDBPyConnection) -> list[pa.RecordBatch]:
        keys = connection.execute("""
            SELECT key FROM (
                SELECT unnest(json_keys(line)) AS key, row_number() OVER () AS place
                FROM input WHERE line IS NOT NULL)
            GROUP BY key ORDER BY min(place)""").fetchall()
        self._keys.update(dict.fromkeys(key for (key,) in keys))
        names = list(self._keys)
        places = self._header.places(names)
        paths = {
            column: [f'$."{names[place]}"' for place in places.get(column, ())]
            for column in self._header.schema.names
        }
        flat = [path for some in paths.values() for path in some]
        position = {path: number for number, path in enumerate(flat, start=1)}
        columns = ", ".join(
            _first_given([position[path] for path in some]) for some in paths.values()
        )
        table = connection.sql(
            f"SELECT {columns} FROM (SELECT json_extract_string(line, $1::VARCHAR[]) AS value"
            " FROM input WHERE line IS NOT NULL)",
            params=[flat],
        ).to_arrow_table()
        schema = self._header.schema
        batches: list[pa.RecordBatch] = (
            table.rename_columns(schema.names).cast(schema).combine_chunks().to_batches()
        )
        return batches


def _first_given(positions: Sequence[int]) -> str:
    """The value of the surest key that has one; of the others none."""
    if not positions:
        return "NULL::VARCHAR"
    given = [f"nullif(value[{place}], '')" for place in positions]
    return f"coalesce({', '.join(given)}, value[{positions[0]}])::VARCHAR"


def _as_it_was(text: str) -> str:
    return row_text(json.loads(text))


def _lines(stream: Utf8Stream, source: str) -> Iterator[pa.Array]:
    line = 1
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        whole, newline, tail = block.rpartition(b"\n")
        if newline:
            lines = _split(rest + whole)
            yield lines
            line += len(lines)
            rest = tail
        else:
            rest += block
        if len(rest) > _LONGEST_LINE:
            raise InputError(
                f"a line longer than {_LONGEST_LINE >> 20} MiB", source=source, line=line
            )
    if rest:
        yield _split(rest)


def _split(block: bytes) -> pa.Array:
    """One value a line, so that counting them counts lines; null where a line is blank."""
    text = pa.array([block], pa.binary()).cast(pa.string())
    lines = compute.ascii_trim_whitespace(compute.split_pattern(text, "\n").flatten())
    return compute.if_else(compute.equal(lines, ""), pa.scalar(None, pa.string()), lines)
