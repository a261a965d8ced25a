"""What happens once a plain ``pipeline.run(amplemarket(...))`` has loaded.

dlt tells no source that its load has ended. It tells trackers: modules listed in
``dlt.pipeline.trace.TRACKING_MODULES``, the place dlt has for this, are called at the end of each
step of every pipeline in the process, also where ``extract`` and ``load`` are called one by one
(api-notes: dlt-trackers). The settings that commands make would do half of it, for every other
source in the process as well, and a collector is the user's own. So the tracker here looks at loads
whose package is marked as one of ours, and

1. where a job failed, makes sure that the load settles nothing;
2. removes the pages and the load's files, which hold people;
3. empties our staging tables, which do as well;
4. erases again who was erased while the load was under way
   (`amplemarket_source.privacy.unfinished`).

What a process that dies before leaves is done by the next run: it opens with the fourth, removes
the pages of requests that are settled and does the rest after its own load.

Commands and their Python twins need none of it: they hold the destination while they load.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo, SupportsPipeline
from dlt.common.runtime.tracking import SupportsTracking
from dlt.common.storages.exceptions import LoadPackageNotFound
from dlt.common.storages.load_package import LoadPackageInfo
from dlt.pipeline import trace as dlt_trace
from dlt.pipeline.trace import PipelineStepTrace

from amplemarket_source.clock import SystemClock
from amplemarket_source.errors import AmplemarketError, Busy, UsageError
from amplemarket_source.ledger import Ledger
from amplemarket_source.pages import CompletedRequest, Spool
from amplemarket_source.privacy.streams import finish_stream_erasures
from amplemarket_source.privacy.unfinished import finish_erasures
from amplemarket_source.schema.bookkeeping import REJECTS
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.warehouse.refusals import translated
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["follow_loads", "mark_load", "mark_sync", "marking"]

logger = logging.getLogger("amplemarket")

_MARK = "amplemarket_requests"
"""In the state of a package of a plain run: the keys of the requests whose answers it has."""
_MARK_OF_SYNC = "amplemarket_sync"
"""In the state of a package that has rows of the workspace."""


def follow_loads() -> None:
    """Be told of every load of this process from now on; more than one call is as one."""
    if _follower not in dlt_trace.TRACKING_MODULES:
        dlt_trace.TRACKING_MODULES.append(_follower)


def mark_load(pipeline: dlt.Pipeline) -> None:
    """Mark the load that is being extracted as a plain run's.

    Raises:
        UsageError: it is marked already, by another source; or dlt is told to tell nobody of the
            end of a load.
    """
    package: dict[str, Any] = dlt.current.load_package_state()["state"]  # type: ignore[assignment]
    if _MARK in package:
        raise UsageError(
            "Two amplemarket sources in one run would read each other's requests: give all leads "
            "to one, or run them one after the other."
        )
    _require_trace(pipeline)
    package[_MARK] = []


def marking(requests: Iterable[CompletedRequest]) -> Iterator[CompletedRequest]:
    """The same requests; the mark of the load that is being extracted names them."""
    package: dict[str, Any] = dlt.current.load_package_state()["state"]  # type: ignore[assignment]
    for request in requests:
        package[_MARK].append(request.record.request_key)
        yield request


def mark_sync(pipeline: dlt.Pipeline) -> None:
    """Mark the load that is being extracted as one of the workspace's, in a plain run.

    Raises:
        UsageError: dlt is told to tell nobody of the end of a load.
    """
    _require_trace(pipeline)
    package: dict[str, Any] = dlt.current.load_package_state()["state"]  # type: ignore[assignment]
    package[_MARK_OF_SYNC] = True


def _require_trace(pipeline: dlt.Pipeline) -> None:
    if not pipeline.config.enable_runtime_trace:
        raise UsageError(
            "enable_runtime_trace is false: without it nobody is told when the load has ended, and "
            "people would stay in working folders. Leave it out. Nothing was bought."
        )


class _Follower(SupportsTracking):
    """A tracker, as dlt wants it."""

    def on_start_trace(self, *_: Any) -> None:
        pass

    def on_start_trace_step(self, *_: Any) -> None:
        pass

    def on_end_trace_step(
        self,
        trace: Any,
        step: PipelineStepTrace,
        pipeline: SupportsPipeline,
        step_info: Any,
        send_state: bool,
    ) -> None:
        if not isinstance(pipeline, dlt.Pipeline) or not isinstance(step_info, LoadInfo):
            return
        for package in step_info.load_packages:
            if package.state == "loaded":
                _follow_up(pipeline, package)

    def on_end_trace(self, *_: Any) -> None:
        pass


_follower = _Follower()


def _follow_up(pipeline: dlt.Pipeline, package: LoadPackageInfo) -> None:
    try:
        state: Any = pipeline.get_load_package_state(package.load_id)
    except LoadPackageNotFound:
        return
    if _MARK_OF_SYNC in state:
        _follow_sync(pipeline, package)
    if _MARK not in state:
        return
    has_failed = bool(package.jobs["failed_jobs"])
    if has_failed:
        logger.error(
            "Tables of load %s failed, so it settles nothing: mend the destination and run again; "
            "the answers are read once more and nothing is bought again.",
            package.load_id,
        )
    else:
        _remove_pages(pipeline, state[_MARK])
        _remove_files(package, TABLES)
    with _left_to_the_next_run(), exclusive_warehouse(pipeline, SystemClock()) as (warehouse, _):
        ledger = Ledger(warehouse)
        if has_failed:
            ledger.unsettle(package.load_id)
        _empty_staging(pipeline, package, TABLES)
        finish_erasures(warehouse, SystemClock().now())


def _follow_sync(pipeline: dlt.Pipeline, package: LoadPackageInfo) -> None:
    """The same of the workspace."""
    tables = [*(table.name for table in STREAM_TABLES), REJECTS.name]
    if not package.jobs["failed_jobs"]:
        _remove_files(package, tables)
    with _left_to_the_next_run(), exclusive_warehouse(pipeline, SystemClock()) as (warehouse, _):
        _empty_staging(pipeline, package, tables)
        finish_stream_erasures(warehouse, SystemClock().now())


@contextmanager
def _left_to_the_next_run() -> Iterator[None]:
    """What cannot be done now is said, and not raised: the load itself is good."""
    try:
        yield
    except Busy:
        # Whoever has it opened with the same, or ends with it.
        logger.debug("Another run is at work.")
    except AmplemarketError as error:
        logger.error("What follows a load is left to the next run: %s", error)


def _remove_pages(pipeline: dlt.Pipeline, request_keys: list[str]) -> None:
    spool = Spool(WorkingFolder.of(pipeline).spool)
    for key in request_keys:
        spool.request(key).remove()


def _remove_files(package: LoadPackageInfo, tables: Collection[str]) -> None:
    for job in package.jobs["completed_jobs"]:
        if job.job_file_info.table_name in tables:
            Path(job.file_path).unlink(missing_ok=True)


def _empty_staging(pipeline: dlt.Pipeline, package: LoadPackageInfo, tables: Iterable[str]) -> None:
    # Of a kind that has staging tables: no other is taken (`require_guarantees`).
    client: Any = pipeline.destination_client(package.schema_name)
    with translated("empty", "the staging tables", pipeline), client, client.with_staging_dataset():
        found = [name for name, columns in client.get_storage_tables(tables) if columns]
        if found:
            client.sql_client.truncate_tables(*found)
