"""Loading while the run still buys and reads: a wave of finished requests at a time.

A long run is visible in the warehouse while it goes on, and a crash costs one wave. Fetching goes
on in the run's threads during a load.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import dlt
from dlt.extract import DltSource

from amplemarket_source.clock import SystemClock
from amplemarket_source.errors import AmplemarketError, DestinationError, causes
from amplemarket_source.kinds import KINDS
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.resources import read_requests, resources
from amplemarket_source.memory import release_memory
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.privacy.leftovers import forget_failure
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.session import Session
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.warehouse.loads import drop_packages
from amplemarket_source.warehouse.refusals import reason_of

__all__ = ["load_in_room", "load_pending", "load_requests", "load_waves"]

logger = logging.getLogger("amplemarket")


@dataclass(frozen=True)
class _Wave:
    """How much is loaded at once: what came within ``seconds``, or ``size`` bytes of pages.

    A wave that would be too small for what is there takes as long again.
    """

    seconds: float
    size: int


_LOCAL = _Wave(15.0, 400_000_000)
"""100,000 people at most: a load costs a second whatever its size."""
_REMOTE = _Wave(120.0, 1_000_000_000)
"""A warehouse merges on its own machines, and BigQuery takes 1,500 loads of a table a day
(api-notes: bigquery-loads)."""
_LEAST = 0.02
"""A wave brings at least so much of what is there: a merge compares the keys of a whole table."""
_END = None


def load_pending(pipeline: dlt.Pipeline) -> None:
    """See to the packages that an earlier run left behind; call it before anything else.

    dlt would load them instead of new data, without saying so (api-notes: dlt-pending). Ours are
    thrown away: by now a person in them may have been erased, a newer answer may be in the tables,
    or the destination may refuse them for ever. Their requests are not settled without them, so the
    run that follows makes them anew from the pages, of this disk or of the API. Those of other
    sources of the pipeline are loaded.

    Raises:
        Busy: another run is going on.
        DestinationError: the destination cannot be reached.
    """
    if not pipeline.has_pending_data:
        return
    with exclusive_warehouse(pipeline, SystemClock()) as (warehouse, _):
        drop_packages(pipeline)
        if pipeline.has_pending_data:
            load_in_room(pipeline, warehouse, None)


def load_waves(session: Session, completed: Iterable[CompletedRequest]) -> None:
    """Load requests as they are completed, some at a time.

    The report's ``seconds`` get ``wait`` (there was nothing to load yet), ``flatten`` (pages to
    files) and ``load`` (files to tables), which follow each other; fetching goes on beside them.

    Args:
        completed: is waited for in a thread of its own.

    Raises:
        DestinationError: a load failed; pages stay on disk and load with the next run.
        KeyRefused: the API refused the key before anything was bought.
    """
    with closing(_waves(session, completed)) as waves:
        while True:
            with session.report.timing("wait"):
                wave = next(waves, None)
            if wave is None:
                break
            load_requests(session, wave)
    if not session.warehouse.has_table(PEOPLE.name):
        # A first run that found nothing still leaves every table.
        load_requests(session, [])


def load_requests(session: Session, requests: list[CompletedRequest]) -> None:
    """Load completed requests and let go of their pages.

    Raises:
        DestinationError: the load failed; the pages stay on disk.
    """
    pipeline = session.pipeline
    load_in_room(pipeline, session.warehouse, _source(session, requests))
    session.report.took(_stages(pipeline))
    for request in requests:
        request.pages.remove()
    release_memory()


def _stages(pipeline: dlt.Pipeline) -> dict[str, float]:
    """Seconds of the last run: from pages to files (``flatten``), and from there into tables."""
    trace = pipeline.last_trace
    seconds = {
        step.step: (step.finished_at - step.started_at).total_seconds()
        for step in (trace.steps if trace else ())
        if step.finished_at is not None
    }
    return {
        "flatten": seconds.get("extract", 0.0) + seconds.get("normalize", 0.0),
        "load": seconds.get("load", 0.0),
    }


def _source(session: Session, wave: list[CompletedRequest]) -> DltSource:
    def read(registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        return read_requests(session, wave, registry, load_id)

    factory = dlt.source(
        lambda: resources(read, session.warehouse.lacking), name="amplemarket", max_table_nesting=0
    )
    source: DltSource = factory()
    return source


def load_in_room(
    pipeline: dlt.Pipeline,
    warehouse: Warehouse,
    source: DltSource | None,
    kept: str = "the answers are on disk, and the next run loads them",
) -> None:
    """Load; once more with as much memory as there is, where the bound was too low.

    Args:
        source: None for what is pending.
        kept: why nothing is lost where it fails.

    Raises:
        DestinationError: the load failed.
    """
    try:
        _load(pipeline, source, kept)
    except DestinationError as error:
        if not warehouse.make_room(error) or not pipeline.has_pending_data:
            raise
        _load(pipeline, None, kept)


def _load(pipeline: dlt.Pipeline, source: DltSource | None, kept: str) -> None:
    try:
        info = pipeline.run(source) if source is not None else pipeline.run()
        info.raise_on_failed_jobs()
    except AmplemarketError:
        raise
    except Exception as error:
        ours = [cause for cause in causes(error) if isinstance(cause, AmplemarketError)]
        if ours:
            raise ours[0] from None
        forget_failure(pipeline)
        raise DestinationError(
            f"The load into {pipeline.dataset_name} failed: {reason_of(error, pipeline)}. "
            f"Nothing is lost: {kept}."
        ) from None


def _waves(
    session: Session, completed: Iterable[CompletedRequest]
) -> Generator[list[CompletedRequest], None, None]:
    """Completed requests, gathered while a thread of its own waits for them."""
    found: queue.Queue[CompletedRequest | BaseException | None] = queue.Queue()

    def gather() -> None:
        try:
            for request in completed:
                found.put(request)
        except BaseException as error:
            found.put(error)
        else:
            found.put(_END)

    thread = threading.Thread(target=gather, name="amplemarket-answers", daemon=True)
    thread.start()
    try:
        most = _LOCAL if session.warehouse.is_one_process else _REMOTE
        for wave in _gathered(found, most, partial(_least, session.ledger)):
            yield wave
            # It is loaded by now. What DuckDB's log holds goes into the file while the API is to be
            # waited for anyway: all of it, when the file is closed, makes a run longer by seconds.
            if found.empty() and thread.is_alive():
                session.warehouse.checkpoint()
    finally:
        # Also after a load that failed: nothing more is bought, what is under way is recorded.
        session.clock.stop()
        thread.join()


def _least(ledger: Ledger) -> float:
    """Leads that a wave has at least, where its time is over."""
    return _LEAST * sum(ledger.found_of_asked(kind)[1] for kind in KINDS)


def _gathered(
    found: queue.Queue[CompletedRequest | BaseException | None],
    most: _Wave,
    ask_least: Callable[[], float],
) -> Iterator[list[CompletedRequest]]:
    wave: list[CompletedRequest] = []
    until = 0.0
    least: float | None = None  # asked for by a run that is long enough for two waves
    while True:
        try:
            patience = max(0.0, until - time.monotonic()) if wave else None
            item = found.get(timeout=patience)
        except queue.Empty:
            least = ask_least() if least is None else least
            if sum(request.record.lead_count for request in wave) < least:
                until = time.monotonic() + most.seconds
                continue
            yield wave
            wave = []
            continue
        if item is _END or isinstance(item, BaseException):
            break
        if not wave:
            until = time.monotonic() + most.seconds
        wave.append(item)
        if sum(request.summary.byte_count for request in wave) >= most.size:
            yield wave
            wave = []
    if wave:
        yield wave
    if isinstance(item, BaseException):
        raise item
