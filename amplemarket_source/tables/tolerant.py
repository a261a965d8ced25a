"""The tolerant way from a page body to rows: whatever the API sends, the row lands.

Taken only for a page that the strict way refused. A value that fits its column after a change
that loses nothing is changed (`amplemarket_source.tables.coerce`); any other becomes null, and its
original goes to ``rejects``:

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
``id`` an integer                            as text
a company that is no object                  null, original in ``rejects``
``result`` although nothing was found        in ``rejects``; gone where the status is
                                             ``gdpr_removed``
a row that is no object                      in ``rejects``
a new column for a table of 1,000            in ``rejects``
a field without a column, where the schema   in ``rejects``
contract makes no new ones
===========================================  ===================================================
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from amplemarket_source.kinds import Kind
from amplemarket_source.odd_json.rows import read_rows
from amplemarket_source.tables.characters import is_clean
from amplemarket_source.tables.columns import Table
from amplemarket_source.tables.contract import COMPANIES, ENRICHMENT_RESULTS, PEOPLE, children_of
from amplemarket_source.tables.memory import ColumnMemory
from amplemarket_source.tables.rejects import Reject
from amplemarket_source.tables.shape import echo_names, entity_of
from amplemarket_source.tables.tolerant_fields import FieldCleaner

__all__ = ["TolerantParser", "identity_of"]


class TolerantParser:
    """Parses one page at a time; never refuses a row.

    Args:
        kind: what the page is about.
        memory: the columns the tables have by now; a value is made to fit them.
    """

    def __init__(self, kind: Kind, memory: ColumnMemory) -> None:
        self._entity_table = entity_of(kind)
        self._echo_names = echo_names(kind)
        self._memory = memory

    def parse(self, body: bytes) -> tuple[pa.StructArray, list[Reject]]:
        """The rows of a page, and what was rejected.

        Rows are shaped as the strict way shapes them, but flat: where an object has fields within
        objects, they are fields of their own here, each named as its column.
        """
        fields = FieldCleaner(self._memory)
        rows = [self._row(row, fields) for row in read_rows(body)]
        fields.settle_new()
        kept = [row for row in rows if row is not None]
        # Of no rows Arrow would make an array of nothing instead of structs.
        shape = None if kept else pa.struct([("id", pa.string()), ("status", pa.string())])
        return pa.array(kept, shape), fields.rejects

    def _row(self, row: Any, fields: FieldCleaner) -> dict[str, Any] | None:
        rejects_before = len(fields.rejects)
        fields.about(None, None)
        if not isinstance(row, dict):
            fields.reject("result", "row_is_no_object", row)
            return None
        clean = {
            name: fields.fit(f"row.{name}", "text", row.get(name))
            for name in ("id", "status", *self._echo_names)
        }
        clean["result"] = None
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
            clean["result"] = self._entity(self._entity_table, result, fields)
        elif _says_something(result):
            fields.reject("result", f"result_of_status_{clean['status']}"[:100], result)
        return clean

    def _entity(self, table: Table, value: Any, fields: FieldCleaner) -> dict[str, Any] | None:
        identity = identity_of(value)
        if identity is None:
            fields.reject("result", f"{table.name}_without_id", value)
            return None
        rejects_before = len(fields.rejects)
        with fields.within(identity) as refused:
            fields.reject_replaced(table.name, value)
            apart = {t.child.path: t for t in children_of(table.name) if t.child is not None}
            nested = {"company"} if table is PEOPLE else set()
            elsewhere = {"id", *apart, *nested}
            own = {key: item for key, item in value.items() if key not in elsewhere}
            clean: dict[str, Any] = {"id": identity}
            fields.add(clean, table, own)
            for path, child in apart.items():
                if value.get(path) is not None:
                    clean[path] = fields.child(child, value[path])
            if nested and value.get("company") is not None:
                clean["company"] = self._entity(COMPANIES, value["company"], fields)
            if refused and self._memory.contract.discards_rows:
                del fields.rejects[rejects_before:]
                fields.reject("result", f"schema_contract: {refused[0]} is new", value)
                return None
        return clean


def identity_of(entity: Any) -> str | None:
    """The id of a person or company as text, where there is a usable one."""
    identity = entity.get("id") if isinstance(entity, dict) else None
    if isinstance(identity, int) and not isinstance(identity, bool):
        return str(identity)
    # Cleaned, the ids of two people could become one.
    return identity if isinstance(identity, str) and identity and is_clean(identity) else None


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return value is not None
