"""The dlt source."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Dict, List, Literal, Optional  # noqa: UP035 - dlt evaluates them

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import ConfigSectionContext
from dlt.extract import DltResource

from amplemarket_source.clock import StoppableClock, SystemClock
from amplemarket_source.environment import keep_values_out_of_logs
from amplemarket_source.errors import Unfinished
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.load.follow import follow_loads, mark_load, marking
from amplemarket_source.load.guard import selected_kinds
from amplemarket_source.load.resources import read_requests, resources
from amplemarket_source.report import RunReport
from amplemarket_source.run.purchase import commit, draft, fetch, recorded, recover_requests
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.session import open_session
from amplemarket_source.settings import (
    NO_KEY_NEEDED,
    SECTIONS,
    SETTING_NAMES,
    ResolvedHere,
    resolve_settings,
)
from amplemarket_source.transform.builder import TableBatch
from amplemarket_source.warehouse.capabilities import disable_adbc
from amplemarket_source.warehouse.tables import lacking_at

__all__ = ["amplemarket"]

logger = logging.getLogger("amplemarket")


# `Optional`, because dlt evaluates the annotations at run time.
@dlt.source(name=SECTIONS[-1], section=SECTIONS[-1], max_table_nesting=0, spec=ResolvedHere)
def amplemarket(
    leads: Optional[Any] = None,  # noqa: UP045
    companies: Optional[Any] = None,  # noqa: UP045
    *,
    api_key: Optional[str] = None,  # noqa: UP045
    base_url: Optional[str] = None,  # noqa: UP045
    requests_per_minute: Optional[float] = None,  # noqa: UP045
    leads_per_request: Optional[int] = None,  # noqa: UP045
    max_requests_in_flight: Optional[int] = None,  # noqa: UP045
    reveal_email: Optional[bool] = None,  # noqa: UP045
    reveal_phone_numbers: Optional[bool] = None,  # noqa: UP045
    refresh_after: Optional[str] = None,  # noqa: UP045
    retry_not_found_after: Optional[str] = None,  # noqa: UP045
    max_credits: Optional[float] = None,  # noqa: UP045
    max_credits_per: Optional[Literal["run", "day", "month"]] = None,  # noqa: UP045
    poll_timeout: Optional[str] = None,  # noqa: UP045
    on_ambiguous: Optional[Literal["hold", "resubmit"]] = None,  # noqa: UP045
    label: Optional[str] = None,  # noqa: UP045
    columns: Optional[Dict[str, str]] = None,  # noqa: UP006, UP045
    keep_columns: Optional[List[str]] = None,  # noqa: UP006, UP045
    encoding: Optional[str] = None,  # noqa: UP045
    max_invalid: Optional[float] = None,  # noqa: UP045
) -> Iterator[DltResource]:
    """Leads and company domains in, ``people`` and ``companies`` with all child tables out.

    Args:
        leads: path or URL (csv, xlsx, json, jsonl, parquet), ``"-"``, dicts, Arrow, a dlt
            resource or relation; columns as in the README.
        companies: the same, with ``domain`` and ``linkedin_url``.
        api_key: bearer token, from ``.dlt/secrets.toml`` or the environment; not needed before
            the first table is read.
        base_url: of the API; ``http`` is accepted for a loopback address only.
        requests_per_minute: shared by all calls of the process.
        leads_per_request: leads in one POST, at most 10,000.
        max_requests_in_flight: enrichment requests that run side by side.
        reveal_email, reveal_phone_numbers: each costs a credit for each person.
        refresh_after: age after which an enriched lead is bought again; None: never.
        retry_not_found_after: age after which a miss is asked again.
        max_credits: buys no more leads than it pays for at the worst case.
        max_credits_per: what it holds for: this run, or its day or month (UTC).
        poll_timeout: then the run loads what it has; the next one goes on. What the API needs for
            validations comes on top, an hour for 15,000.
        on_ambiguous: what to do with a POST of which nobody knows whether it arrived.
        label: who or what it is for; a column of the requests and runs.
        columns: our name of a column -> the input's, where they are not found by themselves.
        keep_columns: columns of the input that ``leads`` gets as well.
        encoding: of a file of text, as Python calls it; UTF-8, or what a mark at its start says.
        max_invalid: share of the rows that may be unusable; above it nothing is sent.

    A setting that is not given comes from the environment or dlt's files, under the section
    ``sources.amplemarket``, or ``sources.<section>`` after ``amplemarket.clone(section=...)``.

    Returns:
        A dlt source with two resources, ``people`` and ``companies``: those that are selected are
        bought. Every table comes along.

    Raises:
        AmplemarketError: see `amplemarket_source.errors`; raised while dlt extracts, and for a
            setting that cannot be at once. What dlt may be told besides, and what is refused
            before anything is bought: `amplemarket_source.load.guard`.

    Example::

        pipeline = dlt.pipeline("amplemarket", destination="duckdb",
                                dataset_name="amplemarket_data")
        pipeline.run(amplemarket(leads=[{"email": "ada@initech.example"}]))
    """
    keep_values_out_of_logs()
    disable_adbc()
    given = {name: value for name, value in locals().items() if name in SETTING_NAMES}
    section = _section()
    # What is wrong is said where the source is made; only the key may come later.
    resolve_settings(section, **{**given, "api_key": api_key or NO_KEY_NEEDED})
    follow_loads()

    def read(registry: ColumnRegistry, load_id: str) -> Iterator[TableBatch]:
        selected = selected_kinds(dlt.current.source())
        inputs: dict[Kind, LeadsInput] = {
            kind: source
            for kind, source in ((PEOPLE, leads), (COMPANIES, companies))
            if source is not None and kind.name in selected
        }
        pipeline, report = dlt.current.pipeline(), RunReport()
        settings = resolve_settings(section, **given)
        mark_load(pipeline)
        clock = StoppableClock(SystemClock())
        with (
            open_session(pipeline, settings, clock, report) as session,
            recorded(session, "extract"),
        ):
            open_requests = recover_requests(session, buying=bool(inputs))
            plan = draft(session, inputs, open_requests)
            commitment = commit(session, plan, open_requests)
            completed = marking(fetch(session, commitment))
            yield from read_requests(session, completed, registry, load_id)
        _tell_if_unfinished(report)

    yield from resources(read, lambda tables: lacking_at(dlt.current.pipeline(), tables))


def _section() -> str:
    """Where the settings of the source that is being made are: ``clone`` may name another place."""
    _, section, name = Container()[ConfigSectionContext].sections
    return name if section == SECTIONS[-1] else section


def _tell_if_unfinished(report: RunReport) -> None:
    """A plain run ends as a success whatever is open; so it is said as loudly as can be."""
    try:
        report.raise_unless_settled()
    except Unfinished as error:
        logger.error(
            "%s dlt calls this run a success; settled(pipeline) raises what is open.", error
        )
