"""Every input that the README lists (Input), as one stream of batches of text."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from dlt.destinations.exceptions import DatabaseException

from amplemarket_source.errors import InputError
from amplemarket_source.headers import ColumnMap, Header
from amplemarket_source.kinds import Kind
from amplemarket_source.leads.batches import (
    LeadBatch,
    arrow_batches,
    is_arrow,
    parquet_batches,
    row_batches,
)
from amplemarket_source.leads.csv_files import CsvFile, OddRow
from amplemarket_source.leads.databases import DestinationLeads, QueryLeads, refused
from amplemarket_source.leads.excel_files import excel_batches
from amplemarket_source.leads.files import FileSource, find_file
from amplemarket_source.leads.json_files import json_batches, jsonl_batches
from amplemarket_source.leads.lead_lists import LeadList

__all__ = ["LeadStream", "LeadsInput", "read_leads"]

_RELATION_ROWS = 1 << 14

LeadsInput: TypeAlias = Any
"""A path or URL (``-`` is standard input), an iterable of mappings, anything Arrow, a dlt resource
or relation, or what :func:`~amplemarket_source.leads.databases.query_leads` or
:func:`~amplemarket_source.leads.lead_lists.lead_list` gives."""


class LeadStream:
    """The rows of one input, once.

    Attributes:
        header: which columns are read and, complete when the rows are through, which are not.
    """

    def __init__(
        self,
        header: Header,
        batches: Iterator[LeadBatch],
        *,
        may_be_empty: bool = False,
        csv_file: CsvFile | None = None,
    ) -> None:
        self.header = header
        self._batches = batches
        self._may_be_empty = may_be_empty
        self._csv_file = csv_file

    def __iter__(self) -> Iterator[LeadBatch]:
        """Batches in the order of the input.

        Raises:
            InputError: the input cannot be read to its end, has no row, or no usable column.
        """
        rows = 0
        for batch in self._batches:
            rows += batch.table.num_rows
            yield batch
        if not rows:
            if self._may_be_empty:
                return
            raise InputError("there are no leads in it", source=self.header.source)
        self.header.check()

    def look_again(self, numbers: Sequence[int]) -> tuple[dict[int, int], list[OddRow]]:
        """After the batches: the lines of some rows, and the rows that no batch had.

        Args:
            numbers: of rows, as their batches have them.
        """
        if self._csv_file is None:
            return {number: number for number in numbers}, []
        if not numbers and not self._csv_file.odd:
            return {}, []
        return self._csv_file.look_again(numbers)


def read_leads(
    source: LeadsInput, kind: Kind, said: ColumnMap | None = None, encoding: str | None = None
) -> LeadStream:
    """Open an input; reading happens when the stream is iterated.

    Args:
        source: any input that the README lists (Input).
        kind: which columns are meant.
        said: what the user says of the columns.
        encoding: of a file of text; UTF-8, or what a mark at its start says.

    Raises:
        InputError: it is no input at all, or a file whose suffix says nothing.

    Example::

        >>> stream = read_leads([{"Email": "jane@acme.example", "shoe size": 38}], PEOPLE)
        >>> [batch.table.num_rows for batch in stream], stream.header.ignored
        ([1], ('shoe size',))
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(find_file(source, encoding), kind, said)
    if isinstance(source, (QueryLeads, DestinationLeads, LeadList)):
        header = Header(kind, source.source_name, said)
        return LeadStream(header, row_batches(source, header), may_be_empty=True)
    header = Header(kind, kind.payload_key, said)
    if hasattr(source, "iter_arrow"):
        rows = row_batches(_of_relation(source), header)
        return LeadStream(header, rows, may_be_empty=True)
    if is_arrow(source):
        return LeadStream(header, arrow_batches(source, header))
    if isinstance(source, Iterable) and not isinstance(source, (Mapping, bytes, bytearray)):
        return LeadStream(header, row_batches(source, header))
    raise InputError(
        f"{type(source).__name__} is not a list of leads",
        source=header.source,
        advice="Give a path, a list of mappings, an Arrow table, or a dlt resource.",
    )


def _read_file(file: FileSource, kind: Kind, said: ColumnMap | None) -> LeadStream:
    header = Header(kind, file.name, said)
    if file.format == "csv":
        rows = CsvFile(file, header)
        return LeadStream(header, rows.batches(), csv_file=rows)
    readers = {
        "jsonl": jsonl_batches,
        "json": json_batches,
        "parquet": parquet_batches,
        "excel": excel_batches,
    }
    return LeadStream(header, readers[file.format](file, header))


def _of_relation(relation: Any) -> Iterator[Any]:
    try:
        yield from relation.iter_arrow(_RELATION_ROWS)
    except DatabaseException as error:
        raise refused("relation", error) from None
