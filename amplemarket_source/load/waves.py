"""Loading while the run still buys and reads: a wave of finished requests at a time.

A long run is visible in the warehouse while it goes on, and a crash costs one wave. Fetching goes
on in the run's threads during a load.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import dlt
from dlt.extract import DltSource
from dlt.load.exceptions import LoadClientJobFailed

from amplemarket_source.clock import SystemClock
from amplemarket_source.errors import AmplemarketError, DestinationError, causes
from amplemarket_source.footprint import give_back
from amplemarket_source.load.answers import read_answers
from amplemarket_source.load.resources import resources
from amplemarket_source.purchase.collect import Answer
from amplemarket_source.purchase.lease import exclusive_ledger
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.run import Run
from amplemarket_source.tables.gather import TableBatch
from amplemarket_source.tables.memory import ColumnMemory

__all__ = ["load_answers", "load_pending", "load_waves"]

logger = logging.getLogger("amplemarket")


@dataclass(frozen=True)
class _Wave:
    """How much is loaded at once: what came within ``seconds``, or ``size`` bytes of pages."""

    seconds: float
    size: int


_LOCAL = _Wave(15.0, 400_000_000)
"""100,000 people at most: a load costs a second whatever its size."""
_REMOTE = _Wave(120.0, 1_000_000_000)
"""A warehouse merges on its own machines, and BigQuery takes 1,500 loads of a table a day."""
_END = None


def load_pending(pipeline: dlt.Pipeline) -> None:
    """Load the packages that an earlier run left behind; call it before anything else.

    dlt would load them instead of new data, without saying so (dlt facts D1), so they come first.
    One that the destination will never take is given up: its requests are not settled by it, so
    the run that follows reads their pages again, from this disk or from the API.

    Raises:
        Busy: another run is going on.
        DestinationError: the destination cannot be reached.
    """
    if not pipeline.has_pending_data:
        return
    with exclusive_ledger(pipeline, SystemClock(), on_lost=lambda _: None) as (ledger, _):
        try:
            _load_in_room(pipeline, ledger, None)
        except DestinationError as error:
            if not any(isinstance(cause, LoadClientJobFailed) for cause in causes(error)):
                raise
            logger.warning("An earlier load cannot be finished and is made anew: %s", error)
            pipeline.abort_packages()


def load_waves(pipeline: dlt.Pipeline, run: Run) -> None:
    """Load every request of a prepared run as it is finished.

    The report's ``seconds`` get ``wait`` (there was nothing to load yet), ``flatten`` (pages to
    files) and ``load`` (files to tables), which follow each other; fetching goes on beside them.

    Raises:
        DestinationError: a load failed; pages stay on disk and load with the next run.
        KeyRefused: the API refused the key before anything was bought.
    """
    with closing(_waves(run)) as waves:
        while True:
            with run.report.timing("wait"):
                wave = next(waves, None)
            if wave is None:
                break
            load_answers(pipeline, run, wave)
    if not run.ledger.has_table("people"):
        # A first run that found nothing still leaves every table of the contract.
        load_answers(pipeline, run, [])


def load_answers(pipeline: dlt.Pipeline, run: Run, answers: list[Answer]) -> None:
    """Load finished requests and let go of their pages.

    Raises:
        DestinationError: the load failed; the pages stay on disk.
    """
    _load_in_room(pipeline, run.ledger, _source(run, answers))
    for name, seconds in _stages(pipeline).items():
        run.report.seconds[name] += seconds
    for answer in answers:
        answer.pages.remove()
    give_back()


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


def _source(run: Run, wave: list[Answer]) -> DltSource:
    def read(memory: ColumnMemory, load_id: str) -> Iterator[TableBatch]:
        return read_answers(run, wave, memory, load_id)

    factory = dlt.source(lambda: resources(read), name="amplemarket", max_table_nesting=0)
    source: DltSource = factory()
    return source


def _load_in_room(pipeline: dlt.Pipeline, ledger: Ledger, source: DltSource | None) -> None:
    """Load; once more with as much memory as there is, where the bound was too low."""
    try:
        _load(pipeline, source)
    except DestinationError as error:
        if not ledger.make_room(error):
            raise
        _load(pipeline, None)


def _load(pipeline: dlt.Pipeline, source: DltSource | None) -> None:
    try:
        info = pipeline.run(source) if source is not None else pipeline.run()
        info.raise_on_failed_jobs()
    except AmplemarketError:
        raise
    except Exception as error:
        ours = [cause for cause in causes(error) if isinstance(cause, AmplemarketError)]
        if ours:
            raise ours[0] from error
        *_, root = causes(error)
        raise DestinationError(
            f"The load into {pipeline.dataset_name} failed ({type(root).__name__}). "
            "Nothing is lost: run again once the destination is well, the answers are on disk."
        ) from error


def _waves(run: Run) -> Generator[list[Answer], None, None]:
    """The run's answers, gathered while a thread of its own waits for them."""
    found: queue.Queue[Answer | BaseException | None] = queue.Queue()

    def gather() -> None:
        try:
            for answer in run.answers():
                found.put(answer)
        except BaseException as error:
            found.put(error)
        else:
            found.put(_END)

    thread = threading.Thread(target=gather, name="amplemarket-answers", daemon=True)
    thread.start()
    try:
        yield from _gathered(found, _LOCAL if run.ledger.is_one_process else _REMOTE)
    finally:
        # Also after a load that failed: nothing more is bought, what is under way is recorded.
        run.stop()
        thread.join()


def _gathered(
    found: queue.Queue[Answer | BaseException | None], most: _Wave
) -> Iterator[list[Answer]]:
    wave: list[Answer] = []
    until = 0.0
    while True:
        try:
            patience = max(0.0, until - time.monotonic()) if wave else None
            item = found.get(timeout=patience)
        except queue.Empty:
            yield wave
            wave = []
            continue
        if item is _END or isinstance(item, BaseException):
            break
        if not wave:
            until = time.monotonic() + most.seconds
        wave.append(item)
        if sum(answer.summary.byte_count for answer in wave) >= most.size:
            yield wave
            wave = []
    if wave:
        yield wave
    if isinstance(item, BaseException):
        raise item
