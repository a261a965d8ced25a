"""What a destination table is made of, and how that is told to Arrow and to dlt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

__all__ = ["ARROW_TYPES", "Child", "Column", "DataType", "Table", "data_type_of"]

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
    """

    name: str
    data_type: DataType = "text"
    description: str = ""
    nullable: bool = True
    personal: bool = False

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
        child: set for the tables of nested lists and maps.
        references: ``(columns, table, columns)`` of the foreign key, if it has one.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    open: bool = False
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
