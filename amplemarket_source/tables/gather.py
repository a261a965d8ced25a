"""Fewer and larger batches: what dlt spends on a batch of a table does not depend on its size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["TableBatch", "gathered"]

TableBatch = dict[str, pa.Table]
"""Rows by destination table."""

_MOST_BYTES = 16_000_000
"""Of Arrow, 10,000 people: enough that dlt's three milliseconds a table and batch do not count."""


def gathered(batches: Iterable[TableBatch], most_bytes: int = _MOST_BYTES) -> Iterator[TableBatch]:
    """The same rows, in the same order within a table, in batches of about ``most_bytes``.

    Tables of one name are put together while their columns are the same; one with other columns
    begins a new batch.

    Example::

        for batch in gathered(tables.batches(answers)):
            ...
    """
    waiting: dict[str, list[pa.Table]] = {}
    size = 0
    for batch in batches:
        changed = any(
            name in waiting and not waiting[name][0].schema.equals(rows.schema)
            for name, rows in batch.items()
        )
        if waiting and (changed or size >= most_bytes):
            yield _put_together(waiting)
            waiting, size = {}, 0
        for name, rows in batch.items():
            waiting.setdefault(name, []).append(rows)
            size += rows.nbytes
    if waiting:
        yield _put_together(waiting)


def _put_together(tables: dict[str, list[pa.Table]]) -> TableBatch:
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}
