"""The column of a field: a function of where the field stands, and of nothing else.

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

from dlt.common.normalizers.naming.snake_case import NamingConvention

from amplemarket_source.schema.shapes import Path, is_declared, is_declared_object
from amplemarket_source.schema.table import Table

__all__ = ["LONGEST_NAME", "Field", "field_at"]

LONGEST_NAME = 63

_SNAKE_CASE = NamingConvention()
_PLAIN = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MARKED = re.compile(r".*_x[0-9a-f]{10}")
_MARK_LENGTH = 12
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
    start = key.strip()[: 2 * LONGEST_NAME]
    normal = _SNAKE_CASE.normalize_identifier(start) if start else ""
    letters = re.sub(r"[^a-z0-9]+", "_", normal).strip("_")
    return f"x{letters}" if _BAD_START.match(letters) else letters
