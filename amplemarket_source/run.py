"""One run: an input and a destination in, finished requests out.

    leads ──► plan ──► purchase ──► pages ──► tables ──► load
    read      decide   buy once,    on disk   Arrow      dlt
    and key   and      poll, read
              price

A run is one object with one pipeline; nothing here is shared between two runs but the ledger and
the lock. It buys and reads in worker threads and hands over each request as it is finished; what
to do with an answer is the caller's.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import datetime

import dlt
import duckdb
import pyarrow as pa

from amplemarket_source.api import ApiClient, EnrichmentApi
from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.erasure import erase
from amplemarket_source.errors import Busy
from amplemarket_source.footprint import give_back
from amplemarket_source.kinds import KINDS, Kind
from amplemarket_source.leads.intake import open_workbench, take_in
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.leads.workbench import let_workbench_rest
from amplemarket_source.pages.spool import Spool
from amplemarket_source.pages.suppressions import Suppressions
from amplemarket_source.plan.decide import decide
from amplemarket_source.plan.known import read_known
from amplemarket_source.plan.plan import Plan
from amplemarket_source.plan.record import record_plans
from amplemarket_source.purchase.budget import Budget
from amplemarket_source.purchase.buy import Buyer
from amplemarket_source.purchase.collect import Answer, Collector
from amplemarket_source.purchase.items import BatchItems
from amplemarket_source.purchase.journal import Journal
from amplemarket_source.purchase.lease import exclusive_ledger
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.purchase.records import RequestRecord
from amplemarket_source.purchase.recover import recover, resumable
from amplemarket_source.purchase.stopping import Interrupted, StoppableClock
from amplemarket_source.purchase.workers import Workers
from amplemarket_source.report import Report
from amplemarket_source.settings import Settings
from amplemarket_source.workdir import WorkDir

__all__ = ["Run"]

logger = logging.getLogger("amplemarket")


class Run:
    """Buys what is not known yet and reads every answer onto the disk.

    Args:
        pipeline: names the destination, the dataset and the working folder.
        settings: see `amplemarket_source.settings.Settings`.
        clock: time, for tests.

    Attributes:
        report: what the run did so far.
        ledger: the record of purchases at the destination.
        work: the workbench, a DuckDB database of this run's own.
        suppressions: who was erased and must not come back.

    Use as a context manager; then ``prepare``, then ``answers``.

    Raises:
        Busy: another run works on the same destination; see `purchase.lease`.
        LedgerError: the journal is damaged.
        DestinationError: the ledger cannot be opened.

    Example::

        with Run(pipeline, settings) as run:
            plans = run.prepare({PEOPLE: "leads.csv"})
            for answer in run.answers():
                ...
    """

    ledger: Ledger
    journal: Journal
    spool: Spool
    work: duckdb.DuckDBPyConnection

    def __init__(
        self, pipeline: dlt.Pipeline, settings: Settings, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = StoppableClock(clock or SystemClock())
        self.report = Report()
        self.suppressions = Suppressions()
        self._pipeline = pipeline
        self._stack = ExitStack()
        self._check_lock: Callable[[], None]
        self._plans: list[Plan] = []
        self._open: list[RequestRecord] = []

    def __enter__(self) -> Run:
        with ExitStack() as stack:
            self.ledger, self._check_lock = stack.enter_context(
                exclusive_ledger(self._pipeline, self.clock, self._lost_lock)
            )
            folder = WorkDir.of(self._pipeline)
            self.journal = Journal(folder.journal)
            self.spool = Spool(folder.spool, self.suppressions.redact)
            # Nothing of it outlives the run: it holds the input, which is personal data.
            shutil.rmtree(folder.workbench, ignore_errors=True)
            stack.callback(shutil.rmtree, folder.workbench, ignore_errors=True)
            self.work = stack.enter_context(open_workbench(folder.workbench))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._stack.close()

    def stop(self) -> None:
        """Submit nothing more and leave what is in flight to the next run.

        Whoever waits is woken within a second; a call under way is left to finish.
        """
        self.clock.stop()

    def prepare(self, inputs: Mapping[Kind, LeadsInput], *, spend: bool = True) -> list[Plan]:
        """Read the inputs, compare them with what is known, and price the rest.

        Args:
            inputs: the list of leads or companies by kind; empty to resume only.
            spend: False for a plan alone: nothing is written to the destination.

        Raises:
            InputError: the input cannot be read; nothing was sent or written.
            DestinationError, LedgerError: the plan cannot be recorded; nothing was sent.
        """
        now = self.clock.now()
        # All of the input is read before anything else, so that a bad line 900,000 costs nothing.
        intakes = {
            kind: take_in(source, kind, self.work, seen_at=now) for kind, source in inputs.items()
        }
        for kind, intake in intakes.items():
            if intake.ignored_columns:
                logger.warning(
                    "Columns of the %s that are not read: %s.",
                    kind.payload_key,
                    ", ".join(intake.ignored_columns),
                )
        if spend:
            self._open = recover(self.ledger, self.journal, now)
            if inputs and self.settings.on_ambiguous == "resubmit":
                self._free_held()
        else:
            self._open = self.ledger.open_requests()
        read_known(self.ledger, KINDS, self.work)
        self.suppressions.add(_erased(self.work))
        self._plans = [
            decide(intake, kind, self.settings, self._open, self.work, now)
            for kind, intake in intakes.items()
        ]
        give_back()
        if spend:
            self._commit_plan(now)
        let_workbench_rest(self.work)
        give_back()
        return self._plans

    def answers(self) -> Iterator[Answer]:
        """Every finished request, as it finishes: those of earlier runs, then this run's.

        Errors of single requests end up in ``report`` and in the log; the requests they leave open
        are gone on with by the next run.

        Raises:
            KeyRefused: the API does not take the key; nothing was bought.
            Unavailable: the API cannot be reached; nothing was bought.
        """
        waiting: list[RequestRecord] = []
        for record in resumable(self._open):
            pages = self.spool.request(record.request_key)
            summary = pages.summary()
            if summary is None:
                waiting.append(record)
            else:
                # On disk since an earlier run; the API need not even be there.
                yield Answer(record, pages, summary)
        batches = [batch for plan in self._plans for batch in plan.batches]
        if not waiting and not batches:
            return
        with ApiClient(
            self.settings.api_key,
            self.settings.base_url,
            requests_per_minute=self.settings.requests_per_minute,
            clock=self.clock,
        ) as client:
            self.report.calls = client.stats
            api = EnrichmentApi(client)
            # Before any POST: with a wrong key every batch would be recorded for nothing.
            try:
                api.account_info()
            except Interrupted:
                for record in waiting:
                    self.report.still_running(record)
                for batch in batches:
                    self.report.not_bought(batch)
                return
            with closing(self._workers(api).answers(waiting, batches)) as answers:
                yield from answers

    def erase(self, lead_keys: list[str]) -> None:
        """Erase the people that the API says have been removed, before anything else is loaded."""
        self.suppressions.add(
            erase(self.ledger, lead_keys=lead_keys, person_ids=[], at=self.clock.now())
        )

    def _workers(self, api: EnrichmentApi) -> Workers:
        buyer = Buyer(
            api,
            self.ledger,
            self.journal,
            BatchItems(self.work),
            Budget(self.settings.max_credits),
            self.clock,
            self._check_lock,
            resubmit=self.settings.on_ambiguous == "resubmit",
        )
        collector = Collector(
            api,
            self.ledger,
            self.spool,
            self.clock,
            self.settings.poll_seconds,
            self.report.count_rows,
        )
        return Workers(
            buyer, collector, self.report, self.settings.max_requests_in_flight, self.stop
        )

    def _lost_lock(self, error: Busy) -> None:
        self.report.failed(error)
        self.stop()

    def _free_held(self) -> None:
        """``on_ambiguous = resubmit``: the leads of held batches may be bought again."""
        for record in self._open:
            if record.status == "held":
                self.ledger.update(record.request_key, status="dropped", error_code="resubmitted")
        self._open = [record for record in self._open if record.status != "held"]

    def _commit_plan(self, now: datetime) -> None:
        open_keys = {record.request_key for record in self._open}
        self.ledger.forget_settled(open_keys)
        self.spool.keep_only(open_keys)
        self.work.execute(_ASKED_FIELDS)
        if self._plans:
            recorded = record_plans(self._plans, self.ledger, self.work, now)
            self.report.recorded(recorded, _refused(self.work))
            self.work.execute(
                "INSERT INTO asked_fields BY NAME "
                "SELECT * EXCLUDE (position, kind) FROM leads_to_ask"
            )
        for chunk in self.ledger.lead_fields([r.request_key for r in resumable(self._open)]):
            _append_fields(self.work, chunk)
        self.report.planned(self._plans, self._open)


_ASKED_FIELDS = """CREATE OR REPLACE TABLE asked_fields (lead_key TEXT, email TEXT,
    linkedin_url TEXT, company_domain TEXT, company_name TEXT, name TEXT, title TEXT,
    domain TEXT)"""


def _append_fields(work: duckdb.DuckDBPyConnection, chunk: pa.Table) -> None:
    work.register("chunk", chunk)
    work.execute("INSERT INTO asked_fields BY NAME SELECT DISTINCT * FROM chunk")
    work.unregister("chunk")


def _erased(work: duckdb.DuckDBPyConnection) -> list[str]:
    rows = work.execute(
        "SELECT lead_key FROM known WHERE kind = 'people' AND status = 'gdpr_removed'"
    ).fetchall()
    return [row[0] for row in rows]


def _refused(work: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(
        work.execute("SELECT reason, count(*) FROM lead_rejects GROUP BY 1 ORDER BY 1").fetchall()
    )
