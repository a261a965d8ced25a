"""The three steps of a purchase: draft a plan, commit to it, fetch what it buys.

    leads ──► draft ──► commit ──► fetch ──► completed requests, pages on disk
    read      decide    record     buy once,
    and key   price     leads      poll, read

`draft` writes nothing, `commit` writes and sends nothing, `fetch` spends.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from amplemarket_source.api import FAILURE_BUDGET, ApiClient, EnrichmentApi
from amplemarket_source.clock import Clock, Interrupted
from amplemarket_source.errors import ExitCode
from amplemarket_source.kinds import LEAD_FIELDS, Kind
from amplemarket_source.leads.intake import ingest, refuse_mostly_invalid
from amplemarket_source.leads.lead_lists import LeadList
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.model import Batch, Buyer, Cap, Plan, RequestRecord
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.planning import (
    decide,
    erased_lead_keys,
    read_known,
    record_plan,
    take_up_former_keys,
)
from amplemarket_source.requests.budget import Budget
from amplemarket_source.requests.collect import Collector
from amplemarket_source.requests.pool import RequestPool
from amplemarket_source.requests.submit import Submitter, recover
from amplemarket_source.session import Session
from amplemarket_source.settings import Settings

__all__ = [
    "Commitment",
    "client_for",
    "commit",
    "draft",
    "fetch",
    "recorded",
    "recover_requests",
]

logger = logging.getLogger("amplemarket")


@dataclass(frozen=True)
class Commitment:
    """A plan that is recorded at the destination, and what an earlier run left open.

    Attributes:
        resumable: requests of earlier runs that the API can be asked about.
    """

    plan: Plan
    resumable: tuple[RequestRecord, ...]


def client_for(
    settings: Settings, clock: Clock, *, failure_budget: int = FAILURE_BUDGET
) -> ApiClient:
    """The API client that the settings describe.

    Args:
        failure_budget: consecutive failures until it gives up.
    """
    return ApiClient(
        settings.api_key,
        settings.base_url,
        requests_per_minute=settings.requests_per_minute,
        clock=clock,
        failure_budget=failure_budget,
    )


def recover_requests(session: Session, *, buying: bool) -> list[RequestRecord]:
    """Settle what earlier runs left behind as far as it can be told, and return what is open.

    Args:
        buying: this run has an input, so ``on_ambiguous = resubmit`` frees the leads of held
            batches to be bought again.
    """
    records = recover(session.ledger, session.journal, session.clock.now())
    if not (buying and session.settings.on_ambiguous == "resubmit"):
        return records
    for record in records:
        if record.status == "held":
            session.ledger.update(record.request_key, status="dropped", error_code="resubmitted")
    return [record for record in records if record.status != "held"]


@contextmanager
def recorded(session: Session, command: str) -> Iterator[None]:
    """Record the run in ``enrichment_runs``: when the block starts, and how it ends.

    Raises:
        DestinationError: it cannot be recorded; nothing was bought. It comes from the first
            statement in the block, with which the record goes.
    """
    session.ledger.begin_run(session.run, command, session.clock.now())
    exit_code = int(ExitCode.UNEXPECTED)
    try:
        yield
        exit_code = session.report.exit_code
    except BaseException as error:
        exit_code = getattr(error, "exit_code", exit_code)
        raise
    finally:
        figures = session.report.figures() | {
            "exit_code": int(exit_code)
        }  # no warehouse takes an enum
        session.ledger.end_run(session.run, figures, session.clock.now())


def draft(
    session: Session, inputs: Mapping[Kind, LeadsInput], open_requests: Sequence[RequestRecord]
) -> Plan:
    """Read the inputs, compare them with what is known, and price the rest; writes nothing.

    Args:
        inputs: the list of leads or companies by kind; empty to resume only.
        open_requests: what is not settled, whose leads are not bought again.

    Raises:
        InputError: the input cannot be read; nothing was sent or written.
        DestinationError: what is known cannot be read.
    """
    now, workbench = session.clock.now(), session.workbench
    with session.memory.stage("plan"):
        # All of the input is read before anything else, so that a bad line 900,000 costs nothing.
        settings = session.settings
        intakes = {
            kind: ingest(
                workbench,
                source.read_with(settings) if isinstance(source, LeadList) else source,
                kind,
                seen_at=now,
                said=settings.column_map,
                encoding=settings.encoding,
            )
            for kind, source in inputs.items()
        }
        for kind, intake in intakes.items():
            refuse_mostly_invalid(intake, settings.max_invalid)
            if intake.ignored_columns:
                logger.warning(
                    "Columns of the %s that are not read: %s.",
                    kind.payload_key,
                    ", ".join(intake.ignored_columns),
                )
        read_known(workbench, session.ledger, open_requests)
        take_up_former_keys(workbench)
        session.suppressions.add(erased_lead_keys(workbench))
        return Plan(
            tuple(
                decide(
                    workbench,
                    session.ledger,
                    intake,
                    kind,
                    session.settings,
                    open_requests,
                    now,
                )
                for kind, intake in intakes.items()
            ),
            _cap(session, now),
        )


def _cap(session: Session, now: datetime) -> Cap | None:
    """The cap of the settings, and what is left of it; nobody else buys meanwhile."""
    settings = session.settings
    if settings.max_credits is None:
        return None
    if settings.max_credits_per == "run":
        return Cap(settings.max_credits, "run")
    start = now.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    if settings.max_credits_per == "month":
        start = start.replace(day=1)
    committed = session.ledger.committed_since(start)
    return Cap(settings.max_credits, settings.max_credits_per, committed)


def commit(session: Session, plan: Plan, open_requests: Sequence[RequestRecord]) -> Commitment:
    """Record what has to be at the destination before the first POST; nothing is sent.

    Raises:
        DestinationError: it cannot be recorded; nothing was bought.
    """
    workbench, ledger = session.workbench, session.ledger
    open_keys = {record.request_key for record in open_requests}
    resumable = tuple(record for record in open_requests if record.is_resumable)
    ledger.forget_settled(open_keys)
    session.spool.keep_only(open_keys)
    workbench.clear("asked_fields")
    if plan.kinds:
        recorded = record_plan(
            plan,
            workbench,
            ledger,
            session.memory,
            session.clock.now(),
            session.settings.column_map.kept,
        )
        rejected = workbench.rows("SELECT reason, count(*) FROM lead_rejects GROUP BY 1 ORDER BY 1")
        session.report.recorded(recorded, dict(rejected))
        names = ", ".join(LEAD_FIELDS)
        workbench.execute(
            f"INSERT INTO asked_fields SELECT lead_key, input_kind, {names} FROM leads_to_ask"
        )
    for chunk in ledger.lead_fields([record.request_key for record in resumable]):
        workbench.append("asked_fields", chunk, "DISTINCT *")
    if resumable:
        workbench.execute(
            "UPDATE request_leads SET input_kind = asked.input_kind FROM asked_fields asked "
            "WHERE request_leads.input_kind IS NULL AND request_leads.lead_key = asked.lead_key"
        )
    session.report.planned(plan, open_requests)
    return Commitment(plan, resumable)


def fetch(session: Session, commitment: Commitment) -> Iterator[CompletedRequest]:
    """Every request as the API finishes it: those of earlier runs, then this run's.

    Errors of single requests end up in the report and in the log; the requests they leave open
    are gone on with by the next run.

    Raises:
        KeyRefused: the API does not take the key; nothing was bought.
        Unavailable: the API cannot be reached; nothing was bought.
    """
    waiting: list[RequestRecord] = []
    for record in commitment.resumable:
        pages = session.spool.request(record.request_key)
        summary = pages.summary()
        if summary is None:
            waiting.append(record)
        else:
            # On disk since an earlier run; the API need not even be there.
            yield CompletedRequest(record, pages, summary)
    batches = commitment.plan.batches
    if not waiting and not batches:
        return
    with client_for(session.settings, session.clock) as client:
        session.report.calling(client.stats)
        api = EnrichmentApi(client)
        # Before any POST: with a wrong key every batch would be recorded for nothing.
        try:
            account = api.account_info()
        except Interrupted:
            for record in waiting:
                session.report.still_running(record)
            for batch in batches:
                session.report.not_bought(batch.lead_count, "stopped")
            return
        buyer = Buyer(account.id or None, client.origin)
        ours = [record for record in waiting if buyer.may_be(record.buyer)]
        for record in waiting:
            if record not in ours:
                session.report.of_another_account(record)
        pool = _pool(session, api, buyer, commitment.plan.cap, _work_seconds([*ours, *batches]))
        with closing(pool.completed(ours, batches)) as completed:
            yield from completed


def _work_seconds(requests: Iterable[RequestRecord | Batch]) -> dict[str, float]:
    """By kind, the least that the API needs for all of the requests, one after the other."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for request in requests:
        seconds[request.kind.name] += request.kind.seconds_for(request.lead_count)
    return dict(seconds)


def _pool(
    session: Session,
    api: EnrichmentApi,
    buyer: Buyer,
    cap: Cap | None,
    work_seconds: Mapping[str, float],
) -> RequestPool:
    settings = session.settings
    submitter = Submitter(
        api,
        session.ledger,
        session.journal,
        session.workbench,
        Budget(cap),
        session.clock,
        session.check_lease,
        resubmit=settings.on_ambiguous == "resubmit",
        buyer=buyer,
        run=session.run,
    )
    collector = Collector(
        api,
        session.ledger,
        session.spool,
        session.clock,
        settings.poll_seconds,
        session.report.count_rows,
        work_seconds,
    )
    return RequestPool(
        submitter,
        collector,
        session.report,
        settings.max_requests_in_flight,
        session.clock.stop,
    )
