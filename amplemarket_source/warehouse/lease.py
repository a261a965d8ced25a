"""One run at a time on one destination.

What is guaranteed, and by what:

=====================================  =========================================================
two runs                               the second is refused by
=====================================  =========================================================
from one work folder                   a lock on a file in it; the operating system frees it however
                                       its owner dies
on one DuckDB file                     DuckDB, which admits one process at a time, and within a
                                       process a set of what is open
on a warehouse                         a lease: one row, taken by an UPDATE whose condition is that
                                       it is free, renewed while the run lasts, and asked for after
                                       the intent to buy is recorded, before every POST and load
=====================================  =========================================================

The owner of a lease is one run of one process on one machine, whatever folder it works in: a folder
can be copied, its lock removed. A lease ends five minutes after it was last renewed, or at once
where its process is seen to be dead, which the machine that it ran on can tell. One that claims to
last for more than an hour is that of a wrong clock, and free.

A run that was paused for longer than its lease, between the question and the POST, buys nothing
twice either: its intent was recorded before the question, so whoever took over since then has seen
it, and holds the batch.

The lease is as good as the warehouse's UPDATE. BigQuery, Snowflake and Postgres let one of two
concurrent updates of a row through, so that two owners can only be in doubt between an UPDATE and
the read that follows. Clocks of
two machines may differ by less than the lease's five minutes. In ``tests/destinations`` a second
machine is refused on PostgreSQL, DuckLake and the emulators of BigQuery and Snowflake
(api-notes: one-update).

A plain ``pipeline.run(amplemarket(...))`` holds the lock while it buys and reads. dlt loads after
that, outside of it: two plain runs of one pipeline must not overlap, which dlt asks for anyway
(api-notes: dlt-staging).
"""

from __future__ import annotations

import hashlib
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dlt
import filelock

from amplemarket_source.clock import Clock
from amplemarket_source.errors import Busy, DestinationError
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.schema.bookkeeping import LOCK
from amplemarket_source.warehouse.capabilities import require_guarantees
from amplemarket_source.warehouse.client import Statement, Warehouse
from amplemarket_source.warehouse.loads import remove_torn_files
from amplemarket_source.warehouse.refusals import translated
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["CheckLease", "Lease", "exclusive_warehouse", "is_over", "this_run"]

_LASTS = timedelta(minutes=5)
_AT_MOST = timedelta(hours=1)
_RENEWED_EVERY = 60.0  # seconds

_WHILE_ANOTHER_MAKES_IT = 3.0  # seconds

_ROW = "run"

CheckLease = Callable[..., object]
"""Runs the statements that it is given, then asks whether the lease is still this run's."""

_running: set[str] = set()
"""What this process has taken: names of its runs, and the DuckDB files it has open."""
_running_lock = threading.Lock()


class Lease:
    """The right to run on a warehouse, for as long as it is renewed.

    Args:
        owner: this run, as `this_run` names it.

    Example::

        lease = Lease(warehouse, this_run(), clock)
        lease.take()        # Busy, where another owner has it
        lease.check()       # still ours; renewed
        lease.release()
    """

    def __init__(self, warehouse: Warehouse, owner: str, clock: Clock) -> None:
        self._warehouse = warehouse
        self._owner = owner
        self._clock = clock

    def take(self) -> None:
        """Take the lease if it is free, has ended, or its owner is dead.

        Raises:
            Busy: another owner has it; the text says until when.
        """
        self._make()
        found = self._claim(or_free=True)
        if not found:
            self._warehouse.insert(LOCK, {"name": _ROW, "owner": "", "_dlt_id": _ROW})
            found = self._claim(or_free=True)
        owner, expires_at = found[0]
        never = expires_at is not None and expires_at > self._clock.now() + _AT_MOST
        if owner != self._owner and (never or is_over(owner)):
            self._free(owner)
            found = self._claim(or_free=True)
        self._require_ours(found)

    def _make(self) -> None:
        if self._warehouse.lacking([LOCK]):
            try:
                self._warehouse.make([LOCK])
            except DestinationError:
                # Two first runs make it at the same time; the other one may have been faster.
                self._clock.sleep(_WHILE_ANOTHER_MAKES_IT)
                if not self._warehouse.has_table(LOCK.name):
                    raise

    def check(self, *after: Statement) -> None:
        """Renew the lease, after some statements.

        Raises:
            Busy: it is not ours any more.
        """
        self._require_ours(self._claim(*after, or_free=False))

    def _require_ours(self, found: list[tuple[str, datetime]]) -> None:
        owner, expires_at = found[0]
        if owner != self._owner:
            raise Busy(
                "Another run works on this destination, here or on another machine. It has until "
                f"{expires_at:%Y-%m-%d %H:%M:%S} UTC to say that it is alive; "
                "wait for it, or run again after that."
            )

    def release(self) -> None:
        """Let the next run in at once."""
        self._free(self._owner)

    def _free(self, owner: str) -> None:
        table = self._warehouse.name(LOCK.name)
        self._warehouse.rows(
            f"UPDATE {table} SET owner = '', expires_at = NULL WHERE name = %s AND owner = %s",
            _ROW,
            owner,
        )

    def _claim(self, *after: Statement, or_free: bool) -> list[tuple[str, datetime]]:
        """Take or renew the lease where that is possible; whose it is then, and until when."""
        table, now = self._warehouse.name(LOCK.name), self._clock.now()
        free = "OR owner = '' OR expires_at < %s" if or_free else ""
        found = self._warehouse.together(
            *after,
            (
                f"UPDATE {table} SET owner = %s, expires_at = %s"
                f"{', acquired_at = %s' if or_free else ''} "
                f"WHERE name = %s AND (owner = %s {free})",
                (
                    self._owner,
                    now + _LASTS,
                    *([now] if or_free else []),
                    _ROW,
                    self._owner,
                    *([now] if or_free else []),
                ),
            ),
            (f"SELECT owner, expires_at FROM {table} WHERE name = %s", (_ROW,)),
        )
        return [(row[0], row[1]) for row in found]


def this_run() -> str:
    """A name for one run: its machine (as a hash), its process, and a mark of its own.

    Example::

        this_run()    # "5f0c...:4711:8812345:0b1e..."
    """
    return ":".join((_machine(), str(os.getpid()), _started(os.getpid()), uuid4().hex))


def is_over(owner: str) -> bool:
    """Whether the run called ``owner`` was one of this machine and its process is not there.

    False where that cannot be told.
    """
    machine, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, _ = rest.partition(":")
    if machine != _machine() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid() and started == _started(os.getpid()):
        return owner not in _running
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return started != _started(int(pid))


def _machine() -> str:
    """A hash that differs from one boot, and from one container, to the next."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """When a process was started, by the machine's own count; empty where nobody can tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


@contextmanager
def _held(name: str, told: str) -> Iterator[None]:
    """Hold something within this process.

    Raises:
        Busy: another thread holds it.
    """
    with _running_lock:
        if name in _running:
            raise Busy(told)
        _running.add(name)
    try:
        yield
    finally:
        _running.discard(name)


@contextmanager
def exclusive_warehouse(
    pipeline: dlt.Pipeline,
    clock: Clock,
    on_lost: Callable[[Busy], None] = lambda _: None,
    memory: MemoryBudget | None = None,
) -> Iterator[tuple[Warehouse, CheckLease]]:
    """The warehouse of a destination on which nobody else runs.

    Args:
        on_lost: called from another thread when the lease was taken by somebody else.
        memory: see `Warehouse`.

    Yields:
        The warehouse, and what to call before each POST, with what has to be recorded before; it
        raises `Busy`.

    Raises:
        Busy: somebody else runs; see the table above.
        SettingsError: the destination cannot hold the guarantees, or is no database.
        DestinationError: the warehouse cannot be opened.
    """
    with translated("open", "the ledger", pipeline):
        # Before anything is made: what cannot be used stays as it is.
        require_guarantees(pipeline)
        folder = WorkingFolder.of(pipeline)
    busy = (
        f"Another run of pipeline {pipeline.pipeline_name!r} is going on. "
        "Wait for it, or use another --pipeline-name for another destination."
    )
    with ExitStack() as stack:
        try:
            stack.enter_context(filelock.FileLock(folder.lock, timeout=0))
        except filelock.Timeout:
            raise Busy(busy) from None
        remove_torn_files(pipeline)
        warehouse = stack.enter_context(Warehouse(pipeline, memory))
        if warehouse.is_one_process:
            stack.enter_context(_held(str(folder.destination), busy))
            yield warehouse, warehouse.together
            return
        owner = this_run()
        stack.enter_context(_held(owner, busy))
        lease = Lease(warehouse, owner, clock)
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
