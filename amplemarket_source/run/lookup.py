"""One person or company, at once: the API's synchronous lookups, recorded like any purchase.

A lookup that finds somebody costs the same as a lead of a batch, but it is a GET: asked again, it
is charged at most once in 24 hours, and a reveal once ever (api-notes: credits). That rule is what
makes it safe to repeat after a failure, and why no intent is recorded before it. The answer takes
the way of every other: a page on disk, typed rows, one load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

import dlt
import orjson

from amplemarket_source.api import EnrichmentApi, Found
from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import NotFound, RemovedForPrivacy, Unavailable, UsageError
from amplemarket_source.kinds import COMPANIES, Kind
from amplemarket_source.load.guard import refuse_settings
from amplemarket_source.load.waves import load_pending, load_requests
from amplemarket_source.model import Batch, KindPlan, Plan, RequestRecord
from amplemarket_source.pages import CompletedRequest, Summary
from amplemarket_source.report import RunReport
from amplemarket_source.requests.budget import Budget
from amplemarket_source.run.purchase import client_for, commit, draft, recorded, recover_requests
from amplemarket_source.run.stored import stored_entity
from amplemarket_source.session import Session, open_session
from amplemarket_source.settings import Settings

__all__ = ["Lookup", "look_up"]

_DEFAULT_WAIT = 5.0


@dataclass(frozen=True)
class Lookup:
    """What a lookup found.

    Attributes:
        status: ``enriched``, ``not_found`` or ``gdpr_removed``.
        body: the Person or Company as JSON, as the API sent it or as the tables have it; None
            unless ``enriched``.
        answered_at: when the API gave the answer that the tables have; None where it was asked now.
    """

    status: str
    body: bytes | None = None
    answered_at: datetime | None = None


def look_up(
    pipeline: dlt.Pipeline,
    settings: Settings,
    kind: Kind,
    lead: Mapping[str, str],
    *,
    load: bool,
    refresh: bool = False,
    before: Callable[[Batch], None] = lambda _: None,
) -> Lookup:
    """Look one lead up: in the tables, or at the API, whose answer is waited for and loaded.

    A lead whose outcome is fresh (``refresh_after``, ``retry_not_found_after``) and has what is to
    be revealed is answered from the tables, without a call. The address that one asks by is not
    revealed: the API refuses that (api-notes: known-email).

    Args:
        settings: say what to reveal, what is fresh, and how long to wait.
        lead: the fields to search by, named as the columns of an input.
        load: False to ask and keep nothing.
        before: gets what is about to be asked for, before anything is recorded or sent; what it
            raises ends the lookup.
        refresh: ask the API whatever the tables have.

    Raises:
        UsageError: the lead cannot identify anyone, or an unfinished request asks for it.
        CreditCapReached: it could cost more than ``max_credits``; nothing was sent.
        Unavailable: a reveal was not ready within ``poll_timeout``; ask again, it is not charged
            twice.
        ApiError: the API could not be asked.
    """
    if lead.get("email"):
        settings = settings.with_changes(reveal_email=False)
    # One that identifies nobody is said to do so in the words of a lookup.
    settings = settings.with_changes(max_invalid=1.0)
    if refresh:
        settings = settings.with_changes(refresh_after="0s", retry_not_found_after="0s")
    clock = StoppableClock(SystemClock())
    with run_environment():
        if load:
            refuse_settings(pipeline)
        load_pending(pipeline)
        with open_session(pipeline, settings, clock, RunReport()) as session:
            if load:
                open_requests = recover_requests(session, buying=True)
            else:
                open_requests = session.ledger.open_requests()
            plan = draft(session, {kind: [dict(lead)]}, open_requests)
            if plan.kinds[0].fresh:
                stored = _stored(session, kind)
                if stored is not None:
                    return stored
            else:
                with recorded(session, "find") if load else nullcontext():
                    return _asked(session, plan, open_requests, load=load, before=before)
    # Somebody has removed the row of the person from the table; the outcome alone is no answer.
    return look_up(pipeline, settings, kind, lead, load=load, refresh=True, before=before)


def _stored(session: Session, kind: Kind) -> Lookup | None:
    """The answer of the tables to the one lead of the plan; None where its entity is not there."""
    ((lead_key,),) = session.workbench.rows("SELECT lead_key FROM decided")
    outcome = session.ledger.outcome(kind, lead_key)
    if outcome is None:
        return None
    status, entity_id, answered_at = outcome
    if status != "enriched":
        # Also a lead that a completed request had no row for.
        return Lookup("not_found", None, answered_at)
    entity = stored_entity(session.warehouse, kind, entity_id) if entity_id else None
    return None if entity is None else Lookup(status, orjson.dumps(entity), answered_at)


def _asked(
    session: Session,
    plan: Plan,
    open_requests: Sequence[RequestRecord],
    *,
    load: bool,
    before: Callable[[Batch], None],
) -> Lookup:
    for wanted_batch in plan.batches:
        before(wanted_batch)
    if load:
        commit(session, plan, open_requests)
    batch = _batch(plan.kinds[0])
    if batch is None:
        return Lookup("gdpr_removed")
    Budget(plan.cap).take(batch)
    (wanted,) = session.workbench.leads_of(batch)
    with client_for(session.settings, session.clock) as client:
        found = _ask(session, EnrichmentApi(client), batch, wanted.fields)
    page = _page(found, wanted.fields)
    if session.suppressions.redact(page) != page:
        # Somebody erased, by a name that nobody knew them by.
        found = Lookup("gdpr_removed")
        page = _page(found, wanted.fields)
    if load:
        _load(session, batch, page)
    return found


def _batch(plan: KindPlan) -> Batch | None:
    """The batch of one; None for somebody who was erased."""
    if plan.invalid:
        raise UsageError(f"This cannot identify one of the {plan.kind}; nothing was sent.")
    if plan.in_flight:
        raise UsageError(
            "An unfinished request asks for this already: `amplemarket status` shows it, "
            "`amplemarket resume` finishes it."
        )
    return None if plan.suppressed else plan.batches[0]


def _ask(session: Session, api: EnrichmentApi, batch: Batch, fields: Mapping[str, str]) -> Lookup:
    reveals = {
        name: "true" for name in ("reveal_email", "reveal_phone_numbers") if getattr(batch, name)
    }
    params = {**fields, **reveals}
    deadline = session.clock.monotonic() + session.settings.poll_seconds
    try:
        while (found := _get(api, batch.kind, params)).pending:
            wait = _DEFAULT_WAIT if found.retry_after is None else found.retry_after
            if session.clock.monotonic() + wait > deadline:
                raise Unavailable(
                    "what was to be revealed is not ready yet",
                    method="GET",
                    path=f"/{batch.kind.name}/find",
                    status=found.status,
                    trace_id=found.trace_id,
                    advice="Ask again later; within 24 hours it is not charged twice.",
                )
            session.clock.sleep(wait)
    except NotFound:
        return Lookup("not_found")
    except RemovedForPrivacy:
        return Lookup("gdpr_removed")
    return Lookup("enriched", found.body)


def _get(api: EnrichmentApi, kind: Kind, params: Mapping[str, str]) -> Found:
    return api.find_company(params) if kind is COMPANIES else api.find_person(params)


def _page(found: Lookup, fields: Mapping[str, str]) -> bytes:
    """The answer as a page of one row."""
    entity = None if found.body is None else orjson.Fragment(found.body)
    row = {"id": None, "status": found.status, "result": entity, **fields}
    return orjson.dumps({"results": [row]})


def _load(session: Session, batch: Batch, page: bytes) -> None:
    """The answer as a request that is finished already."""
    pages = session.spool.request(batch.request_key)
    pages.start()
    pages.add(1, page)
    now = session.clock.now()
    summary = Summary(status="completed", fetched_at=now, page_count=1)
    pages.complete(summary)
    record = RequestRecord(
        request_key=batch.request_key,
        kind=batch.kind,
        status="completed",
        request_id=None,
        lead_count=1,
        email_credits=batch.email_credits,
        phone_credits=batch.phone_credits,
        submitted_at=now,
        reveal_email=batch.reveal_email,
        reveal_phone_numbers=batch.reveal_phone_numbers,
        run=session.run,
    )
    load_requests(session, [CompletedRequest(record, pages, summary)])
