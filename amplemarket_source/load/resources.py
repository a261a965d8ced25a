"""The dlt resources: one for each table, all fed by one pass over the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from amplemarket_source.tables.answers import TableBatch
from amplemarket_source.tables.contract import BOOKKEEPING, TABLES
from amplemarket_source.tables.memory import ColumnMemory
from amplemarket_source.tables.merge import transformer_for

__all__ = ["resources"]

ReadAnswers = Callable[[ColumnMemory, str], Iterator[TableBatch]]
"""Gives the batches of one load, from the columns known by now and the load's id."""


def resources(read: ReadAnswers) -> list[DltResource]:
    """Resources for all tables.

    The record of what was bought (`BOOKKEEPING`) is loaded whatever resources a user selects:
    without it the next run would not know what has been paid for. It then travels with the first
    selected resource.
    """

    @dlt.resource(name="answers", selected=False)
    def answers() -> Iterator[TableBatch]:
        memory = ColumnMemory.of(dlt.current.source_schema())
        # The first load makes every table, also those that stay empty.
        yield {table.name: table.arrow_schema.empty_table() for table in TABLES.values()}
        yield from read(memory, dlt.current.load_package_state()["load_id"])

    source = answers()
    return [source] + [
        transformer_for(
            table,
            _picker(table.name),
            source,
            carried=[t for t in BOOKKEEPING if t is not table],
        )
        for table in TABLES.values()
    ]


def _picker(name: str) -> Callable[[TableBatch], Iterator[Any]]:
    def pick(batch: TableBatch) -> Iterator[Any]:
        if name in batch:
            yield batch[name]
        selected = [n for n in dlt.current.source().selected_resources if n in TABLES]
        if name == selected[0]:
            for table in BOOKKEEPING:
                if table.name not in selected and table.name in batch:
                    yield dlt.mark.with_table_name(batch[table.name], table.name)

    return pick
