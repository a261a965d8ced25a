"""The first sheet of an Excel workbook to batches of text."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as compute

from amplemarket_source.errors import InputError, how_to_install
from amplemarket_source.headers import Header
from amplemarket_source.leads.batches import LeadBatch, arrow_batch
from amplemarket_source.leads.files import FileSource

__all__ = ["excel_batches"]

_ROWS = 1 << 14
_SAMPLE_ROWS = 100


def excel_batches(file: FileSource, header: Header) -> Iterator[LeadBatch]:
    """The rows of the first sheet, in order; their numbers are the sheet's.

    Numbers, dates and truths become the text that Excel would show without a format. Empty rows
    do not count, and some rows of notes may stand before the header.

    Raises:
        InputError: it is not a workbook, or no usable column; the reader is not installed.
    """
    try:
        fastexcel: Any = importlib.import_module("fastexcel")
    except ImportError:
        raise InputError(
            "the reader of Excel files is not installed",
            source=file.name,
            advice=how_to_install("dlt-source-amplemarket[excel]"),
        ) from None
    with file.open() as stream:
        data = stream.read()
    try:
        # Every row is data, empty ones too: so a row's place is its number.
        sheet = fastexcel.read_excel(data).load_sheet(
            0, header_row=None, skip_rows=0, dtypes="string"
        )
        table = pa.table(sheet)
    except fastexcel.FastExcelError:
        raise InputError(
            "not an Excel workbook (.xlsx), or a damaged one", source=file.name
        ) from None
    del data
    # No text in Arrow's larger form.
    table = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    start = list(_rows(table.slice(0, _SAMPLE_ROWS)))
    full = [(place, row) for place, row in enumerate(start) if any(row)]
    if not full:
        raise InputError("the first sheet is empty", source=file.name)
    place, names = full[header.row_of([row for _, row in full])]
    places = header.columns_at(names)
    header.check()
    numbered = table.rename_columns([name.strip() for name in names]).slice(place + 1)
    first = place + 2
    for batch in numbered.to_batches(_ROWS):
        is_given = _has_value(batch)
        numbers = [first + at for at, given in enumerate(is_given.to_pylist()) if given]
        first += batch.num_rows
        if numbers:
            yield arrow_batch(batch.filter(is_given), places, header, numbers)


def _rows(table: pa.Table) -> Iterator[list[str]]:
    columns = [column.to_pylist() for column in table.columns]
    return ([value or "" for value in row] for row in zip(*columns, strict=True))


def _has_value(batch: pa.RecordBatch) -> pa.Array:
    given = pa.repeat(False, batch.num_rows)
    for column in batch.columns:
        has = compute.fill_null(compute.not_equal(compute.utf8_trim_whitespace(column), ""), False)
        given = compute.or_(given, has)
    return given
