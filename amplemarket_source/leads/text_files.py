"""Files of text to batches of text.

A CSV file, and from a fault back to its line; JSON lines, without a Python object for each line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import cast

import duckdb
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as arrow_csv

from amplemarket_source.errors import InputError
from amplemarket_source.leads.columns import ACCEPTED, Header, text_batch
from amplemarket_source.leads.files import FileSource, Utf8Stream

__all__ = ["csv_batches", "jsonl_batches"]


_DELIMITERS = (",", ";", "\t")
_ANY_COLUMN = frozenset(chain.from_iterable(ACCEPTED.values()))
_HEADER_BYTES = 1 << 16
# Arrow wants a row whole in one block, and holds several blocks: small ones keep memory flat, the
# larger are for the rare file with a longer row.
_BLOCK_BYTES = (1 << 18, 1 << 22, 1 << 25)


def csv_batches(file: FileSource, header: Header) -> Iterator[pa.RecordBatch]:
    """The rows of a csv file, in order, as batches of ``header.schema``.

    Comma, semicolon or tab (the one that makes most sense of the first row), quotes as Excel and
    RFC 4180 write them, line ends of any system, a byte order mark. Empty lines do not count.

    Raises:
        InputError: no usable column; a row with more or fewer columns than the first; a quote
            that never ends; bytes that are not UTF-8. All but the first say the line.
    """
    names, delimiter, empty_lines = _first_row(file)
    positions = header.accept_all(names)
    header.check()
    table = _Table(file, delimiter, len(names), empty_lines + 1, positions)
    done = 0
    for block_bytes in _BLOCK_BYTES:
        to_skip = done
        try:
            for batch in _read(table, block_bytes):
                fresh = batch.slice(to_skip)
                to_skip -= batch.num_rows - fresh.num_rows
                done += fresh.num_rows
                yield text_batch(fresh, header)
        except pa.ArrowInvalid:
            # Arrow's own text quotes the row, and has no line number for a stream.
            fault = _first_fault(table)
            if fault is not None:
                raise fault from None
        else:
            return
    raise InputError(
        f"a row longer than {_BLOCK_BYTES[-1] >> 20} MiB",
        source=file.name,
        advice="Look for a quote that is opened and never closed.",
    )


@dataclass(frozen=True)
class _Table:
    """Where the rows are and how they are written."""

    file: FileSource
    delimiter: str
    columns: int
    rows_before: int
    positions: dict[str, int]


def _read(table: _Table, block_bytes: int) -> Iterator[pa.RecordBatch]:
    wanted = {str(position): column for column, position in table.positions.items()}
    with table.file.open_text() as stream:
        reader = arrow_csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=arrow_csv.ReadOptions(
                column_names=[str(position) for position in range(table.columns)],
                skip_rows_after_names=table.rows_before,
                block_size=block_bytes,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=table.delimiter,
                newlines_in_values=True,
                invalid_row_handler=_skip_if_blank,
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(wanted),
                column_types=dict.fromkeys(wanted, pa.string()),
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield batch.rename_columns(list(wanted.values()))
    # A quote that never ends swallows rows without an error; a stray one may be part of a value.
    if stream.quotes % 2:
        unclosed = _first_fault(table)
        if unclosed is not None:
            raise unclosed


def _first_row(file: FileSource) -> tuple[list[str], str, int]:
    """Column names, delimiter, and how many empty lines stand before the names."""
    with file.open_text() as stream:
        sample = stream.read(_HEADER_BYTES).decode("utf-8", errors="ignore")
    best: tuple[tuple[int, int], list[str], str, int] | None = None
    for delimiter in _DELIMITERS:
        for empty_lines, row in enumerate(
            csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        ):
            if row:
                known = sum(name.strip().lower() in _ANY_COLUMN for name in row)
                if best is None or (known, len(row)) > best[0]:
                    best = (known, len(row)), row, delimiter, empty_lines
                break
    if best is None:
        raise InputError("the file is empty", source=file.name)
    return best[1:]


def _skip_if_blank(row: arrow_csv.InvalidRow) -> str:
    return "error" if row.text.strip() else "skip"


def _first_fault(table: _Table) -> InputError | None:
    """Read again, slowly, with a reader that counts lines."""
    line = 1
    usual_limit = csv.field_size_limit(_BLOCK_BYTES[-1])
    try:
        with table.file.open_text() as stream:
            lines = io.TextIOWrapper(cast("io.BufferedReader", stream), "utf-8", newline="")
            rows = csv.reader(lines, delimiter=table.delimiter, strict=True)
            for row in rows:
                if len(row) != table.columns and any(value.strip() for value in row):
                    return InputError(
                        f"{_count(len(row))} where the first row has {_count(table.columns)}",
                        source=table.file.name,
                        line=line,
                        advice="Put a value that holds the delimiter in double quotes.",
                    )
                line = rows.line_num + 1
    except csv.Error:
        return InputError(
            "a quote that is opened and never closed, or closed in the middle of a value",
            source=table.file.name,
            line=line,
            advice='Inside double quotes, write a double quote twice ("").',
        )
    finally:
        csv.field_size_limit(usual_limit)
    return None


def _count(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns:,} columns"


_JSON_BLOCK_BYTES = 1 << 21
_LONGEST_LINE = 1 << 24
# Looking for a data frame called like a table costs an import that fails, at every query.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "python_enable_replacements": False,
}


def jsonl_batches(file: FileSource, header: Header) -> Iterator[pa.RecordBatch]:
    """The objects of a JSON lines file, in order, as batches of ``header.schema``.

    ``{"email": "jane@acme.example", "external_id": 7}`` becomes a row whose ``external_id`` is
    the text ``7``. Keys may differ from line to line; empty lines do not count.

    Raises:
        InputError: a line that is not JSON, or not an object; bytes that are not UTF-8. With the
            line.
    """
    with duckdb.connect(":memory:", config=_CONFIG) as connection, file.open_text() as text:
        first_line = 1
        for lines in _lines(text, file.name):
            connection.register("input", pa.table({"line": lines}))
            _check(connection, file.name, first_line)
            yield from _select(connection, header)
            first_line += len(lines)


def _lines(stream: Utf8Stream, source: str) -> Iterator[pa.Array]:
    line = 1
    rest = b""
    while block := stream.read(_JSON_BLOCK_BYTES):
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


def _check(connection: duckdb.DuckDBPyConnection, source: str, first_line: int) -> None:
    faults = connection.execute("""
        SELECT number, json_valid(line)
        FROM (SELECT line, row_number() OVER () - 1 AS number FROM input)
        WHERE line IS NOT NULL
            AND CASE WHEN json_valid(line) THEN json_type(line) <> 'OBJECT' ELSE true END
        ORDER BY number LIMIT 1""").fetchall()
    for number, valid in faults:
        raise InputError(
            "JSON, but not an object" if valid else "not JSON",
            source=source,
            line=first_line + number,
            advice='Each line is one object, such as {"email": "jane@acme.example"}.',
        )


def _select(connection: duckdb.DuckDBPyConnection, header: Header) -> list[pa.RecordBatch]:
    keys = connection.execute("""
        SELECT key FROM (
            SELECT unnest(json_keys(line)) AS key, row_number() OVER () AS place
            FROM input WHERE line IS NOT NULL)
        GROUP BY key ORDER BY min(place)""").fetchall()
    paths: dict[str, list[str]] = {name: [] for name in header.accepted}
    for (key,) in keys:
        column = header.accept(key)
        if column is not None:
            paths[column].append(f'$."{key}"')
    flat = [path for some in paths.values() for path in some]
    position = {path: number for number, path in enumerate(flat, start=1)}
    columns = ", ".join(
        f"coalesce({', '.join(f'value[{position[path]}]' for path in some)})::VARCHAR"
        if some
        else "NULL::VARCHAR"
        for some in paths.values()
    )
    table = connection.sql(
        f"SELECT {columns} FROM (SELECT json_extract_string(line, $1::VARCHAR[]) AS value"
        " FROM input WHERE line IS NOT NULL)",
        params=[flat],
    ).to_arrow_table()
    batches: list[pa.RecordBatch] = (
        table.rename_columns(list(header.accepted)).cast(header.schema).to_batches()
    )
    return batches
