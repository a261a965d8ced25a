"""What the destination has of a stream, and what is new in what the API lists.

Everything that a sync goes by is at the destination: the rows themselves, with the hash of what
they were made of, and `PROGRESS`, which says how far each part was read. So a sync on another
machine, or after a kill, knows as much as the last one. Of both only those count whose load has
ended (``_dlt_loads``): what a load that died half-way has written is read and loaded again, with
its child rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from amplemarket_source.schema.bookkeeping import REJECTS
from amplemarket_source.schema.rejects import with_first_times
from amplemarket_source.schema.streams import PROGRESS
from amplemarket_source.schema.table import Table
from amplemarket_source.transform.listing import RawRows
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.workbench import Workbench

__all__ = ["StreamStore", "progress_rows"]

_ROWS_AT_ONCE = 50_000
_KEYS_AT_ONCE = 100_000
"""In one comparison of what is known with what was seen: it has to fit the memory."""


class StreamStore:
    """Rows of one stream at a time.

    Args:
        knows_nothing: as if the destination were empty, which it is about to be.

    Example::

        store.begin(table, part="user_id")
        new = raw.only(store.new_in(raw, part="u1"))
        ...
        store.mark_left(table, ["u1"], at=clock.now())
    """

    def __init__(self, warehouse: Warehouse, workbench: Workbench, *, knows_nothing: bool) -> None:
        self._warehouse = warehouse
        self._workbench = workbench
        self._knows_nothing = knows_nothing
        self._look_up_others = ""

    def has(self, table: Table) -> bool:
        """Whether there is anything to know of the table."""
        return not self._knows_nothing and self._warehouse.has_table(table.name)

    def progress(self, stream: str) -> dict[str, str | None]:
        """The state of each part of the stream that was read to its end."""
        if not self.has(PROGRESS):
            return {}
        rows = self._warehouse.rows(
            f"SELECT p.part, p.state FROM {self._warehouse.name(PROGRESS.name)} AS p "
            f"JOIN {self._warehouse.name('_dlt_loads')} AS l ON l.load_id = p._dlt_load_id "
            "WHERE l.status = 0 AND p.stream = %s",
            stream,
        )
        return {row[0]: row[1] for row in rows}

    def with_first_times(self, rejects: pa.Table) -> pa.Table:
        """Rows of ``rejects``; one that was met before has the time when it was met first."""
        if not self.has(REJECTS):
            return rejects
        known = self._warehouse.read_for(
            f"SELECT reject_id, first_rejected_at FROM {self.name(REJECTS)} "
            "WHERE reject_id IN ({keys})",
            rejects.column("reject_id"),
        )
        return with_first_times(rejects, known)

    def name(self, table: Table) -> str:
        """How a statement calls the table."""
        return self._warehouse.name(table.name)

    def begin(
        self,
        table: Table,
        *,
        part: str = "''",
        is_over: str = "false",
        where: str = "",
        parameters: Sequence[Any] = (),
    ) -> None:
        """Take a look at what the destination has of a stream.

        Args:
            part: an expression: the part that a row is listed in.
            is_over: a condition: nothing will become of the row any more.
            where: which rows are likely to be listed; all of none. Others are looked up when they
                come.
        """
        self._workbench.clear("known_rows", "seen_rows")
        self._look_up_others = ""
        if not self.has(table):
            return
        select = (
            "SELECT t._dlt_id AS row_key, "
            "CASE WHEN l.status = 0 THEN t.row_hash END AS row_hash, "
            f"{part} AS part, t.deleted_at IS NOT NULL AS is_deleted, {is_over} AS is_over "
            f"FROM {self._warehouse.name(table.name)} AS t "
            f"LEFT JOIN {self._warehouse.name('_dlt_loads')} AS l ON l.load_id = t._dlt_load_id"
        )
        if where:
            self._look_up_others = f"{select} WHERE t._dlt_id IN ({{keys}})"
            select += f" WHERE {where}"
        for chunk in self._warehouse.read(select, *parameters):
            self._workbench.append("known_rows", chunk)

    def known_open(self, part: str) -> set[str]:
        """The rows of a part that are there and not over; from any thread."""
        batches = self._workbench.batches(
            "SELECT row_key FROM known_rows WHERE part = ? AND NOT is_over AND NOT is_deleted",
            [part],
            rows_at_once=_ROWS_AT_ONCE,
        )
        return {key for batch in batches for key in batch.column(0).to_pylist()}

    def new_in(self, raw: RawRows, parts: Sequence[str]) -> list[int]:
        """The places of the rows that are new, changed or back; of those met twice the first.

        Those that have no key are among them: they are kept as rejects.
        """
        listed = pa.table(
            {
                "place": pa.array(range(len(raw)), pa.int64()),
                "row_key": pa.array(raw.keys, pa.string()),
                "row_hash": pa.array(raw.hashes, pa.string()),
                "part": pa.array(parts, pa.string()),
            }
        )
        with self._workbench.view("listed_rows", listed):
            # A table, whose size DuckDB knows: what is joined with it is only looked through.
            self._workbench.execute(
                "CREATE OR REPLACE TEMP TABLE listed AS SELECT * FROM listed_rows"
            )
        if self._look_up_others:
            others = self._workbench.table(
                "SELECT DISTINCT row_key FROM listed WHERE row_key IS NOT NULL "
                "EXCEPT (SELECT row_key FROM known_rows UNION ALL SELECT row_key FROM seen_rows)"
            )
            if others.num_rows:
                sql, keys = self._look_up_others, others.column(0)
                for chunk in self._warehouse.read_for(sql, keys):
                    self._workbench.append("known_rows", chunk)
        # A load has one row for a key, whatever moves between two pages.
        first = self._workbench.rows("SELECT min(place) FROM listed GROUP BY row_key")
        keyless = self._workbench.rows("SELECT place FROM listed WHERE row_key IS NULL")
        dropped = self._workbench.rows(
            "SELECT l.place FROM listed l JOIN seen_rows s ON s.row_key = l.row_key "
            "UNION ALL SELECT l.place FROM listed l JOIN known_rows k ON k.row_key = l.row_key "
            "WHERE k.row_hash = l.row_hash AND NOT k.is_deleted"
        )
        self._workbench.execute(
            "INSERT INTO seen_rows SELECT row_key, part FROM listed WHERE row_key IS NOT NULL"
        )
        new = {place for (place,) in (*first, *keyless)} - {place for (place,) in dropped}
        return sorted(new)

    def mark_left(self, table: Table, parts: Iterable[str], at: datetime) -> int:
        """Give ``deleted_at`` to what the destination has of the parts and no listing had.

        Returns:
            How many rows that were.
        """
        whole = pa.table({"part": pa.array(list(parts), pa.string())})
        ((count,),) = self._workbench.rows("SELECT count(*) FROM known_rows")
        portions = 1 + count // _KEYS_AT_ONCE
        marked = 0
        for portion in range(portions):
            some = f"hash(row_key) % {portions} = {portion}"
            with self._workbench.view("whole", whole):
                left = self._workbench.table(
                    "SELECT row_key FROM known_rows WHERE NOT is_deleted "
                    f"AND part IN (SELECT part FROM whole) AND {some} "
                    f"EXCEPT SELECT row_key FROM seen_rows WHERE {some}"
                )
            marked += self.mark(table, left.column(0), at)
        return marked

    def mark(
        self, table: Table, keys: pa.ChunkedArray, at: datetime, column: str = "_dlt_id"
    ) -> int:
        """Give ``deleted_at`` to rows that have not got it.

        At once, and not with the load: it is true whatever becomes of that, and moves no rows.
        """
        if not len(keys) or not self.has(table):
            return 0
        self._warehouse.run_for(
            f"UPDATE {self._warehouse.name(table.name)} SET deleted_at = %s "
            f"WHERE deleted_at IS NULL AND {column} IN ({{keys}})",
            keys,
            at,
        )
        return len(keys)

    def forget_progress(self, stream: str, parts: Collection[str]) -> None:
        """Let parts be read again when they are back."""
        if parts and self.has(PROGRESS):
            self._warehouse.run_for(
                f"DELETE FROM {self._warehouse.name(PROGRESS.name)} "
                "WHERE stream = %s AND part IN ({keys})",
                pa.chunked_array([sorted(parts)]),
                stream,
            )


def progress_rows(
    stream: str, states: dict[str, str | None], load_id: str, at: datetime
) -> pa.Table:
    """Rows of `PROGRESS`."""
    rows = [
        {
            "stream": stream,
            "part": part,
            "state": state,
            "read_at": at,
            "_dlt_load_id": load_id,
            "_dlt_id": f"{stream}:{part}",
        }
        for part, state in states.items()
    ]
    return pa.Table.from_pylist(rows, schema=PROGRESS.arrow_schema)
