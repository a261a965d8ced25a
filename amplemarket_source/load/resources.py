"""The dlt resources: one for each table, all fed by one pass over the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from amplemarket_source.tables.columns import Table
from amplemarket_source.tables.contract import BOOKKEEPING, TABLES
from amplemarket_source.tables.gather import TableBatch
from amplemarket_source.tables.memory import ColumnMemory
from amplemarket_source.tables.merge import transformer_for
from amplemarket_source.tables.personal import annotate_new
from amplemarket_source.tables.schema_contract import SchemaContract

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
        schema = dlt.current.source_schema()
        memory = ColumnMemory.of(schema, SchemaContract.taken_from(dlt.current.source()))
        # The first load makes every table, also those that stay empty.
        yield {table.name: table.arrow_schema.empty_table() for table in TABLES.values()}
        for batch in read(memory, dlt.current.load_package_state()["load_id"]):
            annotate_new(schema, memory)
            yield batch

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


def _picker(name: str) -> Callable[[TableBatch], Any]:
    """Takes a table's rows out of a batch; the first table's also takes what is carried along."""

    def pick(batch: TableBatch) -> Any:
        selected = [n for n in dlt.current.source().selected_resources if n in TABLES]
        carried = [t for t in BOOKKEEPING if t.name not in selected and t.name in batch]
        if name != selected[0] or not carried:
            return batch.get(name)
        return _with_carried(batch, name, carried)

    return pick


def _with_carried(batch: TableBatch, name: str, carried: list[Table]) -> Iterator[Any]:
    if name in batch:
        yield batch[name]
    for table in carried:
        yield dlt.mark.with_table_name(batch[table.name], table.name)
