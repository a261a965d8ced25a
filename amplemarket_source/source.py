"""The dlt source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Optional

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from amplemarket_source.kinds import COMPANIES, PEOPLE
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.load.answers import read_answers
from amplemarket_source.load.resources import resources
from amplemarket_source.run import Run
from amplemarket_source.settings import (
    DEFAULT_BASE_URL,
    LEADS_PER_REQUEST,
    MAX_REQUESTS_IN_FLIGHT,
    resolve_settings,
)
from amplemarket_source.tables.gather import TableBatch
from amplemarket_source.tables.memory import ColumnMemory

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
    settings = resolve_settings(
        api_key=api_key,
        base_url=base_url,
        requests_per_minute=requests_per_minute,
        leads_per_request=leads_per_request,
        max_requests_in_flight=max_requests_in_flight,
        reveal_email=reveal_email,
        reveal_phone_numbers=reveal_phone_numbers,
        refresh_after=refresh_after,
        retry_not_found_after=retry_not_found_after,
        max_credits=max_credits,
        poll_timeout=poll_timeout,
        on_ambiguous=on_ambiguous,
    )
    inputs: dict[Any, LeadsInput] = {
        kind: source
        for kind, source in ((PEOPLE, leads), (COMPANIES, companies))
        if source is not None
    }

    def read(memory: ColumnMemory, load_id: str) -> Iterator[TableBatch]:
        with Run(dlt.current.pipeline(), settings) as run:
            run.prepare(inputs)
            yield from read_answers(run, run.answers(), memory, load_id)

    yield from resources(read)
