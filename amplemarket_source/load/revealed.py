"""E-mail addresses that were revealed before stay where a newer answer did not ask for them.

The null of such an answer is no news about the address, which was paid for. It is kept from an
older answer of the same load that did ask, or from what the destination has; where one of the two
says that there is none, there is none. An address that comes unasked is taken as it comes.

Phone numbers need none of this: they are rows of their own, and a person whose numbers were not
asked for is not named among them (`amplemarket_source.transform.builder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.kinds import PEOPLE as PEOPLE_KIND
from amplemarket_source.lenient_json import read_rows
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.transform.values import identity_of
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["keeping_emails"]

_FEW = 500
"""So many are looked for at once, without asking first whether there is anything to find."""

_SCHEMA = pa.schema([("id", pa.string()), ("email", pa.string())])


def keeping_emails(
    warehouse: Warehouse, answers: Sequence[CompletedRequest], batches: Iterable[TableBatch]
) -> Iterator[TableBatch]:
    """The batches, in which no person loses an address that was not asked for.

    Args:
        warehouse: is asked only for people who come without an address that was not asked for.
        answers: all of the load.
        batches: of the load, each person once; best when they are large.

    Raises:
        DestinationError: what is stored cannot be read.
    """
    of_people = [answer for answer in answers if answer.record.kind is PEOPLE_KIND]
    silent = [answer for answer in of_people if not answer.record.reveal_email]
    if not silent:
        yield from batches
        return
    requests = pa.array([answer.record.request_key for answer in silent], pa.string())
    latest = max(answer.summary.fetched_at for answer in silent)
    older = [a for a in of_people if a.record.reveal_email and a.summary.fetched_at <= latest]
    told = _told_by(older)
    stored = _Stored(warehouse)
    for batch in batches:
        people = batch.get(PEOPLE.name)
        if people is not None and people.num_rows:
            batch = {**batch, PEOPLE.name: _filled(people, requests, told, stored)}
        yield batch


def _filled(people: pa.Table, silent: pa.Array, told: pa.Table, stored: _Stored) -> pa.Table:
    ids, emails = people.column("id"), people.column("email")
    is_silent = pc.is_in(people.column("request_key"), value_set=silent)
    wanting = ids.filter(pc.and_(is_silent, pc.is_null(emails)))
    of_load = _rows_of(told, wanting)
    unknown = wanting.filter(pc.invert(pc.is_in(wanting, value_set=_array(of_load, "id"))))
    known = pa.concat_tables([of_load, *stored.emails_of(unknown.to_pylist())])
    if not known.num_rows:
        return people
    place = pc.index_in(ids, value_set=_array(known, "id"))
    kept = pc.coalesce(emails, known.column("email").take(place))
    return people.set_column(
        people.schema.get_field_index("email"), people.schema.field("email"), kept
    )


def _rows_of(table: pa.Table, ids: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.is_in(table.column("id"), value_set=pc.unique(ids)))


def _array(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()


def _told_by(answers: Sequence[CompletedRequest]) -> pa.Table:
    """``id, email`` of everybody whose address was asked for, as the newest of ``answers`` says.

    As a rule there are none: one load seldom has requests that reveal and some that do not.
    """
    seen: set[str] = set()
    parts: list[pa.Table] = []
    for answer in sorted(answers, key=lambda a: a.summary.fetched_at, reverse=True):
        for number in range(answer.summary.page_count, 0, -1):
            found: dict[str, str | None] = {}
            for row in reversed(read_rows(answer.pages.read(number))):
                entity = row.get("result") if isinstance(row, dict) else None
                identity = identity_of(entity)
                if isinstance(entity, dict) and identity is not None and identity not in seen:
                    email = entity.get("email")
                    found[identity] = email if isinstance(email, str) else None
                    seen.add(identity)
            parts.append(pa.table([[*found], [*found.values()]], schema=_SCHEMA))
    return pa.concat_tables([_SCHEMA.empty_table(), *parts])


class _Stored:
    """The addresses at the destination."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._has_table: bool | None = None
        self._has_any: bool | None = None

    def emails_of(self, ids: list[str]) -> Iterator[pa.Table]:
        """``id, email`` of those of the people who have one.

        A warehouse is asked for the ids alone first: it bills a column for what is read of it
        (api-notes: bigquery-bytes), and as a rule the people are new.
        """
        if not ids or not self._is_worth_asking(len(ids)):
            return
        table, given = self._warehouse.name(PEOPLE.name), pa.chunked_array([ids])
        if not self._warehouse.is_one_process:
            sql = f"SELECT id FROM {table} WHERE id IN ({{keys}})"
            known = self._warehouse.read_for(sql, given)
            given = pa.chunked_array(
                [chunk for part in known for chunk in part.column(0).chunks], pa.string()
            )
        if len(given):
            sql = f"SELECT id, email FROM {table} WHERE email IS NOT NULL AND id IN ({{keys}})"
            for rows in self._warehouse.read_for(sql, given):
                # Warehouses differ in the case of the names they give back, not in the order.
                yield rows.rename_columns(_SCHEMA.names).cast(_SCHEMA)

    def _is_worth_asking(self, count: int) -> bool:
        if self._has_table is None:
            self._has_table = self._warehouse.has_table(PEOPLE.name)
        if self._has_table and count > _FEW and self._has_any is None:
            told = "email IS NOT NULL" if self._warehouse.is_one_process else "1 = 1"
            table = self._warehouse.name(PEOPLE.name)
            found = self._warehouse.rows(f"SELECT 1 FROM {table} WHERE {told} LIMIT 1")
            self._has_any = bool(found)
        return self._has_table and self._has_any is not False
