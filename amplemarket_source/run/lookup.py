"""One person or company, at once: the API's synchronous lookups, recorded like any purchase.

A lookup that finds somebody costs the same as a lead of a batch, but it is a GET: asked again, it
is charged at most once in 24 hours, and a reveal once ever (api-notes: credits). That rule is what
makes it safe to repeat after a failure, and why no intent is recorded before it. The answer takes
the way of every other: a page on disk, typed rows, one load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dlt
import orjson

from amplemarket_source.api import EnrichmentApi, Found
from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import NotFound, RemovedForPrivacy, Unavailable, UsageError
from amplemarket_source.load.waves import load_pending, load_requests
from amplemarket_source.model import COMPANIES, Batch, Kind, KindPlan, RequestRecord
from amplemarket_source.pages import CompletedRequest, Summary
from amplemarket_source.report import RunReport
from amplemarket_source.requests.submit import Budget
from amplemarket_source.run.purchase import client_for, commit, draft, recover_requests
from amplemarket_source.session import Session, open_session
from amplemarket_source.settings import Settings

__all__ = ["Lookup", "look_up"]

_DEFAULT_WAIT = 5.0


@dataclass(frozen=True)
class Lookup:
    """What a lookup found.

    Attributes:
        status: ``enriched``, ``not_found`` or ``gdpr_removed``.
        body: the Person or Company, JSON as the API sent it; None unless ``enriched``.
    """

    status: str
    body: bytes | None = None


def look_up(
    pipeline: dlt.Pipeline, settings: Settings, kind: Kind, lead: Mapping[str, str], *, load: bool
) -> Lookup:
    """Look one lead up, wait for its reveals, and load the answer.

    Args:
        settings: say what to reveal and how long to wait.
        lead: the fields to search by, named as the columns of an input.
        load: False to ask and keep nothing.

    Raises:
        UsageError: the lead cannot identify anyone, or an unfinished request asks for it.
        CreditCapReached: it could cost more than ``max_credits``; nothing was sent.
        Unavailable: a reveal was not ready within ``poll_timeout``; ask again, it is not charged
            twice.
        ApiError: the API could not be asked.
    """
    # A lookup is asked for, so a stored outcome is no reason to leave it.
    settings = settings.with_changes(refresh_after="0s", retry_not_found_after="0s")
    clock = StoppableClock(SystemClock())
    with run_environment():
        load_pending(pipeline)
        with open_session(pipeline, settings, clock, RunReport()) as session:
            if load:
                open_requests = recover_requests(session, buying=True)
            else:
                open_requests = session.ledger.open_requests()
            plan = draft(session, {kind: [dict(lead)]}, open_requests)
            if load:
                commit(session, plan, open_requests)
            batch = _batch(plan.kinds[0])
            if batch is None:
                return Lookup("gdpr_removed")
            Budget(settings.max_credits).take(batch.credits_at_stake)
            (wanted,) = session.workbench.leads_of(batch)
            with client_for(settings, clock) as client:
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
    )
    load_requests(session, [CompletedRequest(record, pages, summary)])
