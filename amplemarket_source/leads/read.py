"""Every input that the README lists (Input), as one stream of text batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from amplemarket_source.errors import InputError
from amplemarket_source.leads.arrow import arrow_batches, is_arrow, parquet_batches, row_batches
from amplemarket_source.leads.columns import Header
from amplemarket_source.leads.csv_file import csv_batches
from amplemarket_source.leads.files import find_file
from amplemarket_source.leads.jsonl_file import jsonl_batches
from amplemarket_source.leads.query import QueryLeads
from amplemarket_source.model import Kind

__all__ = ["LeadStream", "LeadsInput", "read_leads"]

_RELATION_ROWS = 1 << 14

LeadsInput: TypeAlias = Any
"""A path or URL (``-`` is standard input), an iterable of mappings, anything Arrow, a dlt resource
or relation, or what :func:`~amplemarket_source.leads.query.query_leads` gives."""


class LeadStream:
    """The rows of one input, once.

    Attributes:
        header: which columns are read and, complete when the rows are through, which are not.
    """

    def __init__(self, header: Header, batches: Iterator[pa.RecordBatch]) -> None:
        self.header = header
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches of ``header.schema``, in the order of the input.

        Raises:
            InputError: the input cannot be read to its end, has no row, or no usable column.
        """
        rows = 0
        for batch in self._batches:
            rows += batch.num_rows
            yield batch
        if not rows:
            raise InputError("there are no leads in it", source=self.header.source)
        self.header.check()


def read_leads(source: LeadsInput, kind: Kind) -> LeadStream:
    """Open an input; reading happens when the stream is iterated.

    Args:
        source: any input that the README lists (Input).
        kind: which columns are meant.

    Raises:
        InputError: it is no input at all, or a file whose suffix says nothing.

    Example::

        >>> stream = read_leads([{"Email": "jane@acme.example", "shoe size": 38}], PEOPLE)
        >>> [batch.num_rows for batch in stream], stream.header.ignored
        ([1], ('shoe size',))
    """
    if isinstance(source, (str, os.PathLike)):
        file = find_file(source)
        header = Header(kind, file.name)
        readers = {"csv": csv_batches, "jsonl": jsonl_batches, "parquet": parquet_batches}
        return LeadStream(header, readers[file.format](file, header))
    if isinstance(source, QueryLeads):
        header = Header(kind, source.source_name)
        return LeadStream(header, row_batches(source, header))
    header = Header(kind, kind.payload_key)
    if hasattr(source, "iter_arrow"):
        return LeadStream(header, row_batches(source.iter_arrow(_RELATION_ROWS), header))
    if is_arrow(source):
        return LeadStream(header, arrow_batches(source, header))
    if isinstance(source, Iterable) and not isinstance(source, (Mapping, bytes, bytearray)):
        return LeadStream(header, row_batches(source, header))
    raise InputError(
        f"{type(source).__name__} is not a list of leads",
        source=header.source,
        advice="Give a path, a list of mappings, an Arrow table, or a dlt resource.",
    )
