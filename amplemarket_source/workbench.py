"""The database on disk in which a run's leads are sorted out, whatever their number.

A million leads are never a million Python objects: they are keyed, compared, cut into batches and
matched with their answers by DuckDB, in a file of the run with a bounded memory.

==================  ==========================================================================
table               one row is
==================  ==========================================================================
``leads``           a distinct ``lead_id`` of the input: ``lead_key``, ``external_id``, ``kind``,
                    ``input_kind``, the fields as given, ``kept`` (JSON of the columns to keep),
                    ``first_seen_at``, ``position``
``leads_to_ask``    a distinct ``lead_key``: ``kind``, ``input_kind`` and the fields to send, from
                    its first appearance, ``former_key`` (that earlier versions gave it, if another)
                    and ``position``
``lead_rejects``    a row that cannot be sent (stage ``lead``), or some field of a row that is sent
                    (``field``, with ``lead_key``): ``reason``, ``source``, ``line``,
                    ``external_id``, ``raw`` (the row as it was), ``position``
``known``           the latest outcome of a lead of the list, from the ledger
``erased``          the ``lead_key`` of someone erased
``known_leads``     the ``lead_id`` of an input row that the ledger has
``untold_leads``    of these the ones that were erased for their age
``known_rejects``   the ``reject_id`` of one that the ledger has, and when it was met first
``request_leads``   a lead that an unfinished request, or a batch of this run, asks for
``decided``         what becomes of a lead of ``leads_to_ask``
``asked_fields``    the fields of a lead that is asked for, to match its answer with
``found``           a person or company that a request of this load found, and what it revealed
``charges``         a charge for one of them, of this load or from the ledger
``known_rows``      a row of the stream of the workspace that is being read, as the destination has
                    it: what it was made of, in which part it is listed, whether it has left, and
                    whether nothing will become of it any more
``seen_rows``       a row of that stream that the API listed
``ids_to_ask``      a contact, or a company, that is to be asked about by its id
==================  ==========================================================================

``position`` is the order of first appearance over all inputs. `amplemarket_source.leads.intake`
fills the first three, `amplemarket_source.streams.store` the last three, and
`amplemarket_source.planning` the others.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from amplemarket_source.identity import install_identity
from amplemarket_source.kinds import LEAD_FIELDS
from amplemarket_source.memory import Share
from amplemarket_source.model import Batch

__all__ = ["Keys", "LeadToSend", "Workbench", "text_literal"]

_FIELDS = ", ".join(f"{field} TEXT" for field in LEAD_FIELDS)
_TABLES = {
    "leads": "lead_id TEXT, lead_key TEXT, external_id TEXT, kind TEXT, input_kind TEXT, "
    f"{_FIELDS}, kept TEXT, first_seen_at TIMESTAMPTZ, position BIGINT",
    "leads_to_ask": f"lead_key TEXT, kind TEXT, input_kind TEXT, {_FIELDS}, former_key TEXT, "
    "position BIGINT",
    "lead_rejects": "stage TEXT, reason TEXT, source TEXT, line BIGINT, external_id TEXT, "
    "lead_key TEXT, raw TEXT, position BIGINT",
    "known": "kind TEXT, lead_key TEXT, status TEXT, enriched_at TIMESTAMPTZ, "
    "reveal_email BOOLEAN, reveal_phone_numbers BOOLEAN, person_id TEXT",
    "erased": "lead_key TEXT",
    "known_leads": "lead_id TEXT",
    "untold_leads": "lead_id TEXT",
    "known_rejects": "reject_id TEXT, first_rejected_at TIMESTAMPTZ",
    "request_leads": "request_key TEXT, lead_key TEXT, input_kind TEXT, position BIGINT",
    "decided": "kind TEXT, lead_key TEXT, input_kind TEXT, position BIGINT, decision TEXT",
    "asked_fields": f"lead_key TEXT, input_kind TEXT, {_FIELDS}",
    "found": "request_key TEXT, charge_key TEXT, found_at TIMESTAMPTZ, "
    "email BOOLEAN, phone BOOLEAN",
    "found_again": "charge_key TEXT",
    "charges": "charge_key TEXT, reason TEXT, request_key TEXT, charged_at TIMESTAMPTZ",
    "known_rows": "row_key TEXT, row_hash TEXT, part TEXT, is_deleted BOOLEAN, is_over BOOLEAN",
    "seen_rows": "row_key TEXT, part TEXT",
    "ids_to_ask": "id TEXT",
}

_ROWS_AT_ONCE = 10_000  # else DuckDB takes memory for a million (api-notes: duckdb-batches)


def text_literal(value: object) -> str:
    """``value`` as DuckDB reads a text; for what can be no parameter, such as a file to write."""
    return "'" + str(value).replace("'", "''") + "'"


@dataclass(frozen=True)
class Keys:
    """Keys of the workbench that something is to be asked about: how many, and all of them."""

    count: int
    read: Callable[[], pa.ChunkedArray]


@dataclass(frozen=True)
class LeadToSend:
    """One lead of a POST: its key, and the object that is sent."""

    lead_key: str
    fields: dict[str, str]


class Workbench:
    """The work database of one run; every table above is there, empty, once it is open.

    It holds personal data: its folder is made for its owner only, and whoever opened the workbench
    deletes the folder when the run is through.

    Used by one thread, but for `leads_of` and `leave_out`, which any thread may call.

    Args:
        folder: of the run; gets ``work.duckdb`` and what does not fit the memory.

    Example::

        with Workbench(run_folder) as workbench:
            ingest(workbench, "leads.csv", PEOPLE, seen_at=clock.now())
            workbench.rows("SELECT count(*) FROM leads_to_ask")     # [(4900,)]
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._connection = duckdb.connect(
            folder / "work.duckdb",
            config={
                "temp_directory": str(folder / "spilled"),
                # Order is a column here; keeping it by other means costs memory.
                "preserve_insertion_order": False,
                # Until a run gives it a share (`amplemarket_source.memory`).
                "memory_limit": "112MB",
                "threads": 2,
                # Nothing is fetched from a server of DuckDB's behind the user's back
                # (api-notes: duckdb-extensions).
                "autoinstall_known_extensions": False,
            },
        )
        # DuckDB 1.4 draws its bar on standard output, where --json may have nothing else
        # (api-notes: duckdb-progress-bar).
        self._connection.execute("SET enable_progress_bar = false")
        # Of rows that are read once or twice: half the time of writing them is to press them.
        self._connection.execute("PRAGMA force_compression = 'uncompressed'")
        install_identity(self._connection)
        for name, columns in _TABLES.items():
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        # A connection of its own: answers are matched on the other at the same time.
        self._sending = self._connection.cursor()
        self._lock = threading.Lock()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._sending.close()
        self._connection.close()

    def limit(self, share: Share) -> None:
        """Keep no more than ``share`` in memory; what is larger spills."""
        # Where it cannot let go of enough, DuckDB says so and goes on with the limit it had.
        with contextlib.suppress(duckdb.OutOfMemoryException):
            self._connection.execute(f"SET threads = {share.threads}")
            self._connection.execute(f"SET memory_limit = '{share.memory}'")

    def scratch(self, prefix: str) -> tempfile.TemporaryDirectory[str]:
        """A folder beside the database, for as long as the ``with`` block lasts."""
        return tempfile.TemporaryDirectory(prefix=f"{prefix}-", dir=self.folder)

    def execute(self, sql: str, parameters: Any = None) -> None:
        """Run one statement."""
        self._connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        return self._connection.execute(sql, parameters).fetchall()

    def table(self, sql: str, parameters: Any = None) -> pa.Table:
        """The rows of one query as Arrow."""
        return self._connection.execute(sql, parameters).to_arrow_table(_ROWS_AT_ONCE)

    def batches(self, sql: str, parameters: Any, *, rows_at_once: int) -> Iterator[pa.Table]:
        """The rows of one query, some at a time; other statements may run in between."""
        with self._connection.cursor() as cursor:
            reader = cursor.execute(sql, parameters).to_arrow_reader(rows_at_once)
            for batch in reader:
                yield pa.Table.from_batches([batch])

    def keys(self, sql: str) -> Keys:
        """The one column of a query."""
        ((count,),) = self.rows(f"SELECT count(*) FROM ({sql})")
        return Keys(count, lambda: self.table(sql).column(0))

    @contextlib.contextmanager
    def view(self, name: str, rows: pa.Table) -> Iterator[None]:
        """``rows`` under a name that statements know, for as long as the block lasts."""
        self._connection.register(name, rows)
        try:
            yield
        finally:
            self._connection.unregister(name)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's statements, or none."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def clear(self, *tables: str) -> None:
        """Empty some tables."""
        for table in tables:
            self._connection.execute(f"DELETE FROM {table}")

    def append(self, table: str, rows: pa.Table, columns: str = "*") -> None:
        """Add Arrow rows, by the order of their columns.

        Args:
            columns: the select list over ``rows``, whose names are in lower case there.
        """
        # Warehouses differ in the case of the names they give back, not in the order.
        lower = rows.rename_columns([name.lower() for name in rows.column_names])
        with self.view("chunk", lower):
            self._connection.execute(f"INSERT INTO {table} SELECT {columns} FROM chunk")

    def leads_of(self, batch: Batch) -> list[LeadToSend]:
        """The leads of a batch, in the order of the input."""
        names = batch.kind.identifying
        with self._lock:
            rows = self._sending.execute(
                f"SELECT lead_key, {', '.join(names)} FROM leads_to_ask a "
                "JOIN request_leads USING (lead_key) "
                # The positions let DuckDB pass over most of a million leads.
                "WHERE request_key = ? AND a.position BETWEEN ? AND ? ORDER BY a.position",
                [batch.request_key, *batch.positions],
            ).fetchall()
        return [
            LeadToSend(
                key,
                {
                    name: value
                    for name, value in zip(names, values, strict=True)
                    if value is not None
                },
            )
            for key, *values in rows
        ]

    def leave_out(self, request_key: str, lead_keys: Sequence[str]) -> None:
        """Forget that a batch asks for these leads."""
        with self._lock:
            self._sending.execute(
                "DELETE FROM request_leads WHERE request_key = ? AND list_contains(?, lead_key)",
                [request_key, list(lead_keys)],
            )
