"""The pipeline that loads into the ledger, and what dlt keeps of it in the working folder.

A pipeline of its own (``<name>_ledger``), so that a package which the data pipeline left pending
never stands in the way of the ledger, and the dataset exists before the data pipeline extracts for
the first time: dlt deletes pending packages of a dataset that is not there
(api-notes: dlt-first-run).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from amplemarket_source.environment import run_environment
from amplemarket_source.schema.bookkeeping import ENRICHMENT_REQUESTS, LOCK
from amplemarket_source.schema.streams import PROGRESS
from amplemarket_source.schema.table import Table, resource_for

__all__ = ["LedgerLoads", "drop_packages", "remove_torn_files", "stamped"]

_LEDGER = "{}_ledger"
_TORN = re.compile(r"[0-9a-f]{16}")


class LedgerLoads:
    """Loads beside ``outer``, into the same dataset.

    Example::

        loads = LedgerLoads(pipeline)
        loads.apart(loads.open)
        loads.load({LEADS: rows})
    """

    def __init__(self, outer: dlt.Pipeline) -> None:
        self._outer = outer
        self._pipeline: dlt.Pipeline

    def open(self) -> Any:
        """Make the pipeline, drop what it has left, and give dlt's job client for it."""
        outer = self._outer
        self._pipeline = dlt.pipeline(
            _LEDGER.format(outer.pipeline_name),
            destination=outer.destination,
            dataset_name=outer.dataset_name,
            pipelines_dir=outer.pipelines_dir,
        )
        # What a user's settings say of all pipelines must not reach the record of purchases.
        self._pipeline.refresh = None
        self._pipeline.dataset_name = outer.dataset_name
        for pipeline in (outer, self._pipeline):
            # dlt makes them for everybody to read, and packages hold people.
            Path(pipeline.working_dir).chmod(0o700)
        _forget_torn_files(self._pipeline)
        # What an earlier run planned and did not get to record: it sent nothing of it, and its
        # input rows may be of someone erased by now.
        drop_packages(self._pipeline)
        return self._pipeline.destination_client()

    def load(self, given: Mapping[Table, pa.Table]) -> None:
        """Load rows of tables that are there, merged by their keys; if it fails, nothing is left.

        Raises:
            dlt's own errors.
        """
        resources = [resource_for(table, _with_load_id(rows)) for table, rows in given.items()]

        def run() -> None:
            # In a plain run of the user's as well: the files of this load are ours, and hold leads.
            with run_environment():
                info = self._pipeline.run(
                    resources, schema=dlt.Schema(self._pipeline.pipeline_name)
                )
            info.raise_on_failed_jobs()

        try:
            self.apart(run)
        except Exception:
            # dlt would load it in place of the next rows (api-notes: dlt-pending).
            self.apart(lambda: drop_packages(self._pipeline))
            raise

    def apart(self, work: Callable[[], object]) -> None:
        """Do work with this pipeline while the outer one may be extracting.

        dlt keeps the context of a running extract by thread and one active pipeline by process: so
        it takes a thread of its own, and the outer pipeline is made active again
        (api-notes: dlt-active-pipeline).
        """
        with ThreadPoolExecutor(1, thread_name_prefix="ledger") as thread:
            try:
                thread.submit(work).result()
            finally:
                self._outer.activate()


def _with_load_id(rows: pa.Table) -> Callable[[], Iterator[pa.Table]]:
    def stamping() -> Iterator[pa.Table]:
        yield stamped(rows, dlt.current.load_package_state()["load_id"])

    return stamping


def stamped(rows: pa.Table, load_id: str) -> pa.Table:
    """``rows`` with the load that they come with."""
    place = rows.schema.get_field_index("_dlt_load_id")
    stamps = pa.repeat(pa.scalar(load_id), rows.num_rows)
    return rows.set_column(place, rows.schema.field(place), stamps)


def drop_packages(pipeline: dlt.Pipeline) -> None:
    """Delete the packages of ours that ``pipeline`` has not loaded, whatever state they are in.

    Those of other sources of the same pipeline stay. dlt's own way of giving a package up keeps
    what was in it in files (api-notes: dlt-abort).
    """
    load_ids = {
        *pipeline.list_extracted_load_packages(),
        *pipeline.list_normalized_load_packages(),
    }
    for load_id in load_ids:
        for folder in Path(pipeline.working_dir).rglob(load_id):
            if folder.is_dir() and _is_ours(folder):
                shutil.rmtree(folder, ignore_errors=True)


def remove_torn_files(pipeline: dlt.Pipeline) -> None:
    """Delete what dlt was writing among its schemas when the disk was full or a kill came.

    dlt takes such a file for a schema, and every run fails at its name (api-notes: dlt-torn). To be
    called while nobody else can write there.
    """
    for name in (pipeline.pipeline_name, _LEDGER.format(pipeline.pipeline_name)):
        for file in Path(pipeline.pipelines_dir, name, "schemas").glob("*"):
            if _TORN.fullmatch(file.name):
                file.unlink()
    _forget_torn_files(pipeline)


def _forget_torn_files(pipeline: dlt.Pipeline) -> None:
    """Take them out of dlt's own state, where whoever opens the pipeline meanwhile has put them."""
    if any(_TORN.fullmatch(name) for name in pipeline.state.get("schema_names") or ()):
        with pipeline.managed_state():
            pass  # lists the schemas anew


def _is_ours(package: Path) -> bool:
    try:
        tables = json.loads((package / "schema.json").read_text(encoding="utf-8"))["tables"]
    except (OSError, ValueError, KeyError):
        # Cut short by a kill: it cannot be loaded, whosever it is.
        return True
    return any(table in tables for table in (ENRICHMENT_REQUESTS.name, LOCK.name, PROGRESS.name))
