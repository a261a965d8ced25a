"""The dlt source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Optional

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import keep_values_out_of_logs
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.load.resources import read_requests, resources
from amplemarket_source.model import COMPANIES, DEFAULT_BASE_URL, PEOPLE, Kind
from amplemarket_source.report import RunReport
from amplemarket_source.run.purchase import commit, draft, fetch, recover_requests
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.session import open_session
from amplemarket_source.settings import (
    LEADS_PER_REQUEST,
    MAX_REQUESTS_IN_FLIGHT,
    SETTING_NAMES,
    resolve_settings,
)
from amplemarket_source.transform.builder import TableBatch

__all__ = ["amplemarket"]


@dlt.source(name="amplemarket", max_table_nesting=0)
def amplemarket(
    leads: Optional[Any] = None,  # noqa: UP045 - dlt reads the annotations at run time
    companies: Optional[Any] = None,  # noqa: UP045
    *,
    api_key: TSecretStrValue = dlt.secrets.value,
    base_url: str = DEFAULT_BASE_URL,
    requests_per_minute: float = 500,
    leads_per_request: int = LEADS_PER_REQUEST,
    max_requests_in_flight: int = MAX_REQUESTS_IN_FLIGHT,
    reveal_email: bool = False,
    reveal_phone_numbers: bool = False,
    refresh_after: Optional[str] = None,  # noqa: UP045
    retry_not_found_after: str = "30d",
    max_credits: Optional[float] = None,  # noqa: UP045
    poll_timeout: str = "1h",
    on_ambiguous: Literal["hold", "resubmit"] = "hold",
) -> Iterator[DltResource]:
    """Leads and company domains in, ``people`` and ``companies`` with all child tables out.

    Args:
        leads: path or URL (csv, jsonl, parquet), ``"-"``, dicts, Arrow, a dlt resource or
            relation; columns as in the README.
        companies: the same, with ``domain`` and ``linkedin_url``.
        api_key: bearer token, from ``.dlt/secrets.toml`` or the environment.
        base_url: of the API; ``http`` is accepted for a loopback address only.
        requests_per_minute: shared by all calls of the process.
        leads_per_request: leads in one POST, at most 10,000.
        max_requests_in_flight: enrichment requests that run side by side.
        reveal_email, reveal_phone_numbers: each costs a credit for each person.
        refresh_after: age after which an enriched lead is bought again; None: never.
        retry_not_found_after: age after which a miss is asked again.
        max_credits: stops before the POST that could exceed it.
        poll_timeout: then the run loads what it has; the next one goes on.
        on_ambiguous: what to do with a POST of which nobody knows whether it arrived.

    Returns:
        A dlt source with a resource for each table of the contract.

    Raises:
        AmplemarketError: see `amplemarket_source.errors`; raised while dlt extracts.

    Example::

        pipeline = dlt.pipeline("amplemarket", destination="duckdb",
                                dataset_name="amplemarket_data")
        pipeline.run(amplemarket(leads=[{"email": "ada@initech.example"}]))
    """
    keep_values_out_of_logs()
    given = {name: value for name, value in locals().items() if name in SETTING_NAMES}
    settings = resolve_settings(**given)
    inputs: dict[Kind, LeadsInput] = {
        kind: source
        for kind, source in ((PEOPLE, leads), (COMPANIES, companies))
        if source is not None
    }

    def read(registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        clock = StoppableClock(SystemClock())
        with open_session(dlt.current.pipeline(), settings, clock, RunReport()) as session:
            open_requests = recover_requests(session, buying=bool(inputs))
            plan = draft(session, inputs, open_requests)
            commitment = commit(session, plan, open_requests)
            completed = fetch(session, commitment)
            yield from read_requests(session, completed, registry, load_id)

    yield from resources(read)
