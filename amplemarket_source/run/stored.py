"""A person or company as the tables have it, in the shape in which the API gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amplemarket_source.kinds import PEOPLE as PEOPLE_KIND
from amplemarket_source.kinds import Kind
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import COMPANIES, LINEAGE, PEOPLE, children_of
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["stored_entity"]


def stored_entity(warehouse: Warehouse, kind: Kind, entity_id: str) -> dict[str, Any] | None:
    """The person, with the company as a field, or the company; None where there is none.

    Fields have the names of their columns, so undocumented ones may be spelt otherwise than the
    API spells them.

    Raises:
        DestinationError: it cannot be read.
    """
    if kind is not PEOPLE_KIND:
        return _entity(warehouse, COMPANIES, entity_id)
    person = _entity(warehouse, PEOPLE, entity_id)
    if person is None:
        return None
    company_id = person.pop("company_id")
    person["company"] = None if company_id is None else _entity(warehouse, COMPANIES, company_id)
    return person


def _entity(warehouse: Warehouse, table: Table, entity_id: str) -> dict[str, Any] | None:
    rows = _rows(warehouse, table, "id", entity_id)
    if not rows:
        return None
    entity = _nested({name: rows[0][name] for name in rows[0] if name not in LINEAGE})
    for child in children_of(table.name):
        assert child.child is not None  # noqa: S101 - children_of gives child tables only
        key, form = child.child.key, child.child.form
        items = sorted(
            _rows(warehouse, child, key, entity_id), key=lambda item: item["_dlt_list_idx"]
        )
        if form == "labels":
            entity[child.child.path] = {item["label"]: item["headcount"] for item in items}
        elif form == "values":
            entity[child.child.path] = [item["value"] for item in items]
        else:
            entity[child.child.path] = [
                _nested({name: item[name] for name in item if name != key}) for item in items
            ]
    return entity


def _rows(warehouse: Warehouse, table: Table, key: str, entity_id: str) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM {warehouse.name(table.name)} WHERE {key} = %s"
    return [
        {name.lower(): value for name, value in row.items()}
        for chunk in warehouse.read(sql, entity_id)
        for row in chunk.to_pylist()
    ]


def _nested(columns: Mapping[str, Any]) -> dict[str, Any]:
    """``{"location_details__city": "Lisbon"}`` as ``{"location_details": {"city": "Lisbon"}}``."""
    entity: dict[str, Any] = {}
    for name, value in columns.items():
        if name.startswith("_dlt_"):
            continue
        *path, last = name.split("__") if all(name.split("__")) else [name]
        place = entity
        for part in path:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            place[last] = value
            continue
        entity[name] = value
    return entity
