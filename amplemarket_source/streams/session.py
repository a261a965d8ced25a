"""What a sync holds while it lasts: nobody else writes to the same destination meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import dlt

from amplemarket_source.api import ApiClient
from amplemarket_source.clock import StoppableClock
from amplemarket_source.errors import Busy
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.privacy.streams import finish_stream_erasures
from amplemarket_source.schema.bookkeeping import REQUEST_LEADS
from amplemarket_source.schema.tables import COMPANIES
from amplemarket_source.settings import WorkspaceSettings
from amplemarket_source.streams.catalog import Stream
from amplemarket_source.streams.report import SyncReport
from amplemarket_source.streams.sync import Sync
from amplemarket_source.upgrade import complete_earlier, make_ledger
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.workbench import Workbench
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["open_sync"]


@contextmanager
def open_sync(
    pipeline: dlt.Pipeline,
    streams: Sequence[Stream],
    settings: WorkspaceSettings,
    clock: StoppableClock,
    report: SyncReport,
    *,
    is_full: bool = False,
    knows_nothing: bool = False,
) -> Iterator[tuple[Sync, Warehouse]]:
    """Take hold of the destination of ``pipeline`` for one sync, and of a client of the API.

    Args:
        is_full, knows_nothing: see `Sync`.
        clock: stopped when it ends, also by an error; to stop it ends the sync.

    Raises:
        Busy: another run works on the same destination.
        SettingsError: the destination cannot be used.
        DestinationError: it cannot be opened.
    """

    def lost(error: Busy) -> None:
        report.errors.append(error)
        clock.stop()

    memory = MemoryBudget()
    with ExitStack() as stack:
        warehouse, _ = stack.enter_context(exclusive_warehouse(pipeline, clock, lost, memory))
        if warehouse.has_table(REQUEST_LEADS.name):
            # In the dataset of enrichment, whose tables must not look complete before they are.
            make_ledger(warehouse)
            complete_earlier(warehouse)
        folder = WorkingFolder.of(pipeline).workbench
        stack.callback(clock.stop)
        # Nothing of it outlives the sync.
        shutil.rmtree(folder, ignore_errors=True)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        workbench = stack.enter_context(Workbench(folder))
        memory.add("workbench", workbench.limit)
        stack.callback(memory.remove, "workbench")
        client = stack.enter_context(
            ApiClient(
                settings.api_key,
                settings.base_url,
                requests_per_minute=settings.requests_per_minute,
                clock=clock,
            )
        )
        finish_stream_erasures(warehouse, clock.now())
        sync = Sync(
            pipeline,
            streams,
            settings,
            report,
            memory=memory,
            client=client,
            warehouse=warehouse,
            workbench=workbench,
            clock=clock,
            companies=lambda: warehouse.table_elsewhere(settings.companies_dataset, COMPANIES.name),
            is_full=is_full,
            knows_nothing=knows_nothing,
        )
        yield sync, warehouse
