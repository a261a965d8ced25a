"""The workspace as dlt resources: one for each stream, which one pass fills.

What is selected is what is read. The first selected resource yields the rows of all of them, each
marked with its table's name, because tasks are read by users and contacts by tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dlt
from dlt.extract import DltResource, DltSource

from amplemarket_source.errors import UsageError
from amplemarket_source.load.guard import refuse_changed_hints, refuse_outside_a_load
from amplemarket_source.load.resources import Lacking, ReadTables, marked_rows
from amplemarket_source.schema.registry import ColumnRegistry, SchemaContract
from amplemarket_source.schema.table import Table, resource_for
from amplemarket_source.streams.catalog import BOOKKEEPING, STREAMS, Stream

__all__ = ["selected_streams", "stream_resources", "tables_of"]


def stream_resources(
    read: ReadTables, lacking: Lacking, contract: Callable[[], Any]
) -> list[DltResource]:
    """A resource for each stream; those that are not read by default are not selected.

    Args:
        contract: the setting ``schema_contract``; None where dlt's own is to be kept to.
    """
    made = [_resource(stream, read, lacking, contract) for stream in STREAMS.values()]
    for resource, stream in zip(made, STREAMS.values(), strict=True):
        resource.selected = stream.by_default
    return made


def selected_streams(source: DltSource) -> list[Stream]:
    """The streams that are selected in a source, in the order in which they are read."""
    return [stream for stream in STREAMS.values() if stream.name in source.selected_resources]


def tables_of(streams: Sequence[Stream]) -> list[Table]:
    """The tables that are there once the streams are loaded."""
    return [*(table for stream in streams for table in stream.tables), *BOOKKEEPING]


def _resource(
    stream: Stream, read: ReadTables, lacking: Lacking, contract: Callable[[], Any]
) -> DltResource:
    def rows() -> Iterator[Any]:
        refuse_outside_a_load(stream.name, "workspace", "read lists and keep nothing")
        source, schema = dlt.current.source(), dlt.current.source_schema()
        selected = selected_streams(source)
        if not selected:
            raise UsageError(
                "The streams of workspace(...) are loaded under their own names: select them with "
                "with_resources(...), and hand them on to no other resource."
            )
        if stream.name != selected[0].name:
            return
        for one in selected:
            refuse_changed_hints(source.resources[one.name], resource_for(one.table, ()))
        told = SchemaContract.taken_from(source)
        given = contract()
        registry = ColumnRegistry.of(
            schema,
            told if given is None else SchemaContract.of(given),
            [*(table for one in STREAMS.values() for table in one.tables), *BOOKKEEPING],
        )
        yield from marked_rows(stream.name, schema, registry, tables_of(selected), lacking, read)

    others = [t for one in STREAMS.values() for t in one.tables if t.name != stream.name]
    return resource_for(stream.table, rows, also=[*others, *BOOKKEEPING])
