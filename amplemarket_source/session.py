"""What a run holds while it lasts, all of it there from the first moment on.

    with open_session(pipeline, settings, clock, report) as session:
        ...

Opening a session takes the lock and, on a warehouse, the lease: while it is open, nobody else buys
or loads at the same destination. What is done with it is written in `amplemarket_source.run` and
`amplemarket_source.source`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

import dlt

from amplemarket_source.clock import StoppableClock
from amplemarket_source.errors import Busy
from amplemarket_source.journal import Journal
from amplemarket_source.ledger import Ledger
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.model import RunMark
from amplemarket_source.pages import Spool
from amplemarket_source.privacy.redact import Suppressions
from amplemarket_source.privacy.unfinished import finish_erasures
from amplemarket_source.report import RunReport
from amplemarket_source.settings import Settings
from amplemarket_source.upgrade import complete_earlier
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import CheckLease, exclusive_warehouse
from amplemarket_source.workbench import Workbench
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["Session", "open_session"]


@dataclass(frozen=True)
class Session:
    """One run's hold on a destination.

    Attributes:
        clock: its ``stop`` ends the run: whoever waits is woken, a call under way is left to
            finish, what is in flight stays for the next run.
        report: what the run did so far.
        run: the mark of this run on what it writes.
        warehouse: the destination, to which nobody else writes now.
        ledger: the record of purchases in it.
        journal: the instants around each POST, on this disk.
        spool: pages on this disk.
        suppressions: who was erased; pages are redacted by it.
        workbench: the leads of this run; gone when the session ends.
        memory: what the databases of the run may keep.
        check_lease: call it before each POST, with the statements that have to be recorded before
            it; raises `Busy` where another machine took over.
    """

    pipeline: dlt.Pipeline
    settings: Settings
    clock: StoppableClock
    report: RunReport
    run: RunMark
    warehouse: Warehouse
    ledger: Ledger
    journal: Journal
    spool: Spool
    suppressions: Suppressions
    workbench: Workbench
    memory: MemoryBudget
    check_lease: CheckLease


@contextmanager
def open_session(
    pipeline: dlt.Pipeline, settings: Settings, clock: StoppableClock, report: RunReport
) -> Iterator[Session]:
    """Take hold of the destination of ``pipeline`` for one run.

    Args:
        clock: stopped when the session ends, also by an error.
        report: gets the loss of the lease, if it is lost.

    Raises:
        Busy: another run works on the same destination (`amplemarket_source.warehouse.lease`).
        LedgerError: the journal is damaged.
        DestinationError: the destination cannot be used.
    """

    def lost(error: Busy) -> None:
        report.failed(error)
        clock.stop()

    memory = MemoryBudget()
    with ExitStack() as stack:
        warehouse, check_lease = stack.enter_context(
            exclusive_warehouse(pipeline, clock, lost, memory)
        )
        folder = WorkingFolder.of(pipeline)
        stack.callback(clock.stop)
        suppressions = Suppressions()
        # Nothing of it outlives the run: it holds the input, which is personal data.
        shutil.rmtree(folder.workbench, ignore_errors=True)
        stack.callback(shutil.rmtree, folder.workbench, ignore_errors=True)
        workbench = stack.enter_context(Workbench(folder.workbench))
        memory.add("workbench", workbench.limit)
        stack.callback(memory.remove, "workbench")
        ledger = Ledger(warehouse)
        complete_earlier(warehouse)
        finish_erasures(warehouse, clock.now())
        yield Session(
            pipeline=pipeline,
            settings=settings,
            clock=clock,
            report=report,
            run=RunMark(f"{clock.now():%Y%m%d-%H%M%S}-{uuid4().hex[:8]}", settings.label),
            warehouse=warehouse,
            ledger=ledger,
            journal=Journal(folder.journal),
            spool=Spool(folder.spool, suppressions.redact),
            suppressions=suppressions,
            workbench=workbench,
            memory=memory,
            check_lease=check_lease,
        )
