"""The main job: leads in, typed tables out, as the command and as Python do it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, TypeVar

import dlt
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from amplemarket_source.clock import Interrupted, StoppableClock, SystemClock
from amplemarket_source.destination import duckdb
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import Busy, UsageError
from amplemarket_source.kinds import COMPANIES, EMAILS, PEOPLE, Kind
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.guard import refuse_settings
from amplemarket_source.load.waves import load_pending, load_waves
from amplemarket_source.memory import share_arenas
from amplemarket_source.model import Plan
from amplemarket_source.report import RunReport
from amplemarket_source.run.notify import notify
from amplemarket_source.run.purchase import commit, draft, fetch, recorded, recover_requests
from amplemarket_source.run.status import row_counts
from amplemarket_source.session import Session, open_session
from amplemarket_source.settings import NO_KEY_NEEDED, Settings, parse_age, resolve_settings
from amplemarket_source.warehouse.tables import has_ledger

__all__ = [
    "Enrichment",
    "draft_only",
    "enrich",
    "in_background",
    "plan",
    "refuse_requests_of_others",
    "resume",
    "validate_emails",
]


_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LONGEST_PAUSE = 30.0
"""Seconds between two looks at a lock: each is a statement or two where a warehouse keeps it."""


def in_background(work: Callable[[], _T], *, on_stop: Callable[[], None]) -> _T:
    """Do ``work`` and return what it returns, or raise what it raises.

    Outside the main thread, where nobody can listen to signals, it is simply done. An exception
    that somebody raises in the main thread, as schedulers do at a time-out, stops it as well, and
    is raised when it has ended.

    Args:
        work: runs in another thread.
        on_stop: called at the first SIGINT or SIGTERM; it makes ``work`` end soon. The second
            ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            over.set()

    over = threading.Event()
    worker = threading.Thread(target=run, name="amplemarket-run", daemon=True)
    stops = 0

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stops
        stops += 1
        if stops > 1:
            os._exit(128 + number)
        print(
            "Stopping: nothing more is sent, what is complete gets loaded. Again: leave at once.",
            file=sys.stderr,
            flush=True,
        )
        on_stop()

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        worker.start()
        while not over.wait(1.0):
            # With a time limit, because a wait without one keeps Windows from seeing signals.
            pass
    except BaseException:
        # Somebody else's time-out, raised in the main thread: the work must not outlive the call,
        # or the next one would find the destination taken.
        on_stop()
        while not over.is_set():
            # Not `join`: once interrupted, it takes a thread that runs for one that has ended
            # (bpo-45274).
            with suppress(BaseException):
                over.wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
    return results[0]


class Enrichment:
    """One run of the main job, which can be watched and stopped while it goes on.

    First what an earlier run left is finished, then the plan is made and recorded, then bought
    and loaded in waves. ``run`` does that once.

    Args:
        inputs: the list of leads or companies by kind; empty to resume only.
        wait_for_lock: an age such as ``10m``: so long another run at the same destination is
            waited for.

    Attributes:
        report: what the run did so far; read it at any time, from any thread.

    Example::

        enrichment = Enrichment(pipeline, resolve_settings(), {PEOPLE: "leads.csv"})
        signal.signal(signal.SIGTERM, lambda *_: enrichment.stop())
        enrichment.run()
        enrichment.report.raise_unless_settled()
    """

    def __init__(
        self,
        pipeline: dlt.Pipeline,
        settings: Settings,
        inputs: Mapping[Kind, LeadsInput],
        *,
        wait_for_lock: str | None = None,
    ) -> None:
        # Now: later there are threads.
        share_arenas()
        self.report = RunReport()
        self._pipeline = pipeline
        self._settings = settings
        self._inputs = inputs
        self._patience = parse_age(wait_for_lock or "0s", setting="wait_for_lock")
        self._clock = StoppableClock(SystemClock())

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called, or the run is over."""
        return self._clock.is_stopping

    def stop(self) -> None:
        """Submit nothing more, load what is complete, and leave the rest to the next run.

        Whoever waits is woken within a second; a call under way is left to finish.
        """
        self._clock.stop()

    def run(
        self,
        *,
        on_wait: Callable[[Busy], None] = lambda _: None,
        before: Callable[[Ledger], None] = lambda _: None,
        on_plan: Callable[[Plan], None] = lambda _: None,
    ) -> RunReport:
        """Do the job, and tell somebody where it needs that (`amplemarket_source.run.notify`).

        Args:
            on_wait: gets why the run has to wait for another one, once.
            before: looks at the ledger before anything else; what it raises ends the run.
            on_plan: gets the plan before anything is sent; what it raises ends the run.

        Raises:
            AmplemarketError: the run could not do its work; what single requests ended with is in
                the report.
        """
        try:
            with run_environment(), self.report.timing("total"), ExitStack() as stack:
                refuse_settings(self._pipeline)
                session = self._open(stack, on_wait)
                before(session.ledger)
                with recorded(session, self._command):
                    self._purchase(session, on_plan)
                self.report.ended(row_counts(session.warehouse))
        except BaseException as error:
            notify(self._pipeline, self.report, error)
            raise
        notify(self._pipeline, self.report)
        return self.report

    @property
    def _command(self) -> str:
        if not self._inputs:
            return "resume"
        return "validate" if set(self._inputs) == {EMAILS} else "run"

    def _open(self, stack: ExitStack, on_wait: Callable[[Busy], None]) -> Session:
        """Take hold of the destination, after another run where that is to be waited for."""

        def attempt() -> Session:
            load_pending(self._pipeline)
            return stack.enter_context(
                open_session(self._pipeline, self._settings, self._clock, self.report)
            )

        try:
            return attempt()
        except Busy as busy:
            if not self._patience:
                raise
            on_wait(busy)
            try:
                return Retrying(
                    retry=retry_if_exception_type(Busy),
                    stop=stop_after_delay(self._patience),
                    wait=wait_exponential(max=_LONGEST_PAUSE),
                    sleep=self._clock.sleep,
                    reraise=True,
                )(attempt)
            except Interrupted:
                raise busy from None

    def _purchase(self, session: Session, on_plan: Callable[[Plan], None]) -> None:
        with self.report.timing("plan"):
            open_requests = recover_requests(session, buying=bool(self._inputs))
            plan = draft(session, self._inputs, open_requests)
            on_plan(plan)
            commitment = commit(session, plan, open_requests)
        # What is there by now stays until the end; looking through it again and again is what the
        # garbage collector would spend most of its time on. A process that goes on thaws it.
        gc.freeze()
        load_waves(session, fetch(session, commitment))


def enrich(
    pipeline: dlt.Pipeline,
    leads: LeadsInput | None = None,
    companies: LeadsInput | None = None,
    *,
    wait_for_lock: str | None = None,
    **settings: Any,
) -> RunReport:
    """Buy what is not known yet and load every answer, as ``amplemarket run`` does.

    Finishes what an earlier run left, plans, buys, loads in waves and leaves no one's data in
    dlt's working folders. May be called in any thread; in the main one, SIGINT and SIGTERM stop
    the run in an orderly way, and a second one ends the process.

    Args:
        pipeline: names the destination and the dataset.
        leads: people to look for: a path or URL, ``"-"``, mappings, Arrow, a dlt resource or
            relation, or what `query_leads` gives.
        companies: the same, with ``domain`` and ``linkedin_url``.
        wait_for_lock: an age such as ``10m``: so long another run at the same destination is
            waited for; None: not at all.
        settings: any of `amplemarket_source.settings.Settings`, which come first before the
            environment and dlt's files.

    Returns:
        What the run did. `RunReport.raise_unless_settled` makes an unfinished one an error.

    Raises:
        Busy: another run is at work, and was for as long as was to be waited.
        AmplemarketError: the run could not do its work.

    Example::

        pipeline = dlt.pipeline("amplemarket", destination=duckdb("amplemarket.duckdb"),
                                dataset_name="amplemarket_data")
        report = enrich(pipeline, leads="leads.csv", max_credits=500)
        report.raise_unless_settled()
    """
    return _run(pipeline, _inputs(leads, companies), wait_for_lock, settings)


def validate_emails(
    pipeline: dlt.Pipeline,
    emails: LeadsInput,
    *,
    wait_for_lock: str | None = None,
    **settings: Any,
) -> RunReport:
    """Validate the addresses whose verdict is not known yet, as ``amplemarket validate`` does.

    Each costs one e-mail credit, whatever the verdict, and is bought once, like everything else; a
    verdict older than ``refresh_after`` is bought again. The API works off 15,000 an hour, which is
    waited for beside ``poll_timeout``.

    Args:
        pipeline: names the destination and the dataset.
        emails: a list with a column ``email``, in any of the forms of `enrich`, or people: rows
            without an address are passed over.
        wait_for_lock: as of `enrich`.
        settings: as of `enrich`.

    Returns:
        What the run did; ``rows["email_validations"]`` is how many verdicts were loaded.

    Raises:
        Busy: another run is at work, and was for as long as was to be waited.
        AmplemarketError: the run could not do its work.

    Example::

        report = validate_emails(pipeline, "contacts.csv", refresh_after="90d", max_credits=500)
        report.raise_unless_settled()
    """
    return _run(pipeline, {EMAILS: emails}, wait_for_lock, settings)


def _run(
    pipeline: dlt.Pipeline,
    inputs: Mapping[Kind, LeadsInput],
    wait_for_lock: str | None,
    settings: Mapping[str, Any],
) -> RunReport:
    enrichment = Enrichment(
        pipeline, resolve_settings(**settings), inputs, wait_for_lock=wait_for_lock
    )
    try:
        return in_background(enrichment.run, on_stop=enrichment.stop)
    finally:
        gc.unfreeze()


def resume(
    pipeline: dlt.Pipeline, *, wait_for_lock: str | None = None, **settings: Any
) -> RunReport:
    """Finish what is in flight and buy nothing, as ``amplemarket resume`` does.

    Raises:
        AmplemarketError: the run could not do its work.

    Example::

        resume(pipeline, poll_timeout="0s").raise_unless_settled()
    """
    return enrich(pipeline, wait_for_lock=wait_for_lock, **settings)


def plan(
    pipeline: dlt.Pipeline,
    leads: LeadsInput | None = None,
    companies: LeadsInput | None = None,
    *,
    emails: LeadsInput | None = None,
    **settings: Any,
) -> Plan:
    """What `enrich`, or `validate_emails`, would buy and cost; nothing is sent, no key is needed.

    Makes no database where there is none: everything is new then.

    Raises:
        InputError: the input cannot be read.
        Busy: another run works on the destination.
        DestinationError: what is known cannot be read.

    Example::

        plan(pipeline, leads="leads.csv", reveal_email=True).email_credits_max    # 600.0
    """
    return draft_only(
        pipeline,
        resolve_settings(**{"api_key": NO_KEY_NEEDED, **settings}),
        _inputs(leads, companies, emails),
    )


def draft_only(
    pipeline: dlt.Pipeline, settings: Settings, inputs: Mapping[Kind, LeadsInput]
) -> Plan:
    """`plan` for settings that are resolved already."""
    clock = StoppableClock(SystemClock())
    with run_environment(), ExitStack() as stack:
        if not has_ledger(pipeline):
            pipeline = stack.enter_context(_nothing_known(pipeline))
        session = stack.enter_context(open_session(pipeline, settings, clock, RunReport()))
        return draft(session, inputs, session.ledger.open_requests())


@contextmanager
def _nothing_known(pipeline: dlt.Pipeline) -> Iterator[dlt.Pipeline]:
    """A pipeline into an empty database that is gone afterwards, to plan against."""
    with TemporaryDirectory(prefix="amplemarket-plan-", ignore_cleanup_errors=True) as folder:
        try:
            yield dlt.pipeline(
                pipeline.pipeline_name,
                destination=duckdb(str(Path(folder) / "nothing_known.duckdb")),
                dataset_name=pipeline.dataset_name,
                pipelines_dir=folder,
            )
        finally:
            pipeline.activate()


def refuse_requests_of_others(ledger: Ledger) -> None:
    """Refuse to run the bundled server beside requests of another API.

    It answers 404 to a paid request, which would be recorded as expired.

    Raises:
        UsageError: there is such a request in flight.
    """
    in_flight = [record for record in ledger.open_requests() if record.is_resumable]
    if in_flight:
        raise UsageError(
            f"{len(in_flight):,} requests of another API are in flight in this dataset, and the "
            "sandbox does not know them. Give another --pipeline-name and --dataset."
        )


def _inputs(
    leads: LeadsInput | None, companies: LeadsInput | None, emails: LeadsInput | None = None
) -> dict[Kind, LeadsInput]:
    given = {PEOPLE: leads, COMPANIES: companies, EMAILS: emails}
    return {kind: source for kind, source in given.items() if source is not None}
