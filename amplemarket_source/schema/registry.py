"""What columns the tables have by now: declared, loaded earlier, or met in this run.

The destination's schema is the registry. A column keeps the type of the first values that arrive,
from page to page and from run to run, so no column ever has a variant:

=========================  ====================================================================
first, then                the second
=========================  ====================================================================
null, then anything        decides the type: nulls make no column
integer, then 1.5          null, 1.5 in ``rejects``; 2.0 is 2
integer, then text         null, the text in ``rejects``; ``"2"`` is 2
text, then a number        as text
float, then integer        as float, while it is exact
scalar, then object        columns of its own, ``field__key``; the scalar's column stays
object, then scalar        a column of its own, ``field``, beside ``field__key``
list, then scalar          as text, beside the JSON text of the lists
text, then list            its JSON text
integer, then list         null, the list in ``rejects``
=========================  ====================================================================

Columns' names do not depend on any order (`amplemarket_source.schema.naming`); where one field
comes with two types, the type does, and what does not fit is in ``rejects``.

New columns that may hold what nobody wants to see: annotated before anyone has looked.

Nobody knows what an undocumented field of a person holds, nor one of a row that answers a lead.
So its column says ``x-annotation-pii`` in the schema like the documented ones that are personal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from dlt.common.schema import Schema

from amplemarket_source.schema.contract import SchemaContract
from amplemarket_source.schema.naming import Field, field_at
from amplemarket_source.schema.shapes import Path
from amplemarket_source.schema.table import ARROW_TYPES, Column, DataType, Table
from amplemarket_source.schema.tables import ENRICHMENT_RESULTS, PEOPLE_TABLES, TABLES

__all__ = ["MOST_COLUMNS", "ColumnRegistry", "annotate_new"]

MOST_COLUMNS = 1000
"""A table with more takes no new ones: a map whose keys are data must not break the destination.
SQL Server ends at 1,024 columns, PostgreSQL at 1,600 (api-notes: column-limits)."""

_REFUSED = "in rejects"


class ColumnRegistry:
    """The columns of every table, and the names that fields get.

    Args:
        loaded: types of columns that earlier runs have loaded, by table and column.

    Attributes:
        contract: whether new fields become columns.
        new_fields: columns met for the first time, ``table.column``, with their type; ``in
            rejects`` for fields that the contract keeps from becoming one.
    """

    def __init__(
        self,
        loaded: Mapping[str, Mapping[str, DataType]] | None = None,
        contract: SchemaContract = SchemaContract(),  # noqa: B008 - frozen
    ) -> None:
        self.contract = contract
        self._columns: dict[str, dict[str, DataType]] = {}
        self._fields: dict[tuple[str, Path], Field] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self.new_fields: dict[str, str] = {}
        for table in TABLES.values():
            declared = {column.name: column.data_type for column in table.columns}
            # Declared ones keep the declared type, whatever has become of them elsewhere.
            self._columns[table.name] = declared | {
                name: known
                for name, known in (loaded or {}).get(table.name, {}).items()
                if name not in declared
            }

    @classmethod
    def of(
        cls,
        schema: Schema,
        contract: SchemaContract = SchemaContract(),  # noqa: B008 - frozen
    ) -> ColumnRegistry:
        """The registry that a dlt schema holds, as restored from the destination."""
        return cls(
            {
                name: {
                    column: hints["data_type"]  # type: ignore[misc]
                    for column, hints in table.get("columns", {}).items()
                    if hints.get("data_type") in ARROW_TYPES
                }
                for name, table in schema.tables.items()
            },
            contract,
        )

    def field(self, table: Table, path: Path) -> Field:
        """What the field at ``path`` is; see `amplemarket_source.schema.naming`."""
        known = self._fields.get((table.name, path))
        if known is None:
            known = self._fields[(table.name, path)] = field_at(table, path)
        return known

    def type_of(self, table: Table, name: str) -> DataType | None:
        """The type the column has, or None while it has none."""
        return self._columns[table.name].get(name)

    def room(self, table: Table) -> int:
        """How many new columns the table takes; none where the contract takes none."""
        if not self.contract.takes_new:
            return 0
        return MOST_COLUMNS - len(self._columns[table.name])

    def learn(self, table: Table, name: str, data_type: DataType) -> None:
        """Give a new column its type, for ever."""
        self._columns[table.name][name] = data_type
        self._schemas.pop(table.name, None)
        self.new_fields[f"{table.name}.{name}"] = data_type

    def refuse(self, table: Table, name: str) -> None:
        """Note that a field has come for which there is no column and will be none."""
        self.new_fields[f"{table.name}.{name}"] = _REFUSED

    def learnt(self, table: Table) -> dict[str, DataType]:
        """The columns of the table that were met for the first time."""
        columns = self._columns[table.name].items()
        return {name: known for name, known in columns if f"{table.name}.{name}" in self.new_fields}

    @property
    def refused(self) -> list[str]:
        """The fields that were refused, ``table.column``."""
        return sorted(name for name, what in self.new_fields.items() if what == _REFUSED)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What is learnt inside is forgotten where the block fails."""
        columns = {name: dict(known) for name, known in self._columns.items()}
        new_fields = dict(self.new_fields)
        try:
            yield
        except BaseException:
            self._columns, self.new_fields, self._schemas = columns, new_fields, {}
            raise

    def schema(self, table: Table) -> pa.Schema:
        """Every column the table has by now, the declared ones first."""
        known = self._schemas.get(table.name)
        if known is None:
            declared = table.arrow_schema
            types = self._columns[table.name].items()
            further = [
                pa.field(name, ARROW_TYPES[data_type])
                for name, data_type in types
                if name not in declared.names
            ]
            known = self._schemas[table.name] = pa.schema([*declared, *further])
        return known


def annotate_new(schema: Schema, registry: ColumnRegistry) -> None:
    """Put the columns that ``memory`` has learnt about people into ``schema``, as personal ones.

    To be called before rows with these columns are handed to dlt, which then only adds to them.
    """
    for table in (*PEOPLE_TABLES, ENRICHMENT_RESULTS):
        learnt = registry.learnt(table)
        if learnt:
            hints = {
                name: Column(name, data_type, personal=True).hint
                for name, data_type in learnt.items()
            }
            schema.update_table({"name": table.name, "columns": hints})
