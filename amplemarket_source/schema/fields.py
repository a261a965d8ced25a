"""Where a field of the API's JSON stands, and the column it gets.

The documented shapes are nested Arrow types made from the declared tables. A column's name is a
function of where the field stands, and of nothing else.

So a field has the same column in every run, on every page and in whatever order fields arrive,
and two fields never share one:

===============================================  ================================================
field                                            column
===============================================  ================================================
documented                                       its name, nested ones with ``__`` between the keys
keys in lower-case snake case                    the same: ``location_details__postal_code``
any other: ``fullName``, ``Full name``, ``2nd``  dlt's snake case and a mark made of the keys as
``_dlt_id``, ``""``, ``ключ``                    they came: ``full_name_xf7aef51db9``
a name of ours (``person_id`` in an experience)  marked
longer than 63 characters                        cut and marked
a key that ends like a mark                      marked
an address, a URL or a phone number              nothing but a mark
``v_text`` within an object                      marked, ``__xv_text``: dlt's variants end in
                                                 ``__v_text``
===============================================  ================================================

``fullName`` cannot be called ``full_name``, not even where it stands alone: when ``full_name``
arrives a year later, the two would share a column, or swap them in another destination that saw
them in the other order. Amplemarket writes snake case, so marks are rare.

63 characters is what the narrowest destination takes (PostgreSQL), so names do not change from one
destination to the next. SQL's reserved words stay as they are: dlt quotes names. No name begins
with an underscore, which BigQuery and dlt keep for themselves (api-notes: names).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import pyarrow as pa
from dlt.common.normalizers.naming.snake_case import NamingConvention

from amplemarket_source.kinds import Kind
from amplemarket_source.schema.table import ARROW_TYPES, Column, Table
from amplemarket_source.schema.tables import COMPANIES, PEOPLE, TABLES, children_of

__all__ = [
    "DEEPEST",
    "LONGEST_NAME",
    "ROW_FIELDS",
    "Field",
    "Path",
    "echo_names",
    "entity_of",
    "entity_type",
    "field_at",
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


def echo_names(kind: Kind) -> tuple[str, ...]:
    """The keys under which a row says which lead it answers.

    The guide has ``linkedin_id``, newer text ``linkedin_url`` (api-notes: linkedin-key).
    """
    also = ("linkedin_id",) if "linkedin_url" in kind.identifying else ()
    return (*kind.identifying, *also)


def entity_of(kind: Kind) -> Table:
    """The table of what is enriched, or validated."""
    return TABLES[kind.table]


def is_declared(table: Table, path: Path) -> bool:
    """Whether the field at ``path`` of the JSON object is a documented one."""
    name = "__".join(path)
    column = table.column(name) if table.from_api else None
    # A key that holds the separator itself is another field than the nested one.
    return column is not None and not column.own and name.count("__") == len(path) - 1


def is_declared_object(table: Table, path: Path) -> bool:
    """Whether the field at ``path`` is documented to hold an object."""
    name = "__".join(path)
    return name.count("__") == len(path) - 1 and any(
        column.name.startswith(f"{name}__") for column in table.columns
    )


def entity_type(table: Table) -> pa.StructType:
    """The documented Arrow type of the objects whose rows ``table`` has, such as a Person."""
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
    """The documented Arrow type of one row of ``results``, as it arrives."""
    if kind.answers_in_rows:
        return entity_type(entity_of(kind))
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
    return {column.name: _as_read(column) for column in table.columns if not column.own}


def _as_read(column: Column) -> pa.DataType:
    """Points in time are read as text, in which the API writes them, and turned into them later."""
    return ARROW_TYPES["text" if column.data_type == "timestamp" else column.data_type]


LONGEST_NAME = 63

_SNAKE_CASE = NamingConvention()
_PLAIN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MARKED = re.compile(r".*_x[0-9a-f]{10}")
_MARK_LENGTH = 12
# A map may be keyed by what names a person; an erasure empties columns and does not rename them.
_OF_SOMEBODY = re.compile(r"@|://|linkedin\.com|(\d[ ().-]*){6}", re.IGNORECASE)
_BAD_START = re.compile(r"$|\d|v(_|$)")


@dataclass(frozen=True)
class Field:
    """What a field of the JSON object is in its table.

    Attributes:
        name: of its column.
        declared: the field is documented.
        is_object: the field is documented to hold an object, so it has no column itself.
    """

    name: str
    declared: bool
    is_object: bool


def field_at(table: Table, path: Path) -> Field:
    """The field at ``path``.

    Example:
        >>> field_at(PEOPLE, ("location_details", "city")).name
        'location_details__city'
        >>> field_at(PEOPLE, ("fullName",)).name
        'full_name_xf7aef51db9'
    """
    if is_declared(table, path):
        return Field("__".join(path), declared=True, is_object=False)
    return Field(_column(table, path), declared=False, is_object=is_declared_object(table, path))


def _column(table: Table, path: Path) -> str:
    name = "__".join(path)
    if (
        all(_PLAIN.fullmatch(key) for key in path)
        and len(name) <= LONGEST_NAME
        and table.column(name) is None
        and "__v_" not in name
        and not _MARKED.fullmatch(name)
    ):
        return name
    readable = "__".join(_readable(key) for key in path)[: LONGEST_NAME - _MARK_LENGTH]
    # JSON keeps the keys apart whatever they hold.
    digest = hashlib.sha256(json.dumps(path).encode()).hexdigest()[: _MARK_LENGTH - 2]
    return f"{readable.removesuffix('__v').rstrip('_')}_x{digest}"


def _readable(key: str) -> str:
    if _OF_SOMEBODY.search(key):
        return "x"
    start = key.strip()[: 2 * LONGEST_NAME]
    normal = _SNAKE_CASE.normalize_identifier(start) if start else ""
    letters = re.sub(r"[^a-z0-9]+", "_", normal).strip("_")
    return f"x{letters}" if _BAD_START.match(letters) else letters
