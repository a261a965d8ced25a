"""What a destination table is made of, and how that is told to Arrow and to dlt.

How each table merges, told to dlt.

dlt's nested merge does not take Arrow tables, and a plain ``merge_key`` leaves the children of a
parent that has none any more (api-notes: dlt-nested-arrow). So child tables have a destination
scope: delete the items of every parent that the loaded rows name, then insert the loaded rows that
are items. The row of a parent without items names it and is none. ``destination_scope`` and
``source_filter`` are in dlt since 1.31 (api-notes: dlt-versions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema
from dlt.extract import DltResource

__all__ = [
    "ABOUT_PEOPLE",
    "ARROW_TYPES",
    "WHOLE_IN_A_FILE",
    "Child",
    "Column",
    "DataType",
    "Table",
    "as_dlt_knows",
    "data_type_of",
    "is_personal",
    "resource_for",
]


DataType = Literal["text", "bigint", "bool", "double", "timestamp"]

ARROW_TYPES: dict[DataType, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_DATA_TYPES: dict[pa.DataType, DataType] = {arrow: name for name, arrow in ARROW_TYPES.items()}


def data_type_of(arrow_type: pa.DataType) -> DataType:
    """The name dlt has for an Arrow type this package writes; ``KeyError`` for any other."""
    return _DATA_TYPES[arrow_type]


@dataclass(frozen=True)
class Column:
    """One declared column.

    Attributes:
        personal: the value says something about a person: annotated ``x-annotation-pii``.
        own: written by this package; a field of the API with that name is an undocumented one.
    """

    name: str
    data_type: DataType = "text"
    description: str = ""
    nullable: bool = True
    personal: bool = False
    own: bool = False

    @property
    def arrow_field(self) -> pa.Field:
        return pa.field(self.name, ARROW_TYPES[self.data_type], nullable=self.nullable)

    @property
    def hint(self) -> TColumnSchema:
        hint: dict[str, Any] = {
            "name": self.name,
            "data_type": self.data_type,
            "nullable": self.nullable,
        }
        if self.data_type == "timestamp":
            hint["timezone"] = True
        if self.description:
            hint["description"] = self.description
        if self.personal:
            hint["x-annotation-pii"] = True
        return hint  # type: ignore[return-value]


@dataclass(frozen=True)
class Child:
    """How a child table hangs on its parent.

    Attributes:
        parent: the parent's table.
        key: the column that carries the parent's natural key.
        path: where the list or map stands in the parent's JSON object.
        form: ``items`` a list of objects, ``values`` a list of scalars (column ``value``),
            ``labels`` a map with open keys (columns ``label`` and ``headcount``).
    """

    parent: str
    key: str
    path: str
    form: Literal["items", "values", "labels"]


@dataclass(frozen=True)
class Table:
    """One destination table.

    Attributes:
        key: the columns of the natural key.
        open: undocumented fields that arrive become further columns.
        from_api: its columns are fields of the API's JSON, but for those that are ``own``.
        about_people: undocumented fields may say something of a person, and are annotated so.
        child: set for the tables of nested lists and maps.
        references: ``(columns, table, columns)`` of the foreign key, if it has one.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    open: bool = False
    from_api: bool = False
    about_people: bool = False
    child: Child | None = None
    references: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([column.arrow_field for column in self.columns])

    @property
    def hints(self) -> dict[str, TColumnSchema]:
        return {column.name: column.hint for column in self.columns}

    def column(self, name: str) -> Column | None:
        """The declared column called ``name``, if there is one."""
        return next((column for column in self.columns if column.name == name), None)


WHOLE_IN_A_FILE = "x-whole-in-a-file"
"""A table hint, the columns of a key or of the parent's: each file of a load has one row for a key,
or every item of a parent, and no file of the load has that key or parent again. So files can be
merged one by one, in any order (`amplemarket_source.destination`)."""


ABOUT_PEOPLE = "x-about-people"
"""A table hint: rows say something about a person, also where no column does so by itself."""


def is_personal(table: Mapping[str, Any]) -> bool:
    """Whether a table, as dlt knows it, has rows that an erasure may have to reach."""
    columns = table["columns"].values()
    return bool(table.get(ABOUT_PEOPLE)) or any(c.get("x-annotation-pii") for c in columns)


def resource_for(
    table: Table,
    rows: Iterable[Any] | Callable[[], Iterator[Any]],
    also: Iterable[Table] = (),
) -> DltResource:
    """A dlt resource that yields ``rows`` under the table's name and hints.

    Args:
        rows: Arrow tables, or a generator function that dlt calls when it extracts.
        also: further tables whose rows it may yield, marked ``with_table_name``.
    """
    resource = dlt.resource(rows if callable(rows) else iter(rows), name=table.name)
    for other in also:
        if other is not table:
            # Before the table's own hints, which a variant would otherwise inherit.
            resource.apply_hints(table_name=other.name, create_table_variant=True, **_hints(other))
    return resource.apply_hints(**_hints(table))


def as_dlt_knows(table: Table) -> Any:
    """The table with its hints, as a dlt schema has it."""
    return resource_for(table, ()).compute_table_schema()


def _hints(table: Table) -> dict[str, Any]:
    compared = [table.child.key] if table.child else list(table.key)
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
        # The tables hold the user's own (`amplemarket_source.schema.registry`).
        "schema_contract": "evolve",
        # DuckDB's default, INSERT statements, takes six times the memory and four times the time
        # (api-notes: dlt-file-format).
        "file_format": "parquet",
        "additional_table_hints": {
            WHOLE_IN_A_FILE: compared,
            **({ABOUT_PEOPLE: True} if table.about_people else {}),
            "description": table.description,
            "x-bigquery-table-description": table.description,
            # BigQuery reads whole tables in a merge unless they are clustered by what it compares
            # (api-notes: bigquery-clustering).
            "x-bigquery-cluster-columns": compared,
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
