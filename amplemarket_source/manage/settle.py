"""Settling single requests by hand: cancel at the API, and release what is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amplemarket_source.api import ApiClient, EnrichmentApi
from amplemarket_source.errors import RequestRefused, UsageError
from amplemarket_source.kinds import Kind
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.purchase.records import UNSETTLED, RequestRecord
from amplemarket_source.run import Run
from amplemarket_source.tables.contract import LEADS, REQUEST_LEADS

__all__ = ["Released", "cancel_at_api", "release"]

_GIVEN = ("external_id", "email", "linkedin_url", "company_domain", "company_name", "name", "title")


@dataclass(frozen=True)
class Released:
    """A request that was given up.

    Attributes:
        record: as it was before.
        leads: its leads as they were given, to be bought again.
    """

    record: RequestRecord
    leads: list[dict[str, Any]]


def cancel_at_api(run: Run, request_id: str) -> RequestRecord:
    """Cancel a request; the rows that were done by then are read and loaded by a resuming run.

    Args:
        run: prepared, without inputs.
        request_id: the API's.

    Raises:
        UsageError: the ledger knows no such request in flight, or it can not be canceled any more.
        ApiError: the API could not be asked.
    """
    in_flight = {
        record.request_id: record
        for record in run.ledger.open_requests()
        if record.request_id is not None and record.status not in UNSETTLED
    }
    if request_id not in in_flight:
        known = ", ".join(sorted(in_flight)) or "none"
        raise UsageError(f"No request {request_id} is in flight. In flight: {known}.")
    record = in_flight[request_id]
    settings = run.settings
    with ApiClient(
        settings.api_key,
        settings.base_url,
        requests_per_minute=settings.requests_per_minute,
        clock=run.clock,
    ) as client:
        try:
            EnrichmentApi(client).cancel(record.kind, request_id)
        except RequestRefused as error:
            raise UsageError(
                f"The API does not cancel request {request_id} any more ({error.what}). "
                "`amplemarket resume` loads what it has."
            ) from error
    return record


def release(run: Run, request_key: str, *, error_code: str) -> Released:
    """Give a held or expired request up: its leads are ordinary leads again.

    Args:
        run: prepared, without inputs.
        request_key: ours, as ``amplemarket status`` shows it.
        error_code: why, for the ledger: ``released`` or ``resubmitted``.

    Raises:
        UsageError: the request is not held or expired.
    """
    records = {record.request_key: record for record in run.ledger.open_requests()}
    record = records.get(request_key)
    if record is None or record.status not in UNSETTLED:
        state = "not open" if record is None else record.status
        releasable = ", ".join(k for k, r in records.items() if r.status in UNSETTLED) or "none"
        raise UsageError(
            f"Request {request_key} is {state}; only a held or expired one can be released. "
            f"There are: {releasable}."
        )
    leads = _leads_of(run.ledger, record.kind, request_key)
    run.ledger.update(request_key, status="dropped", error_code=error_code)
    return Released(record, leads)


def _leads_of(ledger: Ledger, kind: Kind, request_key: str) -> list[dict[str, Any]]:
    names = (*_GIVEN, "domain")
    rows = ledger.rows(
        f"SELECT {', '.join(names)} FROM {ledger.name(LEADS.name)} WHERE lead_key IN "
        f"(SELECT lead_key FROM {ledger.name(REQUEST_LEADS.name)} WHERE request_key = %s)",
        request_key,
    )
    leads = [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in rows
    ]
    # Of someone erased since then, nothing is left to ask with.
    return [lead for lead in leads if any(name in lead for name in kind.identifying)]
