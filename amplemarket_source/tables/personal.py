"""New columns that may hold what nobody wants to see: annotated before anyone has looked.

Nobody knows what an undocumented field of a person holds, nor one of a row that answers a lead.
So its column says ``x-annotation-pii`` in the schema like the documented ones that are personal.
"""

from __future__ import annotations

from dlt.common.schema import Schema

from amplemarket_source.tables.columns import Column
from amplemarket_source.tables.contract import ENRICHMENT_RESULTS, PEOPLE_TABLES
from amplemarket_source.tables.memory import ColumnMemory

__all__ = ["annotate_new"]


def annotate_new(schema: Schema, memory: ColumnMemory) -> None:
    """Put the columns that ``memory`` has learnt about people into ``schema``, as personal ones.

    To be called before rows with these columns are handed to dlt, which then only adds to them.
    """
    for table in (*PEOPLE_TABLES, ENRICHMENT_RESULTS):
        learnt = memory.learnt(table)
        if learnt:
            hints = {
                name: Column(name, data_type, personal=True).hint
                for name, data_type in learnt.items()
            }
            schema.update_table({"name": table.name, "columns": hints})
