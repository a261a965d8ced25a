"""The documented shape of what the API sends, as nested Arrow types made from the contract."""

from __future__ import annotations

import pyarrow as pa

from amplemarket_source.model import Kind
from amplemarket_source.schema.table import ARROW_TYPES, Table
from amplemarket_source.schema.tables import COMPANIES, DATA_TABLES, PEOPLE, children_of

__all__ = [
    "DEEPEST",
    "ROW_FIELDS",
    "Path",
    "echo_names",
    "entity_of",
    "entity_type",
    "is_declared",
    "is_declared_object",
    "result_type",
]

Path = tuple[str, ...]
"""Where a field stands in the JSON object, such as ``("location_details", "city")``."""

DEEPEST = 8
"""An object nested this deep becomes JSON text: a column's name has to stay readable."""

ROW_FIELDS = ("id", "status", "result")
"""What a row of ``results`` holds beside the echoed input (api-notes: result-row)."""

# Written by us, so the API cannot have sent them; a field of that name is an undocumented one.
_OURS = frozenset(
    {"company_id", "person_id", "enrichment_request_id", "enriched_at", "_dlt_parent_id"}
    | {"_dlt_list_idx", "_dlt_id", "_dlt_load_id"}
)
_OF_THE_API = frozenset(table.name for table in DATA_TABLES)


def echo_names(kind: Kind) -> tuple[str, ...]:
    """The keys under which a row says which lead it answers.

    The guide has ``linkedin_id``, newer text ``linkedin_url`` (api-notes: linkedin-key).
    """
    return (*kind.identifying, "linkedin_id")


def entity_of(kind: Kind) -> Table:
    """The table of what is enriched."""
    return PEOPLE if kind.name == PEOPLE.name else COMPANIES


def is_declared(table: Table, path: Path) -> bool:
    """Whether the field at ``path`` of the JSON object is a documented one."""
    name = "__".join(path)
    # A key that holds the separator itself is another field than the nested one.
    return (
        table.name in _OF_THE_API
        and name not in _OURS
        and name.count("__") == len(path) - 1
        and table.column(name) is not None
    )


def is_declared_object(table: Table, path: Path) -> bool:
    """Whether the field at ``path`` is documented to hold an object."""
    name = "__".join(path)
    return name.count("__") == len(path) - 1 and any(
        column.name.startswith(f"{name}__") for column in table.columns
    )


def entity_type(table: Table) -> pa.StructType:
    """The documented Arrow type of a Person or a Company object."""
    fields = list(_nested(_declared(table)))
    for child_table in children_of(table.name):
        child = child_table.child
        if child is None:
            continue
        inner: pa.DataType
        if child.form == "values":
            inner = pa.list_(_declared(child_table)["value"])
        elif child.form == "labels":
            inner = pa.struct([])
        else:
            inner = pa.list_(_nested(_declared(child_table)))
        fields.append(pa.field(child.path, inner))
    if table is PEOPLE:
        fields.append(pa.field("company", entity_type(COMPANIES)))
    return pa.struct(fields)


def result_type(kind: Kind) -> pa.StructType:
    """The documented Arrow type of one row of ``results``."""
    echoes = [(name, pa.string()) for name in echo_names(kind)]
    entity = entity_type(entity_of(kind))
    return pa.struct([("id", pa.int64()), ("status", pa.string()), ("result", entity), *echoes])


def _nested(columns: dict[str, pa.DataType]) -> pa.DataType:
    """``{"a": text, "b__c": text}`` as the nested type the API sends."""
    fields: dict[str, pa.DataType] = {}
    inner: dict[str, dict[str, pa.DataType]] = {}
    for name, arrow_type in columns.items():
        head, _, rest = name.partition("__")
        if rest:
            inner.setdefault(head, {})[rest] = arrow_type
        else:
            fields[head] = arrow_type
    fields.update({head: _nested(rest) for head, rest in inner.items()})
    return pa.struct(list(fields.items()))


def _declared(table: Table) -> dict[str, pa.DataType]:
    columns = (c for c in table.columns if c.name not in _OURS)
    return {column.name: ARROW_TYPES[column.data_type] for column in columns}
