"""The tolerant way from a page body to rows: whatever the API sends, the row lands.

Taken only for a page that the strict way refused. A value that fits its column after a change
that loses nothing is changed (`amplemarket_source.transform.values`); any other becomes null, and
its original goes to ``rejects``:

===========================================  ===================================================
what arrives                                 what happens
===========================================  ===================================================
object or list for a documented scalar       null, original in ``rejects``
scalar for a documented object               null, original in ``rejects``
one object for a list of objects             a list of one
anything else for a list                     no items, original in ``rejects``
scalar in a list of objects                  a row with its position only, original in ``rejects``
integer past 64 bits, NaN                    null (text in a new column), original in ``rejects``
NUL, half a surrogate pair, bytes that are   removed, replaced by U+FFFD; original in ``rejects``
no UTF-8
a key twice in one object                    the last one counts, the others in ``rejects``
no usable ``id`` of a person or company      the whole object in ``rejects``
a verdict about no address                   the row in ``rejects``
``id`` an integer                            as text
a company that is no object                  null, original in ``rejects``
``result`` although nothing was found        in ``rejects``; gone where the status is
                                             ``gdpr_removed``
a row that is no object                      in ``rejects``
a new column for a table that has as many    in ``rejects``
as its destination takes
a text longer than its destination takes     null, original in ``rejects``
a field without a column, where the schema   in ``rejects``
contract makes no new ones
===========================================  ===================================================

The fields of one odd page, each made to fit its column or rejected with its original.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from amplemarket_source.kinds import Kind
from amplemarket_source.lenient_json import read_rows, replaced_values
from amplemarket_source.schema.bookkeeping import ENRICHMENT_RESULTS
from amplemarket_source.schema.fields import DEEPEST, Field, Path, echo_names, entity_of
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.rejects import Reject, Stage
from amplemarket_source.schema.table import DataType, Table
from amplemarket_source.schema.tables import COMPANIES, PEOPLE, children_of
from amplemarket_source.storable import clean_text, is_clean
from amplemarket_source.transform.values import (
    Lossy,
    coerce,
    common_type,
    identity_of,
    json_text_or_null,
    raw_text,
)
from amplemarket_source.transform.verdicts import REDACTED, keys_of_rows, status_of

__all__ = ["FieldCleaner", "TolerantParser"]


class TolerantParser:
    """Parses one page at a time; never refuses a row.

    Args:
        kind: what the page is about.
        registry: the columns the tables have by now; a value is made to fit them.
    """

    def __init__(self, kind: Kind, registry: ColumnRegistry) -> None:
        self._kind = kind
        self._entity_table = entity_of(kind)
        self._echo_names = echo_names(kind)
        self._registry = registry

    def parse(self, body: bytes) -> tuple[pa.StructArray, list[Reject]]:
        """The rows of a page, and what was rejected.

        Rows are shaped as the strict way shapes them, but flat: where an object has fields within
        objects, they are fields of their own here, each named as its column.
        """
        fields = FieldCleaner(self._registry)
        read = read_rows(body)
        if self._kind.answers_in_rows:
            rows = [
                self._answer(row, key, fields)
                for row, key in zip(read, keys_of_rows(read), strict=True)
            ]
        else:
            rows = [self._row(row, fields) for row in read]
        fields.settle_new()
        kept = [row for row in rows if row is not None]
        # Of no rows Arrow would make an array of nothing instead of structs.
        shape = None if kept else pa.struct([("id", pa.string()), ("status", pa.string())])
        return pa.array(kept, shape), fields.rejects

    def _row(self, row: Any, fields: FieldCleaner) -> dict[str, Any] | None:
        rejects_before = len(fields.rejects)
        clean = self._told(row, fields)
        if clean is None:
            return None
        if clean["status"] == "gdpr_removed":
            # Nothing that was said of them is kept, not even as a reject.
            del fields.rejects[rejects_before:]
            return clean
        result = row.get("result")
        fields.about(identity_of(result), clean["id"])
        fields.reject_replaced("row", row)
        extras = {key: value for key, value in row.items() if key not in clean}
        fields.add(clean, ENRICHMENT_RESULTS, extras)
        if clean["status"] == "enriched":
            nested = {"company": COMPANIES} if self._entity_table is PEOPLE else {}
            clean["result"] = fields.entity(self._entity_table, result, nested=nested)
        elif _says_something(result):
            fields.reject("result", f"result_of_status_{clean['status']}"[:100], result)
        return clean

    def _answer(self, row: Any, key: str | None, fields: FieldCleaner) -> dict[str, Any] | None:
        """A row that is the answer itself (`amplemarket_source.transform.verdicts`)."""
        rejects_before = len(fields.rejects)
        clean = self._told(row, fields)
        if clean is None:
            return None
        clean["status"] = status_of(row)
        if clean["status"] in REDACTED:
            del fields.rejects[rejects_before:]
        elif clean["status"] is None:
            # The row itself will be in `rejects`, as one that answers nothing.
            fields.reject_replaced("row", row)
        elif key is None:
            fields.reject("result", f"{self._entity_table.name}_without_email", row)
            clean["status"] = None
        else:
            fields.about(key, clean["id"])
            table = self._entity_table
            clean["result"] = fields.entity(table, row, identity=key, apart=("id",))
        return clean

    def _told(self, row: Any, fields: FieldCleaner) -> dict[str, Any] | None:
        """What every row says beside its answer; None, and a reject, for what is no row."""
        fields.about(None, None)
        if not isinstance(row, dict):
            fields.reject("result", "row_is_no_object", row)
            return None
        return {
            **{
                name: fields.fit(f"row.{name}", "text", row.get(name))
                for name in ("id", "status", *self._echo_names)
            },
            "result": None,
        }


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return value is not None


@dataclass(frozen=True)
class _Subject:
    """Whom a value belongs to: a person or company, a row of the answer."""

    entity_id: str | None = None
    result_id: str | None = None


@dataclass(frozen=True)
class _Place:
    """Where a value of a new field goes, and to whom it belongs."""

    columns: dict[str, Any]
    value: Any
    subject: _Subject


class FieldCleaner:
    """Cleans the objects of one page.

    Call ``settle_new`` once all are through: new fields get one type from all their values.

    Attributes:
        rejects: what did not fit.
    """

    def __init__(self, registry: ColumnRegistry) -> None:
        self.rejects: list[Reject] = []
        self._registry = registry
        self._new: dict[str, dict[str, list[_Place]]] = {}
        self._subject = _Subject()
        self._refused: list[str] = []

    def about(self, entity_id: str | None, result_id: str | None) -> None:
        """What follows belongs to this person or company, and to this row of the answer."""
        self._subject = _Subject(entity_id, result_id)

    @contextmanager
    def within(self, entity_id: str) -> Iterator[list[str]]:
        """What happens inside belongs to another entity.

        Gives the fields of that entity that the schema contract refuses, as they are met.
        """
        outer = self._subject, self._refused
        self._subject, self._refused = replace(outer[0], entity_id=entity_id), []
        yield self._refused
        self._subject, self._refused = outer

    def reject(self, stage: Stage, reason: str, value: Any) -> None:
        """Keep ``value`` as it came in ``rejects``."""
        self._append(stage, reason, value)
        self._reject_replaced_within(reason, value)

    def reject_replaced(self, where: str, value: Any) -> None:
        """Reject the values of an object that others with the same key have replaced."""
        for key, replaced in replaced_values(value):
            self.reject("field", f"{where}: key given twice", {key: replaced})

    def entity(
        self,
        table: Table,
        value: Any,
        *,
        key: str = "id",
        identity: str | None = None,
        nested: Mapping[str, Table] = MappingProxyType({}),
        apart: Collection[str] = (),
    ) -> dict[str, Any] | None:
        """The object of a row of ``table`` with its lists; None, and a reject, where it is none.

        Args:
            key: the field that tells it from others.
            identity: what stands in for that field, where the object has none.
            nested: fields that hold an object with a row of its own, and the table of that.
            apart: fields that say nothing of the row.
        """
        identity = identity or identity_of(value, key)
        if identity is None:
            self.reject("result", f"{table.name}_without_{key}", value)
            return None
        rejects_before = len(self.rejects)
        with self.within(identity) as refused:
            self.reject_replaced(table.name, value)
            lists = {t.child.path: t for t in children_of(table.name) if t.child is not None}
            elsewhere = {key, *lists, *nested, *apart}
            own = {name: item for name, item in value.items() if name not in elsewhere}
            clean: dict[str, Any] = {key: identity}
            self.add(clean, table, own)
            for path, child in lists.items():
                if value.get(path) is not None:
                    clean[path] = self.child(child, value[path])
            for path, other in nested.items():
                if value.get(path) is not None:
                    clean[path] = self.entity(other, value[path])
            if refused and self._registry.contract.discards_rows:
                del self.rejects[rejects_before:]
                self.reject("result", f"schema_contract: {refused[0]} is new", value)
                return None
        return clean

    def add(
        self, columns: dict[str, Any], table: Table, value: Mapping[str, Any], path: Path = ()
    ) -> None:
        """Add the object that stands at ``path`` of a row of ``table`` to the row's columns.

        ``columns`` is the row itself: values of new fields get into it with ``settle_new`` only.
        """
        for key, item in value.items():
            if item is None:
                continue
            place = (*path, key)
            field = self._registry.field(table, place)
            if isinstance(item, dict) and not field.declared and len(place) < DEEPEST:
                self.reject_replaced(f"{table.name}.{field.name}", item)
                self.add(columns, table, item, place)
                continue
            self._place(columns, table, field, item)

    def child(self, table: Table, value: Any) -> Any:
        """The list or map of a child table."""
        child = table.child
        assert child is not None  # noqa: S101 - called for child tables only
        if child.form == "labels":
            return self._labels(table, value)
        if isinstance(value, dict) and child.form == "items":
            value = [value]
        if not isinstance(value, list):
            self.reject("field", f"{table.name}: not a list", value)
            return None
        if child.form == "values":
            column = table.column("value")
            data_type = column.data_type if column else "text"
            return [self.fit(f"{table.name}.value", data_type, item) for item in value]
        return [self._item(table, item) for item in value]

    def fit(self, where: str, data_type: DataType, value: Any) -> Any:
        """``value`` as ``data_type``; null, and a reject, where that would lose something."""
        if type(value) is str and data_type == "text" and is_clean(value):
            return self._held(where, value, value)
        try:
            fitted = coerce(value, data_type)
        except Lossy:
            if isinstance(value, str) and data_type == "text":
                self.reject("field", f"{where}: characters removed", value)
                cleaned = clean_text(value)
                return cleaned if self._registry.limits.holds(cleaned) else None
            self.reject("field", f"{where}: not {data_type}", value)
            return None
        return self._held(where, fitted, value) if isinstance(fitted, str) else fitted

    def settle_new(self) -> None:
        """Give every new field of the page the one type that holds all its values."""
        for table, fields in self._new.items():
            for name, places in fields.items():
                where, target = f"{table}.{name}", common_type([place.value for place in places])
                for place in places:
                    self._subject = place.subject
                    if isinstance(place.value, (list, dict)):
                        place.columns[name] = self._json_text(where, place.value)
                    else:
                        place.columns[name] = self.fit(where, target, place.value)

    def _place(self, columns: dict[str, Any], table: Table, field: Field, item: Any) -> None:
        name = field.name
        data_type = self._registry.type_of(table, name)
        if data_type == "text" and type(item) is str and is_clean(item):
            columns[name] = self._held(f"{table.name}.{name}", item, item)
        elif field.is_object:
            self.reject("field", f"{table.name}.{name}: not an object", item)
        elif data_type is None and not self._registry.contract.takes_new:
            where = f"{table.name}.{name}"
            self._registry.refuse(table, name)
            self._refused.append(where)
            self.reject("field", f"schema_contract: {where} is new", item)
        elif data_type is None:
            places = self._new.setdefault(table.name, {})
            if name not in places and self._registry.room(table) <= len(places):
                most = self._registry.limits.columns
                self._registry.refuse(table, name)
                self.reject("field", f"{table.name}: {most} columns", {name: item})
                return
            columns[name] = None  # until all values of the page are known
            places.setdefault(name, []).append(_Place(columns, item, self._subject))
        elif isinstance(item, (list, dict)) and data_type == "text" and not field.declared:
            columns[name] = self._json_text(f"{table.name}.{name}", item)
        else:
            columns[name] = self.fit(f"{table.name}.{name}", data_type, item)

    def _json_text(self, where: str, value: Any) -> str | None:
        self._reject_replaced_within(where, value)
        text = json_text_or_null(value)
        return None if text is None else self._held(where, text, value)

    def _held(self, where: str, text: str, original: Any) -> str | None:
        """``text``; null, and a reject, where it is longer than the destination takes."""
        limits = self._registry.limits
        if limits.holds(text):
            return text
        self.reject("field", f"{where}: longer than {limits.text_bytes} bytes", original)
        return None

    def _item(self, table: Table, item: Any) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        if isinstance(item, dict):
            self.reject_replaced(table.name, item)
            self.add(columns, table, item)
        elif item is not None:
            self.reject("field", f"{table.name}: not an object", item)
        return columns

    def _labels(self, table: Table, value: Any) -> dict[str, int] | None:
        if not isinstance(value, dict):
            self.reject("field", f"{table.name}: not an object", value)
            return None
        self.reject_replaced(table.name, value)
        counts: dict[str, int] = {}
        for given, count in value.items():
            label = clean_text(given)
            if not self._registry.limits.holds(label):
                self.reject("field", f"{table.name}.label: too long", {given: count})
                continue
            fitted = self.fit(f"{table.name}.headcount", "bigint", count)
            if label != given:
                self.reject("field", f"{table.name}.label: characters removed", {given: count})
            if fitted is not None and label not in counts:
                counts[label] = fitted
        return counts

    def _reject_replaced_within(self, where: str, value: Any) -> None:
        self.reject_replaced(where, value)
        if isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                self._reject_replaced_within(where, item)

    def _append(self, stage: Stage, reason: str, value: Any) -> None:
        subject = self._subject
        self.rejects.append(
            Reject(
                stage,
                clean_text(reason),
                raw_text(value),
                entity_id=subject.entity_id,
                result_id=subject.result_id,
            )
        )
