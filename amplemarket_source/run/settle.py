"""Settling single requests by hand: cancel at the API, and release what is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dlt

from amplemarket_source.api import EnrichmentApi
from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import RequestRefused, UsageError
from amplemarket_source.load.waves import load_pending
from amplemarket_source.model import UNSETTLED, RequestRecord
from amplemarket_source.report import RunReport
from amplemarket_source.run.purchase import client_for, recover_requests
from amplemarket_source.session import open_session
from amplemarket_source.settings import Settings
from amplemarket_source.warehouse.place import place_of
from amplemarket_source.warehouse.tables import has_ledger

__all__ = ["Released", "cancel_request", "release_request"]


@dataclass(frozen=True)
class Released:
    """A request that was given up.

    Attributes:
        record: as it was before.
        leads: its leads as they were given, to be bought again.
    """

    record: RequestRecord
    leads: list[dict[str, Any]]


def cancel_request(pipeline: dlt.Pipeline, settings: Settings, request_id: str) -> None:
    """Cancel a request at the API; a resuming run then loads the rows that were done.

    Args:
        request_id: the API's.

    Raises:
        UsageError: the ledger knows no such request in flight, or it can not be canceled any more;
            or there is no ledger.
        ApiError: the API could not be asked.
        Busy, DestinationError: the ledger cannot be used.
    """
    clock = StoppableClock(SystemClock())
    with run_environment():
        _require_ledger(pipeline, request_id)
        load_pending(pipeline)
        with open_session(pipeline, settings, clock, RunReport()) as session:
            records = recover_requests(session, buying=False)
            in_flight = {
                str(record.request_id): record for record in records if record.is_resumable
            }
            if request_id not in in_flight:
                known = ", ".join(sorted(in_flight)) or "none"
                raise UsageError(f"No request {request_id} is in flight. In flight: {known}.")
            with client_for(settings, clock) as client:
                try:
                    EnrichmentApi(client).cancel(in_flight[request_id].kind, request_id)
                except RequestRefused as error:
                    raise UsageError(
                        f"The API does not cancel request {request_id} any more ({error.what}). "
                        "`amplemarket resume` loads what it has."
                    ) from error


def release_request(
    pipeline: dlt.Pipeline,
    settings: Settings,
    request_key: str,
    *,
    error_code: str,
    before: Callable[[RequestRecord], None] = lambda _: None,
) -> Released:
    """Give a held or expired request up: its leads are ordinary leads again.

    Args:
        request_key: ours, as ``amplemarket status`` shows it.
        error_code: why, for the ledger: ``released`` or ``resubmitted``.
        before: gets the request before anything is changed; what it raises keeps it as it is.

    Raises:
        UsageError: the request is not held or expired, or there is no ledger.
        Busy, DestinationError: the ledger cannot be used.
    """
    clock = StoppableClock(SystemClock())
    with run_environment():
        _require_ledger(pipeline, request_key)
        load_pending(pipeline)
        with open_session(pipeline, settings, clock, RunReport()) as session:
            records = {
                record.request_key: record for record in recover_requests(session, buying=False)
            }
            record = records.get(request_key)
            if record is None or record.status not in UNSETTLED:
                state = "not open" if record is None else record.status
                releasable = [key for key, r in records.items() if r.status in UNSETTLED]
                raise UsageError(
                    f"Request {request_key} is {state}; only a held or expired one can be "
                    f"released. There are: {', '.join(releasable) or 'none'}."
                )
            before(record)
            leads = session.ledger.leads_given(record.kind, request_key)
            session.ledger.update(request_key, status="dropped", error_code=error_code)
    return Released(record, leads)


def _require_ledger(pipeline: dlt.Pipeline, request: str) -> None:
    if not has_ledger(pipeline):
        raise UsageError(
            f"Nothing was bought into {place_of(pipeline).text}, dataset {pipeline.dataset_name}, "
            f"so there is no request {request} in it. Is it another --destination or folder?"
        )
