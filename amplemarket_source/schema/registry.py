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

Columns' names do not depend on any order (`amplemarket_source.schema.fields`); where one field
comes with two types, the type does, and what does not fit is in ``rejects``.

New columns that may hold what nobody wants to see: annotated before anyone has looked.

Nobody knows what an undocumented field of a person holds, nor one of a row that answers a lead.
So its column says ``x-annotation-pii`` in the schema like the documented ones that are personal.

What to do with fields that no column was made for yet: dlt's modes, without dlt's losses.

dlt's own contracts look at a load that is already extracted. ``freeze`` then fails it, and every
later run on the same answer, and the ``discard`` modes drop what was paid for without a word
(api-notes: dlt-contracts). So the tables decide themselves, field by field as the answers are read,
and dlt is handed tables that evolve (`amplemarket_source.schema.table`):

=================  ============================================================================
``columns``        a field without a column
=================  ============================================================================
``evolve``         gets one
``discard_value``  its value is in ``rejects`` (stage ``field``)
``discard_row``    the person or company that has it is in ``rejects`` whole (stage ``result``),
                   and a person's company alone where only that has it; the lead's outcome is
                   recorded, so nothing is bought again. A field beside the person, of the row
                   itself, is in ``rejects`` alone
``freeze``         as ``discard_value``, and ``amplemarket run`` ends with exit code 6
=================  ============================================================================

Every mode holds from the first load on; whoever wants to keep the columns of today and no others
lets a first run evolve. The fields of experiences, educations, languages and locations are not
documented, so without such a run they have no columns at all. Whatever the mode, fields that were
refused are named in the run's summary.

The other two entities of a contract have nothing to decide. ``tables``: the tables are those of
the contract, all of them from the first load on. ``data_type``: no column ever changes its type; a
value is changed where it stays the same, and in ``rejects`` otherwise
(`amplemarket_source.transform.values`).

Where the contract comes from: the setting ``schema_contract``, and where that is not given what
dlt was told, by ``pipeline.run(amplemarket(...), schema_contract=...)`` or by a hint on a resource.
A hint on one of them counts for all tables. In a plain ``pipeline.run`` no mode can end the run
with an error, because a load that has ended cannot be followed by one, and one that has not would
be lost; so ``freeze`` is logged as an error there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import pyarrow as pa
from dlt.common.schema import Schema
from dlt.extract import DltSource

from amplemarket_source.errors import SettingsError
from amplemarket_source.schema.fields import Field, Path, field_at
from amplemarket_source.schema.table import ARROW_TYPES, Column, DataType, Table
from amplemarket_source.schema.tables import TABLES

__all__ = ["MOST_COLUMNS", "ColumnRegistry", "Limits", "SchemaContract", "annotate_new"]


_Mode = Literal["evolve", "discard_value", "discard_row", "freeze"]
_ENTITIES = ("tables", "columns", "data_type")


@dataclass(frozen=True)
class SchemaContract:
    """The mode for new columns.

    Example:
        >>> SchemaContract.of({"columns": "freeze", "data_type": "evolve"}).columns
        'freeze'
    """

    columns: _Mode = "evolve"

    @classmethod
    def of(cls, given: Any) -> SchemaContract:
        """From dlt's spellings: one mode, or a mapping of entity to mode; None evolves.

        Raises:
            SettingsError: there is no such mode or entity.
        """
        modes: Mapping[Any, Any] = given if isinstance(given, Mapping) else {"columns": given}
        for entity, mode in modes.items():
            if entity not in _ENTITIES or mode not in (None, *get_args(_Mode)):
                raise SettingsError(
                    "sources.amplemarket.schema_contract: must be one of "
                    f"{', '.join(get_args(_Mode))}, or a table of {', '.join(_ENTITIES)} to these."
                )
        return cls(cast("_Mode", modes.get("columns") or "evolve"))

    @classmethod
    def taken_from(cls, source: DltSource) -> SchemaContract:
        """What dlt was told for a source that is being extracted; from now on dlt evolves.

        The first that does not evolve, of the source's own and its resources'.
        """
        told: list[Any] = [source.schema_contract]
        for resource in source.resources.values():
            told.append(resource.schema_contract)
            resource.apply_hints(schema_contract="evolve")
        contracts = [cls.of(given) for given in told if not callable(given)]
        return next((one for one in contracts if not one.takes_new), cls())

    @property
    def takes_new(self) -> bool:
        """Whether new fields become columns."""
        return self.columns == "evolve"

    @property
    def discards_rows(self) -> bool:
        """Whether one new field is reason enough to reject whom it belongs to."""
        return self.columns == "discard_row"

    @property
    def is_frozen(self) -> bool:
        """Whether a new field is an error."""
        return self.columns == "freeze"


MOST_COLUMNS = 1000
"""A table with more takes no new ones: a map whose keys are data must not break the destination.
SQL Server ends at 1,024 columns, PostgreSQL at 1,600 (api-notes: column-limits)."""


@dataclass(frozen=True)
class Limits:
    """What a table of the destination can hold; the rest is in ``rejects``.

    Attributes:
        columns: a table with that many takes no new ones.
        text_bytes: of one value.
    """

    columns: int = MOST_COLUMNS
    text_bytes: int = 1 << 30

    def holds(self, text: str) -> bool:
        """Whether a text is short enough."""
        return len(text) <= self.text_bytes // 4 or len(text.encode()) <= self.text_bytes


_REFUSED = "in rejects"


class ColumnRegistry:
    """The columns of every table, and the names that fields get.

    Args:
        loaded: types of columns that earlier runs have loaded, by table and column.
        tables: those that rows come for.

    Attributes:
        tables: those that rows come for.
        contract: whether new fields become columns.
        limits: how many columns a table may have, and how long a text may be.
        new_fields: columns met for the first time, ``table.column``, with their type; ``in
            rejects`` for fields that the contract or the limits keep from becoming one.
    """

    def __init__(
        self,
        loaded: Mapping[str, Mapping[str, DataType]] | None = None,
        contract: SchemaContract = SchemaContract(),
        tables: Iterable[Table] = tuple(TABLES.values()),
    ) -> None:
        self.contract = contract
        self.tables = tuple(tables)
        self.limits = Limits()
        self._columns: dict[str, dict[str, DataType]] = {}
        self._fields: dict[tuple[str, Path], Field] = {}
        self._schemas: dict[str, pa.Schema] = {}
        self.new_fields: dict[str, str] = {}
        for table in self.tables:
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
        contract: SchemaContract = SchemaContract(),
        tables: Iterable[Table] = tuple(TABLES.values()),
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
            tables,
        )

    def field(self, table: Table, path: Path) -> Field:
        """What the field at ``path`` is; see `amplemarket_source.schema.fields`."""
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
        return self.limits.columns - len(self._columns[table.name])

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
    """Put the columns that ``registry`` has learnt about people into ``schema``, as personal ones.

    To be called before rows with these columns are handed to dlt, which then only adds to them.
    """
    for table in registry.tables:
        learnt = registry.learnt(table) if table.about_people else {}
        if learnt:
            hints = {
                name: Column(name, data_type, personal=True).hint
                for name, data_type in learnt.items()
            }
            schema.update_table({"name": table.name, "columns": hints})
