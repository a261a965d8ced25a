"""From the rows of a list to the rows of its table and child tables.

The rows that are new or changed, and no others, are read like a page of answers: strictly all at
once, and where one of them is odd, in halves down to the one, which goes the tolerant way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.lenient_json import decode_at, page_text
from amplemarket_source.schema.bookkeeping import REJECTS
from amplemarket_source.schema.fields import entity_type
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.rejects import Reject, reject_table
from amplemarket_source.schema.table import ARROW_TYPES, Table
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.transform.flatten import Flattener, constant
from amplemarket_source.transform.strict import StrictParser
from amplemarket_source.transform.tolerant import FieldCleaner
from amplemarket_source.transform.values import LONGEST_ID, identity_of

__all__ = ["Glimpse", "ListBuilder", "RawRows", "glimpse"]


_NO_FIELDS = ("_links",)
"""What a row has that says nothing of it (api-notes: lists)."""


class Glimpse(msgspec.Struct):
    """What a sync goes by in a row, before it is read as a whole."""

    id: Any = None
    value: Any = None
    domain: Any = None
    email: Any = None
    status: Any = None
    updated_at: Any = None
    start_date: Any = None
    finished_on: Any = None
    contact: Any = None


def glimpse(row: bytes) -> Glimpse:
    """The fields of a row that matter to a sync; none of a row that is no object."""
    try:
        return msgspec.json.decode(row, type=Glimpse)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        value, _ = decode_at(page_text(row), 0)
    except (ValueError, RecursionError):
        return Glimpse()
    if not isinstance(value, dict):
        return Glimpse()
    return Glimpse(**{name: value.get(name) for name in Glimpse.__struct_fields__})


@dataclass
class RawRows:
    """Rows of one table as they came.

    Attributes:
        keys: what tells a row from others, ``_dlt_id``; None where it has nothing usable.
        rows: their JSON text.
        hashes: of that text, and of what it is read by.
        given: our columns that the API tells by the place where a row is listed.
    """

    keys: list[str | None] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0

    def only(self, places: Sequence[int]) -> RawRows:
        """Those at the places, in that order."""
        return RawRows(
            [self.keys[place] for place in places],
            [self.rows[place] for place in places],
            [self.hashes[place] for place in places],
            {name: [values[place] for place in places] for name, values in self.given.items()},
            sum(len(self.rows[place]) for place in places),
        )

    def __len__(self) -> int:
        return len(self.rows)


class ListBuilder:
    """Makes the rows of one stream's tables, for one load.

    Args:
        table: the stream's.
        key: the field by which the API tells rows apart.
        carried: our columns that child rows take over, by the name they have there.
    """

    def __init__(
        self,
        table: Table,
        key: str,
        registry: ColumnRegistry,
        load_id: str,
        *,
        carried: Mapping[str, str],
        now: datetime,
    ) -> None:
        self._table = table
        self._key = key
        self._registry = registry
        self._load_id = load_id
        self._carried = carried
        self._now = now
        self._strict = StrictParser(entity_type(table))
        self._nested, self._flat = Flattener(registry), Flattener(registry, is_flat=True)
        self._rejected: set[str] = set()
        # What the same text would be read by: another version may know more of its fields.
        by = [registry.contract.columns, *(f"{c.name} {c.data_type}" for c in table.columns)]
        self._read_by = hashlib.sha256("\n".join(by).encode()).digest()

    def take(self, into: RawRows, rows: Sequence[bytes], given: Mapping[str, str]) -> list[Glimpse]:
        """Put rows of a page behind ``into``; what a sync goes by in them."""
        seen = [glimpse(row) for row in rows]
        prefix = "".join(f"{value}:" for value in given.values())
        for row, fields in zip(rows, seen, strict=True):
            key = identity_of({"id": getattr(fields, self._key)})
            into.keys.append(None if key is None else prefix + key)
            into.rows.append(row)
            into.hashes.append(hashlib.blake2b(row, digest_size=16, key=self._read_by).hexdigest())
            into.size += len(row)
            for name, value in given.items():
                into.given.setdefault(name, []).append(value)
        return seen

    def tables(self, raw: RawRows) -> Iterator[TableBatch]:
        """The rows of every table of the stream, and ``rejects``."""
        if not len(raw):
            return
        try:
            with self._registry.attempt():
                tables = self._strictly(raw)
        except pa.ArrowException:  # whatever it is that Arrow cannot do with them
            if len(raw) == 1:
                yield self._tolerantly(raw)
                return
            half = len(raw) // 2
            yield from self.tables(raw.only(range(half)))
            yield from self.tables(raw.only(range(half, len(raw))))
        else:
            yield tables

    def _strictly(self, raw: RawRows) -> TableBatch:
        rows = self._strict.parse([_page(raw.rows)])
        if len(rows) != len(raw) or None in raw.keys:
            raise pa.ArrowInvalid("a row that is none, or has no key")
        keys = pc.struct_field(rows, self._key)
        if keys.null_count or (pc.max(pc.utf8_length(keys)).as_py() or 0) > LONGEST_ID:
            raise pa.ArrowInvalid("a row without a key")
        return self._flattened(self._nested, rows, raw)

    def _tolerantly(self, raw: RawRows) -> TableBatch:
        cleaner = FieldCleaner(self._registry)
        text = page_text(raw.rows[0])
        clean = cleaner.entity(self._table, decode_at(text, 0)[0], key=self._key, apart=_NO_FIELDS)
        cleaner.settle_new()
        tables: TableBatch = {}
        if clean is not None:
            tables = self._flattened(self._flat, pa.array([clean]), raw)
        tables[REJECTS.name] = reject_table(
            self._new(cleaner.rejects), None, self._load_id, self._now
        )
        return tables

    def _new(self, rejects: Sequence[Reject]) -> Iterator[Reject]:
        """Those that this load has not got yet, each short enough for the destination."""
        for reject in rejects:
            if reject.reject_id not in self._rejected:
                self._rejected.add(reject.reject_id)
                yield from reject.parts(self._registry.limits.text_bytes)

    def _flattened(self, flattener: Flattener, rows: pa.StructArray, raw: RawRows) -> TableBatch:
        count = len(rows)
        given: dict[str, pa.Array] = {
            name: pa.array(values, pa.string()) for name, values in raw.given.items()
        }
        carried = {
            name: given[source] if source in given else pc.struct_field(rows, source)
            for name, source in self._carried.items()
        }
        given |= {
            "synced_at": constant(self._now, count, ARROW_TYPES["timestamp"]),
            "row_hash": pa.array(raw.hashes, pa.string()),
        }
        ids = pa.array(raw.keys, pa.string())
        return flattener.rows(
            self._table, rows, ids, self._load_id, given, carried=carried, apart=_NO_FIELDS
        )


def _page(rows: Sequence[bytes]) -> bytes:
    return b'{"results":[' + b",".join(rows) + b"]}"
