"""The workspace kept in step, as the command does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import dlt
from dlt.extract import DltSource

from amplemarket_source.clock import Interrupted, StoppableClock, SystemClock
from amplemarket_source.environment import keep_values_out_of_logs, run_environment
from amplemarket_source.errors import Busy
from amplemarket_source.load.streams import stream_resources
from amplemarket_source.load.waves import load_in_room, load_pending
from amplemarket_source.memory import share_arenas
from amplemarket_source.run.enrichment import in_background
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.settings import WORKSPACE, WorkspaceSettings, resolve_workspace_settings
from amplemarket_source.streams.catalog import Stream, streams_named
from amplemarket_source.streams.report import SyncReport
from amplemarket_source.streams.session import open_sync
from amplemarket_source.streams.sync import Sync
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["WorkspaceSync", "sync"]


class WorkspaceSync:
    """One sync, which can be watched and stopped while it goes on; ``run`` does it once.

    Args:
        streams: names; none for the usual ones.
        is_full: read everything to its end, whatever is known.

    Attributes:
        report: what the sync did so far; read it at any time, from any thread.

    Raises:
        UsageError: there is no such stream.
    """

    def __init__(
        self,
        pipeline: dlt.Pipeline,
        settings: WorkspaceSettings,
        streams: Iterable[str] = (),
        *,
        is_full: bool = False,
    ) -> None:
        # Now: later there are threads.
        share_arenas()
        self.report = SyncReport()
        self._pipeline = pipeline
        self._settings = settings
        self._streams = streams_named(streams)
        self._is_full = is_full
        self._clock = StoppableClock(SystemClock())

    def stop(self) -> None:
        """Ask for nothing more; what was read by then is not loaded, and read again next time."""
        self._clock.stop()

    def run(self) -> SyncReport:
        """Read, and load what is new.

        Raises:
            AmplemarketError: it could not do its work; single streams' troubles are in the report.
            KeyboardInterrupt: it was stopped.
        """
        keep_values_out_of_logs(streams=True)
        with run_environment(), self.report.timing("total"), ExitStack() as stack:
            load_pending(self._pipeline)
            sync, warehouse = stack.enter_context(
                open_sync(
                    self._pipeline,
                    self._streams,
                    self._settings,
                    self._clock,
                    self.report,
                    is_full=self._is_full,
                    knows_nothing=bool(self._pipeline.refresh),
                )
            )
            try:
                load_in_room(
                    self._pipeline,
                    warehouse,
                    _source(self._streams, sync, warehouse, self._settings, self.report),
                    kept="what was read is read again by the next sync",
                )
            except Interrupted:
                lost = [error for error in self.report.errors if isinstance(error, Busy)]
                raise (lost[0] if lost else KeyboardInterrupt) from None
        return self.report


def sync(
    pipeline: dlt.Pipeline, streams: Iterable[str] = (), *, full: bool = False, **settings: Any
) -> SyncReport:
    """Bring the tables of the workspace in step, as ``amplemarket sync`` does.

    Args:
        pipeline: names the destination and the dataset.
        streams: names of streams; none for the usual ones.
        full: read everything to its end, whatever is known.
        settings: ``api_key``, ``base_url``, ``requests_per_minute``, ``calls_overlap``,
            ``companies_dataset``, which come first before the environment and dlt's files.

    Returns:
        What it did. `SyncReport.raise_unless_done` makes a stream that could not be read an error.

    Raises:
        UsageError: there is no such stream.
        Busy: another run is at work at the same destination.
        AmplemarketError: the sync could not do its work.

    Example::

        sync(pipeline, ["users", "tasks"]).raise_unless_done()
    """
    work = WorkspaceSync(pipeline, resolve_workspace_settings(**settings), streams, is_full=full)
    return in_background(work.run, on_stop=work.stop)


def _source(
    streams: Iterable[Stream],
    sync: Sync,
    warehouse: Warehouse,
    settings: WorkspaceSettings,
    report: SyncReport,
) -> DltSource:
    def read(registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        with report.timing("read"):
            yield from sync.batches(registry, load_id)

    made: Callable[[], DltSource] = dlt.source(
        lambda: stream_resources(read, warehouse.lacking, lambda: settings.schema_contract),
        name=WORKSPACE,
        max_table_nesting=0,
    )
    return made().with_resources(*(stream.name for stream in streams))
