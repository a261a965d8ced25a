"""One run at a time on one destination.

What is guaranteed, and by what:

=====================================  =========================================================
two runs                               the second is refused by
=====================================  =========================================================
of one pipeline, on one machine        a lock on a file in the pipeline's work folder; the operating
                                       system frees it however its owner dies
of two pipelines, on one DuckDB file   DuckDB, which admits one process at a time (not: two threads
                                       of one process under two pipeline names)
on two machines, on a warehouse        a lease: one row, taken by an UPDATE whose condition is that
                                       it is free, renewed while the run lasts, checked again
                                       before every POST. A dead owner's lease ends after five
                                       minutes, or at once for a run from the same work folder
=====================================  =========================================================

The lease is as good as the warehouse's UPDATE. BigQuery, Snowflake and Postgres let one of two
concurrent updates of a row through, so that two owners can only be in doubt between an UPDATE and
the read that follows; the check before each POST narrows what is left of that to a moment. Clocks
of two machines may differ by less than the lease's five minutes. In ``tests/destinations`` a second
machine is refused on PostgreSQL, DuckLake and the emulators of BigQuery and Snowflake
(api-notes: one-update).

A plain ``pipeline.run(amplemarket(...))`` holds the lock while it buys and reads. dlt loads after
that, outside of it: two plain runs of one pipeline must not overlap, which dlt asks for anyway
(api-notes: dlt-staging).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta

import dlt
import filelock

from amplemarket_source.clock import Clock
from amplemarket_source.errors import Busy, DestinationError
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.schema.tables import LOCK
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["Lease", "exclusive_warehouse"]

_LASTS = timedelta(minutes=5)
_RENEWED_EVERY = 60.0  # seconds

_ROW = "run"


class Lease:
    """The right to run on a warehouse, for as long as it is renewed.

    Args:
        owner: the same for every run of one work folder, of which the file lock admits one.

    Example::

        lease = Lease(warehouse, owner, clock)
        lease.take()        # Busy, where another owner has it
        lease.check()       # still ours; renewed
        lease.release()
    """

    def __init__(self, warehouse: Warehouse, owner: str, clock: Clock) -> None:
        self._warehouse = warehouse
        self._owner = owner
        self._clock = clock

    def take(self) -> None:
        """Take the lease if it is free, has ended, or is this owner's.

        Raises:
            Busy: another owner has it; the text says until when.
        """
        if not self._warehouse.has_table(LOCK.name):
            self._warehouse.load({LOCK: []})
        if not self._row():
            self._warehouse.insert(LOCK, {"name": _ROW, "owner": "", "_dlt_id": _ROW})
        self._claim(or_free=True)
        self.check()

    def check(self) -> None:
        """Renew the lease.

        Raises:
            Busy: it is not ours any more.
        """
        self._claim(or_free=False)
        owner, expires_at = self._row()[0]
        if owner != self._owner:
            raise Busy(
                "A run on another machine works on this destination. It has until "
                f"{expires_at:%Y-%m-%d %H:%M:%S} UTC to say that it is alive; "
                "wait for it, or run again after that."
            )

    def release(self) -> None:
        """Let the next run in at once."""
        table = self._warehouse.name(LOCK.name)
        self._warehouse.rows(
            f"UPDATE {table} SET owner = '', expires_at = NULL WHERE name = %s AND owner = %s",
            _ROW,
            self._owner,
        )

    def _row(self) -> list[tuple[str, datetime]]:
        table = self._warehouse.name(LOCK.name)
        found = self._warehouse.rows(f"SELECT owner, expires_at FROM {table} WHERE name = %s", _ROW)
        return [(row[0], row[1]) for row in found]

    def _claim(self, *, or_free: bool) -> None:
        now = self._clock.now()
        free = "OR owner = '' OR expires_at < %s" if or_free else ""
        self._warehouse.rows(
            f"UPDATE {self._warehouse.name(LOCK.name)} SET owner = %s, expires_at = %s"
            f"{', acquired_at = %s' if or_free else ''} WHERE name = %s AND (owner = %s {free})",
            self._owner,
            now + _LASTS,
            *([now] if or_free else []),
            _ROW,
            self._owner,
            *([now] if or_free else []),
        )


@contextmanager
def exclusive_warehouse(
    pipeline: dlt.Pipeline,
    clock: Clock,
    on_lost: Callable[[Busy], None] = lambda _: None,
    memory: MemoryBudget | None = None,
) -> Iterator[tuple[Warehouse, Callable[[], None]]]:
    """The warehouse of a destination on which nobody else runs.

    Args:
        on_lost: called from another thread when the lease was taken by somebody else.
        memory: see `Warehouse`.

    Yields:
        The warehouse, and what to call before each POST; it raises `Busy`.

    Raises:
        Busy: somebody else runs; see the table above.
        DestinationError: the warehouse cannot be opened.
    """
    folder = WorkingFolder.of(pipeline)
    with ExitStack() as stack:
        try:
            stack.enter_context(filelock.FileLock(folder.lock, timeout=0))
        except filelock.Timeout:
            raise Busy(
                f"Another run of pipeline {pipeline.pipeline_name!r} is going on. "
                "Wait for it, or use another --pipeline-name for another destination."
            ) from None
        warehouse = stack.enter_context(Warehouse(pipeline, memory))
        if warehouse.is_one_process:
            yield warehouse, lambda: None
            return
        lease = Lease(warehouse, folder.owner(), clock)
        lease.take()
        stack.callback(lease.release)
        stack.enter_context(_renewed(lease, on_lost))
        yield warehouse, lease.check


@contextmanager
def _renewed(lease: Lease, on_lost: Callable[[Busy], None]) -> Iterator[None]:
    over = threading.Event()

    def renew() -> None:
        try:
            keep()
        except Busy as error:
            on_lost(error)

    def keep() -> None:
        while not over.wait(_RENEWED_EVERY):
            with suppress(DestinationError):  # the next try is a minute away, the end five
                lease.check()

    thread = threading.Thread(target=renew, name="amplemarket-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
