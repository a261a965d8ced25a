"""How each table merges, told to dlt.

dlt's nested merge does not take Arrow tables, and a plain ``merge_key`` leaves the children of a
parent that has none any more (api-notes: dlt-nested-arrow). So child tables have a destination
scope: delete the items of every parent that the loaded rows name, then insert the loaded rows that
are items. The row of a parent without items names it and is none. ``destination_scope`` and
``source_filter`` are in dlt since 1.31 (api-notes: dlt-versions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.extract import DltResource

from amplemarket_source.schema.table import Column, Table

__all__ = ["WHOLE_IN_A_FILE", "resource_for", "transformer_for"]

WHOLE_IN_A_FILE = "x-whole-in-a-file"
"""A table hint: each file of a load has one row for a key, or every item of a parent, and no file
of the load has that key or parent again. So files can be merged one by one, in any order
(`amplemarket_source.destination`)."""


def resource_for(table: Table, rows: Iterable[pa.Table]) -> DltResource:
    """A dlt resource that yields ``rows`` under the table's name and hints."""
    return dlt.resource(iter(rows), name=table.name).apply_hints(**_hints(table))


def transformer_for(
    table: Table,
    pick: Callable[[Any], Any],
    data_from: DltResource,
    carried: Iterable[Table] = (),
) -> DltResource:
    """A dlt transformer that takes rows out of each item of ``data_from``.

    Args:
        table: names the resource; rows without a mark go into it.
        carried: further tables that ``pick`` may yield rows of, marked ``with_table_name``.
    """
    resource = dlt.transformer(pick, data_from=data_from, name=table.name)
    for other in carried:
        # Before the table's own hints, which a variant would otherwise inherit.
        resource.apply_hints(table_name=other.name, create_table_variant=True, **_hints(other))
    return resource.apply_hints(**_hints(table))


def _hints(table: Table) -> dict[str, Any]:
    return {
        "columns": {column.name: _column(column) for column in table.columns},
        "primary_key": list(table.key),
        "write_disposition": _merge(table),
        "references": [
            {
                "columns": list(columns),
                "referenced_table": other,
                "referenced_columns": list(theirs),
            }
            for columns, other, theirs in table.references
        ],
        # The tables hold the user's own (`amplemarket_source.schema.contract`).
        "schema_contract": "evolve",
        # DuckDB's default, INSERT statements, takes six times the memory and four times the time
        # (api-notes: dlt-file-format).
        "file_format": "parquet",
        "additional_table_hints": {
            WHOLE_IN_A_FILE: True,
            "description": table.description,
            "x-bigquery-table-description": table.description,
            # BigQuery reads whole tables in a merge unless they are clustered by what it compares
            # (api-notes: bigquery-clustering).
            "x-bigquery-cluster-columns": [table.child.key] if table.child else list(table.key),
        },
    }


def _column(column: Column) -> TColumnSchema:
    """The hint; that a value is personal is also said where a warehouse shows it."""
    hint = column.hint
    if column.personal:
        hint["description"] = f"{column.description} (personal data)".strip()
    return hint


def _merge(table: Table) -> dict[str, Any]:
    # Rows come with one row for each key. dlt is left to look for doubles all the same: a load that
    # was killed half-way is run again into staging tables that still hold its first half
    # (api-notes: dlt-staging).
    merge: dict[str, Any] = {"disposition": "merge", "strategy": "delete-insert"}
    if table.child is not None:
        key = table.child.key
        merge["destination_scope"] = f"{key} IN (SELECT {key} FROM {{staging_table}})"
        merge["source_filter"] = "_dlt_list_idx >= 0"
    return merge
