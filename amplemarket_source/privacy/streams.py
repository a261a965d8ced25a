"""A person in the tables of the workspace: found by any key, taken out, and kept out.

Who is meant is said by the keys of identifiers (`amplemarket_source.privacy.keys`) and of contacts'
ids. A row that is the person's own, such as a contact, goes; one that is about something else, such
as a task, stays without what it says of them. The keys stay in ``erasures`` of the same dataset, so
that no later sync brings the person back, although the API still lists them.

The tables are read once for each step from one identifier to the next: a contact leads to the
LinkedIn URL under which a list has the same person. Recorded first and ended last, so that an
erasure that died is finished by whoever comes next (`finish_stream_erasures`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.privacy.identifiers import marks, portions, quotes_of
from amplemarket_source.privacy.keys import Pair, identifier_keys_of, person_key
from amplemarket_source.schema.bookkeeping import ERASURES, REJECTS
from amplemarket_source.schema.streams import stream_table
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import children_of
from amplemarket_source.warehouse.client import Warehouse

__all__ = [
    "StreamErasure",
    "erase_from_streams",
    "finish_stream_erasures",
    "people_in_streams",
    "stream_keys",
    "withheld",
]

_ROWS_AT_ONCE = 200
_LOADS = 50
_CONTACT = ("contact__id", "contact__name", "contact__email", "notes")
_OF_A_CALL = ("from", "to", "transcription", "recording_url")


@dataclass(frozen=True)
class _Mention:
    """Where a table names somebody.

    Attributes:
        email, linkedin_url, contact_id: the columns that do; empty for none.
        blanked: what is emptied where the row is about something else; nothing for a row that is
            the person's own, which goes whole.
        with_undocumented: so are the columns that undocumented fields have made.
    """

    stream: str
    email: str = ""
    linkedin_url: str = ""
    contact_id: str = ""
    blanked: tuple[str, ...] = ()
    with_undocumented: bool = False

    @property
    def table(self) -> Table:
        return stream_table(self.stream)

    @property
    def named(self) -> dict[str, str]:
        """The columns by what they hold."""
        places = {"email": self.email, "linkedin_url": self.linkedin_url, "id": self.contact_id}
        return {what: column for what, column in places.items() if column}


_MENTIONS = (
    _Mention("contacts", "email", "linkedin_url", "id"),
    _Mention("lead_list_leads", "email", "linkedin_url"),
    _Mention("excluded_emails", "email"),
    _Mention("users", "email"),
    _Mention("mailboxes", "email"),
    _Mention("mailboxes", "user__email"),
    _Mention(
        "tasks",
        "contact__email",
        contact_id="contact__id",
        blanked=_CONTACT,
        with_undocumented=True,
    ),
    _Mention(
        "calls",
        "contact__email",
        contact_id="contact__id",
        blanked=(*_CONTACT, *_OF_A_CALL),
        with_undocumented=True,
    ),
    *(
        _Mention(stream, column, blanked=(column,))
        for stream, column in (
            ("tasks", "user_email"),
            ("calls", "user_email"),
            ("sequences", "created_by_user_email"),
            ("lead_lists", "owner__email"),
            ("accounts", "owner_email"),
            ("contacts", "owner"),
        )
    ),
)


@dataclass
class StreamErasure:
    """What an erasure found in the workspace.

    Attributes:
        keys: of everything that the people are known by, the keys that were given among them.
        pairs: their identifiers, as the tables spell them.
        rows_removed: by table.
        rows_blanked: that say something else and nothing of the people any more.
    """

    keys: set[str]
    pairs: set[Pair] = field(default_factory=set)
    rows_removed: Counter[str] = field(default_factory=Counter)
    rows_blanked: int = 0

    @property
    def found(self) -> bool:
        """Whether any table said something of them."""
        return bool(self.rows_removed or self.rows_blanked)


def stream_keys(warehouse: Warehouse) -> set[str]:
    """The keys of everyone who is kept out of the workspace's tables."""
    if not warehouse.has_table(ERASURES.name):
        return set()
    sql = f"SELECT erasure_key FROM {warehouse.name(ERASURES.name)} WHERE reason <> 'retention'"
    return {row[0] for row in warehouse.rows(sql)}


def erase_from_streams(warehouse: Warehouse, keys: Iterable[str], *, at: datetime) -> StreamErasure:
    """Erase whoever is known by one of the keys, and keep them out.

    Raises:
        DestinationError: the destination refused; the next sync, or the same call, finishes it.
    """
    erasure = StreamErasure(set(keys))
    found = _everywhere(warehouse, erasure)
    _record(warehouse, erasure.keys)
    for mention, ids in found:
        _take_out(warehouse, mention, ids, erasure)
    _blank_rejects(warehouse, erasure)
    erasures = warehouse.name(ERASURES.name)
    for some in portions(erasure.keys):
        warehouse.rows(
            f"UPDATE {erasures} SET erased_at = %s "
            f"WHERE erased_at IS NULL AND erasure_key IN ({marks(some)})",
            at,
            *some,
        )
    return erasure


def people_in_streams(warehouse: Warehouse, keys: Iterable[str]) -> StreamErasure:
    """What the tables say of whoever is known by one of the keys; nothing is erased."""
    erasure = StreamErasure(set(keys))
    _everywhere(warehouse, erasure)
    return erasure


def finish_stream_erasures(warehouse: Warehouse, at: datetime) -> None:
    """Finish erasures that died, and erase again whom a load has brought back.

    A load holds what was read before it, and a plain run loads outside of the lock: so whoever was
    erased while one of the last loads was under way is looked for again.

    Raises:
        DestinationError: the destination refused; the next sync does it.
    """
    if not warehouse.has_table(ERASURES.name):
        return
    rows = warehouse.rows(
        f"SELECT erasure_key, erased_at FROM {warehouse.name(ERASURES.name)} "
        "WHERE reason <> 'retention'"
    )
    if not rows:
        return
    loads = warehouse.rows(
        f"SELECT load_id, inserted_at FROM {warehouse.name('_dlt_loads')} "
        f"ORDER BY inserted_at DESC LIMIT {_LOADS}"
    )
    again = {
        key
        for key, erased_at in rows
        if erased_at is None
        or any(_began(load_id) <= erased_at <= ended for load_id, ended in loads)
    }
    if again:
        erase_from_streams(warehouse, again, at=at)


def withheld(tables: Mapping[str, pa.Table], keys: set[str]) -> dict[str, pa.Table]:
    """Rows on their way to the tables, without those who are kept out."""
    kept = dict(tables)
    if not keys:
        return kept
    for mention in _MENTIONS:
        rows = kept.get(mention.stream)
        if rows is None or not rows.num_rows:
            continue
        is_meant = pa.array(_is_meant(mention, rows, keys), pa.bool_())
        if not pc.any(is_meant).as_py():
            continue
        if mention.blanked:
            kept[mention.stream] = _blank(mention, rows, is_meant)
            continue
        gone = rows.column("_dlt_id").filter(is_meant)
        kept[mention.stream] = rows.filter(pc.invert(is_meant))
        for child in children_of(mention.stream):
            items = kept[child.name]
            of_them = pc.is_in(items.column("_dlt_parent_id"), value_set=gone.combine_chunks())
            kept[child.name] = items.filter(pc.invert(of_them))
    rejects = kept.get(REJECTS.name)
    if rejects is not None and rejects.num_rows:
        quotes = quotes_of([raw or "" for raw in rejects.column("raw").to_pylist()])
        is_meant = pa.array([not keys.isdisjoint(quoted) for quoted in quotes], pa.bool_())
        place = rejects.schema.get_field_index("raw")
        raw = pc.if_else(is_meant, pa.scalar(None, pa.string()), rejects.column("raw"))
        kept[REJECTS.name] = rejects.set_column(place, rejects.schema.field(place), raw)
    return kept


def _blank(mention: _Mention, rows: pa.Table, is_meant: pa.Array) -> pa.Table:
    names = set(mention.blanked)
    if mention.with_undocumented:
        names |= {name for name in rows.column_names if mention.table.column(name) is None}
    for name in names & set(rows.column_names):
        place = rows.schema.get_field_index(name)
        told = rows.schema.field(place)
        emptied = pc.if_else(is_meant, pa.scalar(None, told.type), rows.column(name))
        rows = rows.set_column(place, told, emptied)
    return rows


def _everywhere(warehouse: Warehouse, erasure: StreamErasure) -> list[tuple[_Mention, list[str]]]:
    """The rows that name them; the erasure gets the keys by which one leads to another."""
    while True:
        before = len(erasure.keys)
        found = [
            (mention, list(_named_in(warehouse, mention, erasure)))
            for mention in _MENTIONS
            if warehouse.has_table(mention.stream)
        ]
        if len(erasure.keys) == before:
            return [(mention, ids) for mention, ids in found if ids]


def _named_in(warehouse: Warehouse, mention: _Mention, erasure: StreamErasure) -> Iterator[str]:
    columns = mention.named
    selected = ", ".join(f"{column} AS {what}" for what, column in columns.items())
    told = " OR ".join(f"{column} IS NOT NULL" for column in columns.values())
    sql = f"SELECT _dlt_id, {selected} FROM {warehouse.name(mention.stream)} WHERE {told}"
    for chunk in warehouse.read(sql):
        # By place: warehouses differ in the case of the names they give back.
        rows = chunk.rename_columns(["_dlt_id", *columns.values()])
        keys_of_rows = _keys_of(mention, rows)
        for place, keys in enumerate(keys_of_rows):
            if erasure.keys.isdisjoint(keys):
                continue
            yield rows.column("_dlt_id")[place].as_py()
            if not mention.blanked or mention.contact_id:
                erasure.keys |= keys
                email, url = (
                    rows.column(columns[what])[place].as_py() if what in columns else None
                    for what in ("email", "linkedin_url")
                )
                erasure.pairs.add((email, url))


def _is_meant(mention: _Mention, rows: pa.Table, keys: set[str]) -> list[bool]:
    return [not keys.isdisjoint(found) for found in _keys_of(mention, rows)]


def _keys_of(mention: _Mention, rows: pa.Table) -> list[set[str]]:
    columns = mention.named

    def values(what: str) -> list[str | None]:
        column = columns.get(what)
        return rows.column(column).to_pylist() if column else [None] * rows.num_rows

    found = identifier_keys_of(list(zip(values("email"), values("linkedin_url"), strict=True)))
    for keys, contact in zip(found, values("id"), strict=True):
        if contact is not None:
            keys.add(person_key(contact))
    return found


def _record(warehouse: Warehouse, keys: set[str]) -> None:
    if lacking := warehouse.lacking([ERASURES]):
        warehouse.make(lacking)
    table = warehouse.name(ERASURES.name)
    for some in portions(keys, _ROWS_AT_ONCE):
        known = {
            row[0]
            for row in warehouse.rows(
                f"SELECT erasure_key FROM {table} WHERE erasure_key IN ({marks(some)})", *some
            )
        }
        rows = [
            {"erasure_key": key, "key_of": "identifier", "reason": "request", "_dlt_id": key}
            for key in some
            if key not in known
        ]
        if rows:
            warehouse.insert(ERASURES, *rows)


def _take_out(
    warehouse: Warehouse, mention: _Mention, ids: list[str], erasure: StreamErasure
) -> None:
    keys, table = pa.chunked_array([ids]), warehouse.name(mention.stream)
    if mention.blanked:
        columns = [warehouse.quoted(name) for name in mention.blanked]
        if mention.with_undocumented:
            columns += warehouse.undocumented(mention.table)
        emptied = ", ".join(f"{column} = NULL" for column in columns)
        warehouse.run_for(f"UPDATE {table} SET {emptied} WHERE _dlt_id IN ({{keys}})", keys)
        erasure.rows_blanked += len(ids)
        return
    for child in children_of(mention.stream):
        if warehouse.has_table(child.name):
            items = warehouse.name(child.name)
            warehouse.run_for(f"DELETE FROM {items} WHERE _dlt_parent_id IN ({{keys}})", keys)
    warehouse.run_for(f"DELETE FROM {table} WHERE _dlt_id IN ({{keys}})", keys)
    erasure.rows_removed[mention.stream] += len(ids)


def _blank_rejects(warehouse: Warehouse, erasure: StreamErasure) -> None:
    if not warehouse.has_table(REJECTS.name):
        return
    table = warehouse.name(REJECTS.name)
    rows = warehouse.rows(f"SELECT reject_id, raw FROM {table} WHERE raw IS NOT NULL")
    quotes = quotes_of([row[1] for row in rows])
    meant = [
        row[0]
        for row, quoted in zip(rows, quotes, strict=True)
        if not erasure.keys.isdisjoint(quoted)
    ]
    if meant:
        warehouse.run_for(
            f"UPDATE {table} SET raw = NULL, entity_id = NULL WHERE reject_id IN ({{keys}})",
            pa.chunked_array([meant]),
        )
        erasure.rows_blanked += len(meant)


def _began(load_id: str) -> datetime:
    """When a load began, by its id; long ago for one that does not tell."""
    try:
        return datetime.fromtimestamp(float(load_id), timezone.utc)
    except ValueError:
        return datetime.min.replace(tzinfo=timezone.utc)
