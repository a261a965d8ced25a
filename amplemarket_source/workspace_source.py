"""The dlt source of the workspace: what the API lists beside enrichment."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Optional

import dlt
from dlt.extract import DltResource

from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import keep_values_out_of_logs
from amplemarket_source.load.follow import follow_loads, mark_sync
from amplemarket_source.load.streams import selected_streams, stream_resources
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.settings import (
    NO_KEY_NEEDED,
    WORKSPACE,
    WORKSPACE_SETTING_NAMES,
    ResolvedHere,
    resolve_workspace_settings,
)
from amplemarket_source.streams.report import SyncReport
from amplemarket_source.streams.session import open_sync
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.warehouse.capabilities import disable_adbc
from amplemarket_source.warehouse.tables import lacking_at

__all__ = ["workspace"]

logger = logging.getLogger("amplemarket")


# `Optional`, because dlt evaluates the annotations at run time.
@dlt.source(name=WORKSPACE, section=WORKSPACE, max_table_nesting=0, spec=ResolvedHere)
def workspace(
    *,
    api_key: Optional[str] = None,  # noqa: UP045
    base_url: Optional[str] = None,  # noqa: UP045
    requests_per_minute: Optional[float] = None,  # noqa: UP045
    calls_overlap: Optional[str] = None,  # noqa: UP045
    companies_dataset: Optional[str] = None,  # noqa: UP045
    full: bool = False,
) -> Iterator[DltResource]:
    """Users, sequences, tasks, calls, lead lists and the rest of the workspace as tables.

    A resource for each stream; what is selected is read. Rows are merged by their key, and only
    those that are new or changed are loaded. A row that a whole listing has no more gets
    ``deleted_at`` and stays; it loses it when it comes back. Nothing is spent.

    Args:
        api_key: bearer token; where the section ``amplemarket_workspace`` has none, that of
            ``amplemarket``. Not needed before the first table is read.
        base_url: of the API; from the same places.
        requests_per_minute: shared by all calls of the process.
        calls_overlap: an age: calls are read again from so long before the last one known.
        companies_dataset: where enrichment has loaded the companies whose ``job_openings`` are
            read; that resource is not selected unless you say so.
        full: read everything to its end, whatever is known: finds deleted calls, and what has
            changed in old ones.

    Returns:
        A dlt source whose resources are the streams.

    Raises:
        AmplemarketError: see `amplemarket_source.errors`; raised while dlt extracts. A stream that
            cannot be read is logged as an error and leaves the others alone.

    Example::

        pipeline = dlt.pipeline("amplemarket_workspace", destination="duckdb",
                                dataset_name="amplemarket_workspace")
        pipeline.run(workspace().with_resources("users", "tasks"))
    """
    keep_values_out_of_logs(streams=True)
    disable_adbc()
    given = {name: value for name, value in locals().items() if name in WORKSPACE_SETTING_NAMES}
    # What is wrong is said where the source is made; only the key may come later.
    resolve_workspace_settings(**{**given, "api_key": api_key or NO_KEY_NEEDED})
    follow_loads()

    def read(registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        pipeline, report = dlt.current.pipeline(), SyncReport()
        streams = selected_streams(dlt.current.source())
        mark_sync(pipeline)
        package = dlt.current.load_package_state()["state"]
        with open_sync(
            pipeline,
            streams,
            resolve_workspace_settings(**given),
            StoppableClock(SystemClock()),
            report,
            is_full=full,
            # dlt drops the tables before it loads what is read now.
            knows_nothing=bool(pipeline.refresh or package.get("refresh")),
        ) as (sync, _):
            yield from sync.batches(registry, load_id)
        if report.failed:
            # dlt calls the run a success whatever was not read.
            logger.error("%s", report.headline)

    yield from stream_resources(
        read,
        lambda tables: lacking_at(dlt.current.pipeline(), tables),
        lambda: (
            resolve_workspace_settings(
                **{**given, "api_key": api_key or NO_KEY_NEEDED}
            ).schema_contract
        ),
    )
