"""A sync: every stream that was asked for, one after the other, as batches of rows.

The order matters: users come before their tasks, lists before their leads, tasks and calls before
the contacts met in them. A stream that fails leaves the others alone: what was read of it by then
is loaded, it marks nothing as deleted, and how far it was read is not noted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import dlt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.api import ApiClient, ListPage
from amplemarket_source.clock import Clock
from amplemarket_source.errors import ApiError, KeyRefused, SchemaFrozen
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.privacy.streams import stream_keys, withheld
from amplemarket_source.schema.bookkeeping import REJECTS
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.streams import PROGRESS, stream_table
from amplemarket_source.schema.table import ARROW_TYPES
from amplemarket_source.settings import WorkspaceSettings
from amplemarket_source.streams.catalog import Stream
from amplemarket_source.streams.fetching import Ended, Part, pages_of
from amplemarket_source.streams.listings import Listings, Reading
from amplemarket_source.streams.report import StreamReport, SyncReport
from amplemarket_source.streams.store import StreamStore, progress_rows
from amplemarket_source.transform.builder import TableBatch, gathered
from amplemarket_source.transform.flatten import constant
from amplemarket_source.transform.listing import Glimpse, ListBuilder, RawRows, glimpse
from amplemarket_source.warehouse.capabilities import limits_of
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.workbench import Workbench

__all__ = ["Sync"]

logger = logging.getLogger("amplemarket")

_BYTES_AT_ONCE = 5_000_000
_ROWS_AT_ONCE = 20_000
_UNAUTHORIZED = 401


class Sync:
    """One pass over streams of the workspace.

    Args:
        streams: in the order in which they are read.
        companies: the table of the companies that enrichment has loaded, as a statement calls it;
            None where there is none.
        is_full: read everything to its end, whatever is known.
        knows_nothing: the destination is about to be emptied.

    Example::

        for batch in Sync(...).batches(registry, load_id):
            batch["users"]
    """

    def __init__(
        self,
        pipeline: dlt.Pipeline,
        streams: Sequence[Stream],
        settings: WorkspaceSettings,
        report: SyncReport,
        *,
        client: ApiClient,
        warehouse: Warehouse,
        workbench: Workbench,
        memory: MemoryBudget,
        clock: Clock,
        companies: Callable[[], str | None],
        is_full: bool = False,
        knows_nothing: bool = False,
    ) -> None:
        self._pipeline = pipeline
        self._streams = streams
        self._report = report
        self._workbench = workbench
        self._memory = memory
        self._warehouse = warehouse
        self._clock = clock
        self._companies = companies
        self._is_full = is_full
        self._kept_out = stream_keys(warehouse)
        self._store = StreamStore(warehouse, workbench, knows_nothing=knows_nothing)
        self._listings = Listings(
            client,
            self._store,
            overlap=settings.overlap,
            ids_to_ask=self._ids_to_ask,
            is_full=is_full,
        )
        report.streams.update({stream.name: StreamReport() for stream in streams})
        report.calls = client.stats

    def batches(self, registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        """The rows of every table, some thousand at a time.

        Raises:
            KeyRefused: the key is no key at all.
            DestinationError: the destination refused; what was yielded is good.
            Interrupted: the clock was stopped.
        """
        self._workbench.clear("ids_to_ask")
        registry.limits = limits_of(self._pipeline)
        with self._memory.stage("transform"):
            for stream in self._streams:
                self._report.reading = stream.name
                yield from gathered(self._counted(self._stream(stream, registry, load_id)))
        self._report.reading = ""
        self._report.new_fields.update(registry.new_fields)
        if registry.refused and registry.contract.is_frozen:
            frozen = SchemaFrozen(registry.refused)
            self._report.errors.append(frozen)
            logger.error("%s", frozen)

    def _stream(
        self, stream: Stream, registry: ColumnRegistry, load_id: str
    ) -> Iterator[TableBatch]:
        report = self._report.streams[stream.name]
        started = self._clock.monotonic()
        try:
            reading = self._listings.reading(stream)
            builder = ListBuilder(
                stream.table,
                stream.key,
                registry,
                load_id,
                carried=stream.carried,
                now=self._clock.now(),
            )
            yield from self._read(stream, reading, builder, load_id)
        except ApiError as error:
            self._failed(stream, error)
        finally:
            report.seconds = self._clock.monotonic() - started
        if report.error is None:
            report.is_done = True
            self._listings.ended(stream)
            if stream.needs:
                self._leave_with_parts(stream)

    def _failed(self, stream: Stream, error: ApiError) -> None:
        """One stream's trouble, unless it is everybody's.

        Raises:
            KeyRefused: the key is no key at all, so that each call would be refused.
        """
        if isinstance(error, KeyRefused) and error.status == _UNAUTHORIZED:
            raise error
        report = self._report.streams[stream.name]
        report.error = report.error or error
        logger.error("Stream %s was not read to its end: %s", stream.name, error)

    def _read(
        self, stream: Stream, reading: Reading, builder: ListBuilder, load_id: str
    ) -> Iterator[TableBatch]:
        report, table = self._report.streams[stream.name], stream.table
        self._store.begin(table, **reading.known)
        raw, parts = RawRows(), list[str]()
        whole: list[str] = []
        states: dict[str, str | None] = {}
        missing: list[str] = []
        events = pages_of(reading.parts)
        try:
            for part, event in events:
                if isinstance(event, ListPage):
                    self._take(stream, builder, raw, parts, part, event)
                    if raw.size >= _BYTES_AT_ONCE or len(raw) >= _ROWS_AT_ONCE:
                        yield from self._built(stream, builder, raw, parts)
                        raw, parts = RawRows(), []
                elif isinstance(event, Ended):
                    report.gone += event.gone
                    missing += event.missing
                    if event.is_whole:
                        whole.append(part.name)
                    if not event.gone:
                        states[part.name] = event.state
                elif isinstance(event, ApiError):
                    self._failed(stream, event)
                else:
                    raise event
        finally:
            events.close()
        yield from self._built(stream, builder, raw, parts)
        yield from self._absent(stream, builder, missing)
        # Of a part that ended well, whatever became of others.
        report.deleted += self._store.mark_left(table, whole, self._clock.now())
        if states and stream.name != "contacts":
            now = self._clock.now()
            yield {PROGRESS.name: progress_rows(stream.name, states, load_id, now)}

    def _take(
        self,
        stream: Stream,
        builder: ListBuilder,
        raw: RawRows,
        parts: list[str],
        part: Part,
        page: ListPage,
    ) -> None:
        report = self._report.streams[stream.name]
        seen = builder.take(raw, [stream.prepare(row) for row in page.rows], part.given)
        report.pages += 1
        report.listed += len(seen)
        self._listings.saw(stream, seen)
        parts += [part.name] * len(seen)

    def _built(
        self, stream: Stream, builder: ListBuilder, raw: RawRows, parts: Sequence[str]
    ) -> Iterator[TableBatch]:
        """The rows of some pages that are not at the destination as they are."""
        if not len(raw):
            return
        new = raw.only(self._store.new_in(raw, parts))
        if stream.name in ("tasks", "calls"):
            self._meet(new)
        for tables in builder.tables(new):
            kept = withheld(tables, self._kept_out)
            rejects = kept.get(REJECTS.name)
            if rejects is not None and rejects.num_rows:
                kept[REJECTS.name] = self._store.with_first_times(rejects)
            if stream.name in kept:
                self._report.streams[stream.name].changed += kept[stream.name].num_rows
            yield kept

    def _counted(self, batches: Iterator[TableBatch]) -> Iterator[TableBatch]:
        for batch in batches:
            rejects = batch.get(REJECTS.name)
            reasons = {} if rejects is None else rejects.column("reason").value_counts().to_pylist()
            self._report.loading(
                {name: rows.num_rows for name, rows in batch.items() if name != PROGRESS.name},
                {one["values"]: one["counts"] for one in reasons},
            )
            yield batch

    def _absent(
        self, stream: Stream, builder: ListBuilder, missing: Sequence[str]
    ) -> Iterator[TableBatch]:
        """What was asked for by its id and not answered: marked, or a row that says no more."""
        if not missing:
            return
        report, now = self._report.streams[stream.name], self._clock.now()
        report.gone += len(missing)
        asked = pa.table({"row_key": pa.array(missing, pa.string())})
        with self._workbench.view("asked", asked):
            known = self._workbench.table(
                "SELECT DISTINCT row_key, is_deleted FROM known_rows "
                "WHERE row_key IN (SELECT row_key FROM asked)"
            )
        there = known.filter(pc.invert(known.column("is_deleted"))).column("row_key")
        report.deleted += self._store.mark(stream.table, there, now)
        unknown = sorted({*missing} - {*known.column("row_key").to_pylist()})
        if unknown:
            raw = RawRows()
            builder.take(raw, [orjson.dumps({"id": one}) for one in unknown], {})
            for tables in builder.tables(raw):
                rows = tables[stream.name]
                place = rows.schema.get_field_index("deleted_at")
                stamps = constant(now, rows.num_rows, ARROW_TYPES["timestamp"])
                yield {
                    **tables,
                    stream.name: rows.set_column(place, rows.schema.field(place), stamps),
                }

    def _meet(self, new: RawRows) -> None:
        """The contacts of new and changed tasks and calls are to be asked for."""
        ids = {_contact_of(glimpse(row)) for row in new.rows} - {None}
        rows = pa.table({"id": pa.array(sorted(map(str, ids)), pa.string())})
        self._workbench.append("ids_to_ask", rows)

    def _ids_to_ask(self, stream: Stream) -> Iterator[str]:
        """The ids by which ``contacts`` or ``job_openings`` are read."""
        if stream.name == "contacts":
            self._add_ids(self._unknown_contacts())
        else:
            self._workbench.clear("ids_to_ask")
            companies = self._companies()
            self._add_ids(companies and f"SELECT id FROM {companies}")
        batches = self._workbench.batches(
            "SELECT DISTINCT id FROM ids_to_ask ORDER BY id", None, rows_at_once=_ROWS_AT_ONCE
        )
        return (one for batch in batches for one in batch.column(0).to_pylist())

    def _add_ids(self, sql: str | None) -> None:
        for chunk in self._warehouse.read(sql) if sql else ():
            self._workbench.append("ids_to_ask", chunk)

    def _unknown_contacts(self) -> str | None:
        """A query for those that tasks and calls at the destination name; None where none can."""
        contacts = stream_table("contacts")
        has_contacts = self._store.has(contacts)
        queries = [
            f"SELECT contact__id AS id FROM {self._store.name(table)} "
            "WHERE contact__id IS NOT NULL AND deleted_at IS NULL"
            for table in map(stream_table, ("tasks", "calls"))
            if self._store.has(table)
        ]
        if has_contacts and self._is_full:
            queries.append(f"SELECT id FROM {self._store.name(contacts)} WHERE deleted_at IS NULL")
        if not queries:
            return None
        every = " UNION ".join(queries)
        if not has_contacts or self._is_full:
            return every
        known = f"SELECT id FROM {self._store.name(contacts)}"
        return f"SELECT id FROM ({every}) AS met WHERE id NOT IN ({known})"

    def _leave_with_parts(self, stream: Stream) -> None:
        """The tasks of users who are gone have left with them, and so the leads of lists.

        When they are back all of theirs is read, however far that was known.
        """
        there, table = self._listings.parts_of(stream), stream.table
        if there is None or not self._store.has(table):
            return
        column, left = stream.part_column, Counter[str]()
        for chunk in self._warehouse.read(
            f"SELECT {column}, count(*) FROM {self._store.name(table)} "
            f"WHERE deleted_at IS NULL AND {column} IS NOT NULL GROUP BY {column}"
        ):
            left.update(dict(zip(*(one.to_pylist() for one in chunk.columns), strict=True)))
        for part in there:
            left.pop(part, None)
        if left:
            keys = pa.chunked_array([sorted(left)])
            self._store.mark(table, keys, self._clock.now(), column)
            self._store.forget_progress(stream.name, left.keys())
            self._report.streams[stream.name].deleted += left.total()


def _contact_of(row: Glimpse) -> str | None:
    contact = row.contact
    found = contact.get("id") if isinstance(contact, dict) else None
    return found if isinstance(found, str) else None
