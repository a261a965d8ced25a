"""From struct arrays of people or companies to one typed table for each destination table.

A list of the contract becomes the rows of a child table, a nested object columns with ``__``
between the keys (`amplemarket_source.schema.fields`). What is not documented stays in the row it
came in: an object at any depth becomes columns, a list JSON text in one column, as does an object
deeper than eight levels (`amplemarket_source.transform.values`). Nulls and empty objects make no
column.

A parent whose list is empty sends one row with nothing but its key and `NO_ITEMS`, from which the
merge learns to remove what was there (`amplemarket_source.schema.table`).

The two headcount maps of a company, whose keys are data: a row for each label.

Rows stand in the order of the labels, whatever the order in the answer. A label without a count
makes no row.

0, 1, 2, ... as an Arrow array.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.schema.bookkeeping import ENRICHMENT_RESULTS
from amplemarket_source.schema.fields import DEEPEST, Path
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.table import ARROW_TYPES, Table, data_type_of
from amplemarket_source.schema.tables import (
    COMPANIES,
    COMPANIES_HISTORY,
    EMAIL_VALIDATIONS,
    EMAIL_VALIDATIONS_HISTORY,
    PEOPLE,
    PEOPLE_HISTORY,
    PHONE_NUMBERS,
    children_of,
)
from amplemarket_source.transform.values import json_text_or_null

__all__ = [
    "NO_ITEMS",
    "Flattener",
    "Lineage",
    "constant",
    "field_of",
    "has_items",
    "indices",
    "label_rows",
]

NO_ITEMS = -1
"""``_dlt_list_idx`` of the row that says: this parent has no items (never in the destination)."""

_SAFE_CASTS = {
    (pa.int64(), pa.string()),
    (pa.bool_(), pa.string()),
    (pa.int64(), pa.float64()),
    (pa.float64(), pa.int64()),
    (pa.string(), ARROW_TYPES["timestamp"]),
}
"""Arrow refuses those of their values that would change."""


@dataclass(frozen=True)
class Lineage:
    """Where an answer came from and which load takes it."""

    load_id: str
    request_key: str
    request_id: str | None
    enriched_at: datetime


class Flattener:
    """Makes tables of entities; the registry learns the columns it meets.

    Args:
        is_flat: the objects are flat already and have a field for each column.

    Every method raises ``pyarrow.ArrowInvalid`` where a value does not fit its column.

    Example::

        tables = Flattener(registry).people(rows.field("result"), lineage)
        tables["people__experiences"].column("person_id")
    """

    def __init__(self, registry: ColumnRegistry, *, is_flat: bool = False) -> None:
        self._registry = registry
        self._is_flat = is_flat

    def people(self, people: pa.StructArray, lineage: Lineage) -> dict[str, pa.Table]:
        """``people`` and its child tables; ``people.company_id`` points to the company.

        All but the phone numbers, of which an answer that did not ask for them says nothing.
        """
        company = field_of(people, "company")
        is_object = company is not None and pa.types.is_struct(company.type)
        company_id = field_of(company, "id") if is_object else pa.nulls(len(people))
        return self._entity(PEOPLE, people, lineage, {"company_id": company_id}, {"company"})

    def phone_numbers(self, people: pa.StructArray, lineage: Lineage) -> pa.Table:
        """``people__phone_numbers`` of people whose numbers are known now, also where none is."""
        ids = pc.struct_field(people, "id")
        return self._child(PHONE_NUMBERS, ids, people, lineage.load_id, {})

    def companies(self, companies: pa.StructArray, lineage: Lineage) -> dict[str, pa.Table]:
        """``companies`` and its child tables."""
        return self._entity(COMPANIES, companies, lineage, {}, set())

    def people_history(self, people: pa.StructArray, lineage: Lineage) -> pa.Table:
        """``people_history``: what each answer says of the person's place in the world."""
        company = field_of(people, "company")
        is_object = company is not None and pa.types.is_struct(company.type)
        email, nobody = field_of(people, "email"), constant(False, len(people), pa.bool_())
        given = {
            "company_id": field_of(company, "id") if is_object else None,
            "has_email": nobody if email is None else pc.is_valid(email),
            "has_phone": has_items(people, "phone_numbers"),
        }
        return self._history(PEOPLE_HISTORY, people, lineage, given)

    def companies_history(self, companies: pa.StructArray, lineage: Lineage) -> pa.Table:
        """``companies_history``: the figures of each answer."""
        return self._history(COMPANIES_HISTORY, companies, lineage, {})

    def validations(self, verdicts: pa.StructArray, lineage: Lineage) -> dict[str, pa.Table]:
        """``email_validations``; the ``id`` of a verdict is the ``lead_key`` of its address."""
        keys = pc.struct_field(verdicts, "id")
        return self._entity(EMAIL_VALIDATIONS, verdicts, lineage, {"lead_key": keys}, {"id"})

    def validations_history(self, verdicts: pa.StructArray, lineage: Lineage) -> pa.Table:
        """``email_validations_history``: every verdict, without the address."""
        return self._history(EMAIL_VALIDATIONS_HISTORY, verdicts, lineage, {})

    def extras(self, rows: pa.StructArray, known: Collection[str]) -> dict[str, pa.Array]:
        """Columns of ``enrichment_results`` for the fields of ``rows`` that are not ``known``."""
        columns = self._columns(ENRICHMENT_RESULTS, rows, known)
        for array in columns.values():
            self._require_room(array)
        return columns

    def rows(
        self,
        table: Table,
        objects: pa.StructArray,
        ids: pa.Array,
        load_id: str,
        given: Mapping[str, pa.Array],
        *,
        carried: Mapping[str, pa.Array] = MappingProxyType({}),
        apart: Collection[str] = (),
    ) -> dict[str, pa.Table]:
        """The table of a list's rows and its child tables.

        Args:
            ids: ``_dlt_id`` of each row.
            given: columns that are ours.
            carried: columns that items take over from the row they belong to.
            apart: fields that are no columns of this table.
        """
        children = [child for child in children_of(table.name) if child is not PHONE_NUMBERS]
        apart = {*apart, *(t.child.path for t in children_of(table.name) if t.child is not None)}
        columns = self._columns(table, objects, apart) | {**given, "_dlt_id": ids}
        tables = {table.name: self._table(table, columns, len(ids), load_id)}
        for child in children:
            tables[child.name] = self._child(child, ids, objects, load_id, carried)
        return tables

    def _entity(
        self,
        table: Table,
        entities: pa.StructArray,
        lineage: Lineage,
        given: dict[str, pa.Array],
        apart: set[str],
    ) -> dict[str, pa.Table]:
        count = len(entities)
        given["request_key"] = constant(lineage.request_key, count, pa.string())
        given["enrichment_request_id"] = constant(lineage.request_id, count, pa.string())
        given["enriched_at"] = constant(lineage.enriched_at, count, ARROW_TYPES["timestamp"])
        ids = pc.struct_field(entities, "id")
        return self.rows(table, entities, ids, lineage.load_id, given, apart=apart)

    def _history(
        self,
        table: Table,
        entities: pa.StructArray,
        lineage: Lineage,
        given: dict[str, pa.Array | None],
    ) -> pa.Table:
        ids = pc.struct_field(entities, "id")
        count = len(ids)
        found = {c.name: self._documented(entities, c.name) for c in table.columns} | given
        columns = {name: array for name, array in found.items() if array is not None}
        key = pa.scalar(lineage.request_key)
        columns |= {
            table.key[0]: ids,
            "request_key": constant(lineage.request_key, count, pa.string()),
            "enriched_at": constant(lineage.enriched_at, count, ARROW_TYPES["timestamp"]),
            "_dlt_id": pc.binary_join_element_wise(ids, key, ":"),
        }
        return self._table(table, columns, count, lineage.load_id)

    def _documented(self, objects: pa.StructArray, column: str) -> pa.Array | None:
        """The field that a column of ours is called after, or None where no row has it."""
        if self._is_flat:
            return field_of(objects, column)
        array: pa.Array | None = objects
        for name in column.split("__"):
            if array is None or not pa.types.is_struct(array.type):
                return None
            array = field_of(array, name)
        return array

    def _child(
        self,
        table: Table,
        ids: pa.Array,
        entities: pa.StructArray,
        load_id: str,
        carried: Mapping[str, pa.Array],
    ) -> pa.Table:
        child = table.child
        assert child is not None  # noqa: S101 - children_of gives child tables only
        nested = field_of(entities, child.path)
        columns: dict[str, pa.Array] = {}
        if nested is None or pa.types.is_null(nested.type):
            parents, counts = pa.array([], pa.int64()), constant(0, len(ids), pa.int64())
        elif child.form == "labels":
            parents, counts, columns = label_rows(nested)
        else:
            parents = pc.cast(pc.list_parent_indices(nested), pa.int64())
            counts = pc.cast(pc.fill_null(pc.list_value_length(nested), 0), pa.int64())
            items = pc.list_flatten(nested)
            if child.form == "values":
                columns = {"value": items}
            elif pa.types.is_struct(items.type):
                columns = self._columns(table, items, ())
            elif items.null_count < len(items):
                raise pa.ArrowInvalid(f"{child.path} does not hold objects")
            starts = pc.subtract(pc.cumulative_sum(counts), counts)
            columns["_dlt_list_idx"] = pc.subtract(indices(len(items)), pc.take(starts, parents))
        keys = pc.take(ids, parents)
        columns |= {name: pc.take(column, parents) for name, column in carried.items()}
        columns[child.key] = columns["_dlt_parent_id"] = keys
        if len(keys):
            position = pc.cast(columns["_dlt_list_idx"], pa.string())
            columns["_dlt_id"] = pc.binary_join_element_wise(keys, position, ":")
        rows = self._table(table, columns, len(keys), load_id)
        has_none = pc.equal(counts, 0)
        childless = ids.filter(has_none)
        if not len(childless):
            return rows
        mark = {name: column.filter(has_none) for name, column in carried.items()}
        mark |= {child.key: childless, "_dlt_parent_id": childless, "_dlt_id": childless}
        mark["_dlt_list_idx"] = constant(NO_ITEMS, len(childless), pa.int64())
        if child.form == "labels":
            mark["label"] = constant("", len(childless), pa.string())
        return pa.concat_tables([rows, self._table(table, mark, len(childless), load_id)])

    def _columns(
        self, table: Table, objects: pa.StructArray, apart: Collection[str]
    ) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for path, array in _leaves(objects, (), apart):
            if pa.types.is_null(array.type):
                continue
            name = path[0] if self._is_flat else self._registry.field(table, path).name
            data_type = self._registry.type_of(table, name)
            if data_type is None:
                if array.null_count == len(array):
                    continue
                if self._registry.room(table) <= 0:
                    raise pa.ArrowInvalid(f"{table.name} has too many columns")
                data_type = "text" if array.type.num_fields else data_type_of(array.type)
                self._registry.learn(table, name, data_type)
            columns[name] = _conform(array, ARROW_TYPES[data_type])
        return columns

    def _table(
        self, table: Table, columns: dict[str, pa.Array], rows: int, load_id: str
    ) -> pa.Table:
        columns["_dlt_load_id"] = constant(load_id, rows, pa.string())
        schema = self._registry.schema(table)
        arrays = [
            _conform(columns[f.name], f.type) if f.name in columns else pa.nulls(rows, f.type)
            for f in schema
        ]
        for array in arrays:
            self._require_room(array)
        return pa.Table.from_arrays(arrays, schema=schema)

    def _require_room(self, array: pa.Array) -> None:
        """Refuse a text that is longer than the destination takes."""
        most = self._registry.limits.text_bytes
        # All of them together are as a rule shorter than the longest may be.
        if (
            pa.types.is_string(array.type)
            and array.nbytes > most
            and (pc.max(pc.binary_length(array)).as_py() or 0) > most
        ):
            raise pa.ArrowInvalid(f"a text of more than {most} bytes")


def field_of(objects: pa.StructArray, name: str) -> pa.Array | None:
    """A field with its parent's nulls, or None where no row has the field."""
    index = objects.type.get_field_index(name)
    return pc.struct_field(objects, [index]) if index >= 0 else None


def has_items(objects: pa.StructArray, name: str) -> pa.BooleanArray:
    """Which of the objects have a list under ``name`` that is not empty."""
    values = field_of(objects, name)
    if values is None or not pa.types.is_list(values.type):
        return constant(False, len(objects), pa.bool_())
    return pc.fill_null(pc.greater(pc.list_value_length(values), 0), False)


def constant(value: Any, count: int, arrow_type: pa.DataType) -> pa.Array:
    """``count`` times ``value``."""
    return pa.repeat(pa.scalar(value, arrow_type), count)


def _leaves(
    objects: pa.StructArray, path: Path, apart: Collection[str]
) -> Iterator[tuple[Path, pa.Array]]:
    for field, array in zip(objects.type, objects.flatten(), strict=True):
        place = (*path, field.name)
        if not path and field.name in apart:
            continue
        if not pa.types.is_struct(field.type):
            yield place, array
        elif not field.type.num_fields:
            continue
        elif len(place) < DEEPEST:
            yield from _leaves(array, place, apart)
        else:
            yield place, array


def _conform(array: pa.Array, target: pa.DataType) -> pa.Array:
    """``array`` as ``target``, by the conversions that cannot go wrong.

    Raises:
        pyarrow.ArrowInvalid: for any other; `amplemarket_source.transform.values` has the rules.
    """
    given = array.type
    if given == target:
        return array
    if pa.types.is_null(given):
        return pa.nulls(len(array), target)
    if given.num_fields and target == pa.string():
        return pa.array([json_text_or_null(value) for value in array.to_pylist()], target)
    if (given, target) in _SAFE_CASTS:
        return pc.cast(array, target)
    raise pa.ArrowInvalid(f"{given} where {target} is expected")


def label_rows(maps: pa.StructArray) -> tuple[pa.Array, pa.Array, dict[str, pa.Array]]:
    """Maps of label to count as rows.

    Returns:
        For each row the index of its map; for each map the number of its rows; the columns
        ``label``, ``headcount`` and ``_dlt_list_idx``.

    Raises:
        pyarrow.ArrowInvalid: a count is not an integer.
    """
    count = len(maps)
    rows = indices(count)
    seen = pa.repeat(pa.scalar(0, pa.int64()), count)
    empty = pa.array([], pa.int64())
    parents, labels, counts, positions = [empty], [pa.array([], pa.string())], [empty], [empty]
    arrays = dict(zip((field.name for field in maps.type), maps.flatten(), strict=True))
    for label, values in sorted(arrays.items()):
        if pa.types.is_null(values.type):
            continue
        if not pa.types.is_integer(values.type):
            raise pa.ArrowInvalid("a headcount that is no integer")
        valid = pc.is_valid(values)
        parents.append(rows.filter(valid))
        counts.append(values.filter(valid))
        positions.append(seen.filter(valid))
        labels.append(pa.repeat(pa.scalar(label), len(counts[-1])))
        seen = pc.add(seen, pc.cast(valid, pa.int64()))
    columns = {"label": labels, "headcount": counts, "_dlt_list_idx": positions}
    joined = {name: pa.concat_arrays(arrays) for name, arrays in columns.items()}
    return pa.concat_arrays(parents), seen, joined


def indices(count: int) -> pa.Int64Array:
    """The integers from 0 to ``count - 1``; a view of one that is kept."""
    return _up_to(1 << count.bit_length()).slice(0, count)


@lru_cache(maxsize=4)
def _up_to(power_of_two: int) -> pa.Int64Array:
    return pa.array(range(power_of_two), pa.int64())
