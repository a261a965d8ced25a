"""A csv file to batches of text, and from a fault back to its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import cast

import pyarrow as pa
import pyarrow.csv as arrow_csv

from amplemarket_source.errors import InputError
from amplemarket_source.leads.arrow import text_batch
from amplemarket_source.leads.columns import ACCEPTED, Header
from amplemarket_source.leads.files import FileSource

__all__ = ["csv_batches"]

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
