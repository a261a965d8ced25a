"""A csv file to batches of text, in whatever dialect, and from a row back to its line.

Arrow reads, fast and in little memory, and has no line numbers. Where one is needed, the file is
read once more, by Python's slow reader that counts them: it agrees with Arrow on what a row is.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.csv as arrow_csv

from amplemarket_source.errors import InputError
from amplemarket_source.headers import Header
from amplemarket_source.leads.batches import LeadBatch, arrow_batch, row_text
from amplemarket_source.leads.files import FileSource

__all__ = ["CsvFile", "OddRow"]

_SAMPLE_BYTES = 1 << 16
_FEW_COLUMNS = 2
_ADDRESS = re.compile(r"@|linkedin\.com", re.IGNORECASE)
# Arrow wants a row whole in one block, and holds several blocks: small ones keep memory flat, the
# larger are for the rare file with a longer row.
_BLOCK_BYTES = (1 << 18, 1 << 22, 1 << 25)


@dataclass(frozen=True)
class OddRow:
    """A row that has not as many columns as the header, as it was."""

    line: int
    raw: str


@dataclass(frozen=True)
class _Dialect:
    """How the rows are written."""

    delimiter: str
    quote: str = '"'
    escape: str = ""

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        """Python's reader of it: lists of texts, and ``line_num``."""
        doubled = self.escape in ("", self.quote)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            doublequote=doubled,
            escapechar=None if doubled else self.escape,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            strict=strict,
        )

    @property
    def options(self) -> dict[str, object]:
        """The same for Arrow."""
        doubled = self.escape in ("", self.quote)
        return {
            "delimiter": self.delimiter,
            "quote_char": self.quote or False,
            "double_quote": doubled,
            "escape_char": False if doubled else self.escape,
        }


_USUAL = (_Dialect(","), _Dialect(";"), _Dialect("\t"), _Dialect("|"))


@dataclass(frozen=True)
class _Layout:
    """Where the rows are.

    Attributes:
        rows_before: the rows up to the header and with it, empty ones among them.
    """

    names: tuple[str, ...]
    dialect: _Dialect
    rows_before: int


class CsvFile:
    """The rows of a csv file.

    Comma, semicolon, tab or bar (the one that makes most sense of the header), quotes as Excel and
    RFC 4180 write them, or whatever else DuckDB makes of a sample; line ends of any system, a byte
    order mark; a few lines of notes before the header. Empty lines do not count.

    Attributes:
        odd: after the batches, how many rows have not as many columns as the header.

    Raises:
        InputError: no usable column, a quote that never ends, bytes that are no text. All but the
            first say the line.
    """

    def __init__(self, file: FileSource, header: Header) -> None:
        self.odd = 0
        self._file = file
        self._header = header
        self._layout = _Layout((), _USUAL[0], 0)

    def batches(self) -> Iterator[LeadBatch]:
        """The rows in order; their numbers are places, which `look_again` turns into lines."""
        self._layout = self._find_layout()
        places = self._header.columns_at(self._layout.names)
        self._header.check()
        done = 0
        for block_bytes in _BLOCK_BYTES:
            to_skip, self.odd = done, 0
            try:
                for batch in self._read(block_bytes):
                    fresh = batch.slice(to_skip)
                    to_skip -= batch.num_rows - fresh.num_rows
                    numbers = range(done, done + fresh.num_rows)
                    done += fresh.num_rows
                    if fresh.num_rows:
                        yield arrow_batch(fresh, places, self._header, numbers)
            except pa.ArrowInvalid:
                # Arrow's own text quotes the row, and has no line number for a stream.
                self._refuse_unclosed()
            else:
                return
        raise InputError(
            f"a row longer than {_BLOCK_BYTES[-1] >> 20} MiB",
            source=self._file.name,
            advice="Look for a quote that is opened and never closed.",
        )

    def look_again(self, numbers: Sequence[int]) -> tuple[dict[int, int], list[OddRow]]:
        """The line of each of the rows, and the rows that have not as many columns as the header.

        Notes at the end, single values after an empty line as Salesforce writes them below a
        report, are no rows.

        Args:
            numbers: places of rows, from 0; of those that the batches had.
        """
        wanted, lines, place = set(numbers), {}, 0
        odd: list[OddRow] = []
        notes: list[OddRow] | None = None
        with self._rows() as rows:
            for line, row in rows:
                values = sum(bool(value.strip()) for value in row)
                if len(row) == len(self._layout.names):
                    if place in wanted:
                        lines[place] = line
                    place += 1
                elif values:
                    one = OddRow(line, row_text(dict(_places_as_names(row))))
                    if values == 1 and notes is not None and self._may_be_note(one):
                        notes.append(one)
                        continue
                    odd.append(one)
                else:
                    notes = notes or []
                    continue
                # A row after them: so they were no notes at the end.
                odd += notes or []
                notes = None
        return lines, sorted(odd, key=lambda row: row.line)

    def _may_be_note(self, row: OddRow) -> bool:
        """Whether a single value says nobody's address, in a file where it is no row cut short."""
        return len(self._layout.names) > _FEW_COLUMNS and not _ADDRESS.search(row.raw)

    def _read(self, block_bytes: int) -> Iterator[pa.RecordBatch]:
        names = [name.strip() for name in self._layout.names]
        with self._file.open_text() as stream:
            reader = arrow_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=arrow_csv.ReadOptions(
                    # Which must not be there twice.
                    column_names=[str(position) for position in range(len(names))],
                    skip_rows_after_names=self._layout.rows_before,
                    block_size=block_bytes,
                ),
                parse_options=arrow_csv.ParseOptions(
                    newlines_in_values=True,
                    invalid_row_handler=self._count_odd,
                    **self._layout.dialect.options,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={str(position): pa.string() for position in range(len(names))},
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                yield batch.rename_columns(names)
        # A quote that never ends swallows rows without an error; a stray one may be part of a
        # value.
        if stream.quotes % 2:
            self._refuse_unclosed()

    def _count_odd(self, row: arrow_csv.InvalidRow) -> str:
        self.odd += bool(row.text.strip())
        return "skip"

    @contextmanager
    def _rows(self, *, strict: bool = False) -> Iterator[Iterator[tuple[int, list[str]]]]:
        """The rows after the header, each with the line it begins in, by a reader that counts."""
        usual_limit = csv.field_size_limit(_BLOCK_BYTES[-1])
        try:
            with self._file.open_text() as stream:
                lines = io.TextIOWrapper(cast("io.BufferedReader", stream), "utf-8", newline="")
                yield self._counted(lines, strict=strict)
        finally:
            csv.field_size_limit(usual_limit)

    def _counted(self, lines: io.TextIOWrapper, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
        rows = self._layout.dialect.reader(lines, strict=strict)
        line = 1
        try:
            for number, row in enumerate(rows):
                if number >= self._layout.rows_before:
                    yield line, row
                line = rows.line_num + 1
        except csv.Error:
            raise InputError(
                "a quote that is opened and never closed, or closed in the middle of a value",
                source=self._file.name,
                line=line,
                advice='Inside double quotes, write a double quote twice ("").',
            ) from None

    def _refuse_unclosed(self) -> None:
        with self._rows(strict=True) as rows:
            for _ in rows:
                pass

    def _find_layout(self) -> _Layout:
        with self._file.open_text() as stream:
            data = stream.read(_SAMPLE_BYTES)
            is_all = not stream.read(1)
        sample = data.decode("utf-8", errors="ignore")
        found = [self._layout_by(dialect, sample, is_all=is_all) for dialect in _USUAL]
        best = max(found, key=lambda one: one.rank)
        if not best.score or best.has_odd_rows:
            sniffed = _sniffed(sample)
            if sniffed is not None:
                other = self._layout_by(sniffed, sample, is_all=is_all)
                best = max(best, other, key=lambda one: one.rank)
        if not best.layout.names:
            raise InputError("the file is empty", source=self._file.name)
        return best.layout

    def _layout_by(self, dialect: _Dialect, sample: str, *, is_all: bool) -> _Found:
        try:
            rows: list[list[str]] = list(dialect.reader(io.StringIO(sample, newline="")))
        except csv.Error:
            return _Found(0, 0, has_odd_rows=True, layout=_Layout((), dialect, 0))
        if not is_all:
            rows = rows[:-1] or rows
        full = [(number, row) for number, row in enumerate(rows) if row]
        if not full:
            return _Found(0, 0, has_odd_rows=False, layout=_Layout((), dialect, 0))
        chosen = self._header.row_of([row for _, row in full])
        number, names = full[chosen]
        odd = any(len(row) != len(names) for _, row in full[chosen + 1 :] if "".join(row).strip())
        layout = _Layout(tuple(names), dialect, number + 1)
        score = self._header.recognised(names)
        return _Found(score, len(names), has_odd_rows=odd, layout=layout)


@dataclass(frozen=True)
class _Found:
    """What a dialect makes of a file: how many known columns, how many in all."""

    score: int
    columns: int
    has_odd_rows: bool
    layout: _Layout

    @property
    def rank(self) -> tuple[int, bool, int]:
        """The higher, the more sense it makes."""
        return self.score, not self.has_odd_rows, self.columns


def _sniffed(sample: str) -> _Dialect | None:
    """What DuckDB makes of the sample; None where it makes nothing of it."""
    with tempfile.TemporaryDirectory(prefix="amplemarket-leads-") as folder:
        file = Path(folder) / "sample.csv"
        file.write_text(sample, encoding="utf-8", newline="")
        try:
            with duckdb.connect(":memory:", config={"threads": 1}) as connection:
                rows = connection.execute(
                    "SELECT Delimiter, Quote, Escape FROM sniff_csv(?, ignore_errors = true)",
                    [str(file)],
                ).fetchall()
        except duckdb.Error:
            return None
    delimiter, quote, escape = ("" if text in ("(empty)", "\0", None) else text for text in rows[0])
    if len(delimiter) != 1 or delimiter in "\r\n":
        return None
    return _Dialect(delimiter, quote, escape)


def _places_as_names(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The values of a row that has no names for them."""
    return ((f"column {number}", value) for number, value in enumerate(row, start=1))
