"""Fewer and larger batches: what dlt spends on a batch of a table does not depend on its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

__all__ = ["TableBatch", "gathered"]

TableBatch = dict[str, pa.Table]
"""Rows by destination table."""

_MOST_BYTES = 8_000_000
"""Of Arrow, in one table: enough that dlt's three milliseconds for each batch do not count."""


def gathered(batches: Iterable[TableBatch], most_bytes: int = _MOST_BYTES) -> Iterator[TableBatch]:
    """The same rows, in the same order within a table, with about ``most_bytes`` of a table.

    Each batch is of one table: as soon as there is enough of it or its columns change, and what is
    left at the end.

    Example::

        for batch in gathered(tables.batches(answers)):
            ...
    """
    waiting: dict[str, list[pa.Table]] = {}
    sizes: Counter[str] = Counter()
    for batch in batches:
        for name, rows in batch.items():
            parts = waiting.setdefault(name, [])
            if parts and (sizes[name] >= most_bytes or not parts[0].schema.equals(rows.schema)):
                yield {name: pa.concat_tables(parts)}
                parts.clear()
                sizes[name] = 0
            parts.append(rows)
            sizes[name] += rows.nbytes
    while waiting:
        # One by one, so that the caller need not hold what is left of all of them.
        name, parts = waiting.popitem()
        if parts:
            yield {name: pa.concat_tables(parts)}
