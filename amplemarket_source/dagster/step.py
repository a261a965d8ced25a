"""One execution of Dagster's step: runs the main job, and says how it ended in Dagster's words."""

# Without `annotations` from __future__: Dagster reads those of `LeadsFrom` when it is defined.

import gc
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import dagster as dg
import dlt
from dlt.extract import DltResource

from amplemarket_source.errors import (
    AmplemarketError,
    ExitCode,
    LedgerError,
    SettingsError,
    Unfinished,
    is_disk_full,
)
from amplemarket_source.kinds import Kind
from amplemarket_source.leads.databases import DestinationLeads, query_leads
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.report import RunReport
from amplemarket_source.run.enrichment import Enrichment
from amplemarket_source.settings import resolve_settings

__all__ = ["SETTLED", "LeadList", "LeadsFrom", "Step"]

SETTLED = "settled"
"""The name of the check."""

_SECONDS_BETWEEN_NEWS = 60.0


@dataclass(frozen=True)
class LeadsFrom(dg.Resolvable):
    """A list of leads or companies that is the rows of a table or query; may have none.

    Args:
        table: of the destination, ``table``, ``schema.table`` or ``database.schema.table``, such as
            a dbt model.
        query: one SELECT statement; at the destination, where there is no ``url``.
        url: of another database, as `amplemarket_source.query_leads` takes it.

    Raises:
        SettingsError: it is not exactly one of a table and a query, or a table with a ``url``.

    Example::

        amplemarket_assets(pipeline, leads=LeadsFrom(table="analytics.stg_leads"),
                           deps=[dg.AssetKey(["analytics", "stg_leads"])])
    """

    table: str | None = None
    query: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None):
            raise SettingsError("A list is a table or a query: give one of the two.")
        if self.table is not None and self.url is not None:
            raise SettingsError("A table is read from the destination; for another url use query.")

    def read(self, pipeline: dlt.Pipeline) -> LeadsInput:
        """The rows, each time it is iterated."""
        if self.query is not None and self.url is not None:
            return query_leads(self.query, self.url)
        return DestinationLeads(pipeline, sql=self.query, table=self.table)


LeadList: TypeAlias = LeadsFrom | Callable[[dg.AssetExecutionContext], LeadsInput] | LeadsInput
"""What a run reads: a `LeadsFrom`, a path, anything else that `enrich` takes, or what makes one."""


@dataclass(frozen=True)
class _Ended:
    """How a run ended.

    Attributes:
        what: a sentence about it, with nothing about a person.
        needs_a_person: time alone settles nothing.
        frames: where an unexpected error came from.
    """

    report: RunReport
    code: ExitCode
    what: str = ""
    needs_a_person: bool = False
    frames: str = ""

    @classmethod
    def with_report(cls, report: RunReport) -> "_Ended":
        try:
            report.raise_unless_settled()
        except Unfinished as error:
            # Requests of another account wait for somebody to bring its key.
            person = report.needs_a_person or bool(report.requests_of_others)
            return cls(report, ExitCode(error.exit_code), str(error), person)
        return cls(report, ExitCode.SETTLED)

    @classmethod
    def with_error(cls, report: RunReport, error: BaseException) -> "_Ended":
        if isinstance(error, AmplemarketError):
            person = isinstance(error, LedgerError)
            return cls(report, ExitCode(error.exit_code), str(error), person)
        # The text of a foreign error can hold a person's data; where it came from holds none.
        code = ExitCode.DESTINATION if is_disk_full(error) else ExitCode.UNEXPECTED
        frames = "".join(traceback.format_tb(error.__traceback__))
        what = f"Unexpected {type(error).__name__}; what was bought is recorded."
        return cls(report, code, what, frames=frames)

    @property
    def is_worth_another_try(self) -> bool:
        unfinished = self.code == ExitCode.UNFINISHED and not self.needs_a_person
        return unfinished or self.code == ExitCode.DESTINATION

    def check(self, asset: dg.AssetKey) -> dg.AssetCheckResult:
        """The check `settled` of an asset."""
        report = self.report
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name=SETTLED,
            passed=self.code == ExitCode.SETTLED,
            severity=(
                dg.AssetCheckSeverity.ERROR if self.needs_a_person else dg.AssetCheckSeverity.WARN
            ),
            description=self.what or "Every lead is settled.",
            metadata={
                "held_requests": dict(report.held_requests),
                "credits_at_stake": float(sum(report.held_requests.values())),
                "expired_requests": list(report.expired_requests),
                "requests_of_others": dict(report.requests_of_others),
                "requests_running": len(report.running_requests),
                "leads_not_bought": report.leads_not_bought,
            },
        )

    def failure(self) -> dg.Failure:
        """The end of a step of which nothing more is to be had."""
        metadata: dict[str, Any] = {"exit_code": int(self.code), **_figures(self.report)}
        if self.frames:
            metadata["traceback"] = self.frames
        return dg.Failure(self.what, metadata, allow_retries=self.code == ExitCode.DESTINATION)


@dataclass(frozen=True)
class Step:
    """One execution of the step: runs the main job and says how it ended in Dagster's words.

    Attributes:
        keys: of all assets, by table.
        selected: tables whose assets are to be materialised, in the order of their declaration.
    """

    context: dg.AssetExecutionContext
    keys: Mapping[str, dg.AssetKey]
    selected: Sequence[str]
    max_retries: int
    seconds_between_retries: float

    def run(
        self,
        pipeline: dlt.Pipeline,
        lists: Mapping[Kind, LeadList],
        settings: Mapping[str, Any],
    ) -> Iterator[Any]:
        inputs = {kind: self._input(given, pipeline) for kind, given in lists.items()}
        ended = self._enrich(pipeline, inputs, settings)
        report = ended.report
        self._record_unselected(report)
        if ended.is_worth_another_try and self.context.retry_number < self.max_retries:
            raise dg.RetryRequested(
                max_retries=self.max_retries, seconds_to_wait=self.seconds_between_retries
            ) from AmplemarketError(ended.what)
        # Of a run that could not even begin there is no state of the tables to tell.
        if ended.code in (ExitCode.SETTLED, ExitCode.UNFINISHED) and report.tables:
            checks = self._checks(ended)
            for name in self.selected:
                yield self._materialised(report, name, checks.get(name))
            if checks or ended.code == ExitCode.SETTLED:
                return
        else:
            for name in self.selected:
                if report.rows[name]:
                    yield self._materialised(report, name, None)
        raise ended.failure()

    def _input(self, given: LeadList, pipeline: dlt.Pipeline) -> LeadsInput:
        # A resource of dlt can be called as well, to bind arguments.
        if callable(given) and not isinstance(given, DltResource):
            given = given(self.context)
        return given.read(pipeline) if isinstance(given, LeadsFrom) else given

    def _enrich(
        self,
        pipeline: dlt.Pipeline,
        inputs: Mapping[Kind, LeadsInput],
        settings: Mapping[str, Any],
    ) -> _Ended:
        found: dict[str, Any] = {
            name: value.get_value() if isinstance(value, dg.EnvVar) else value
            for name, value in settings.items()
        }
        try:
            enrichment = Enrichment(pipeline, resolve_settings(**found), inputs)
        except AmplemarketError as refused:
            return _Ended.with_error(RunReport(), refused)
        error = self._wait_for(enrichment)
        if error is not None:
            return _Ended.with_error(enrichment.report, error)
        return _Ended.with_report(enrichment.report)

    def _wait_for(self, enrichment: Enrichment) -> BaseException | None:
        """Let the run go on in another thread, and return what it raises.

        Dagster stops a step by an exception in the main thread, wherever that is: in the midst of a
        POST, it would leave nobody to know whether that arrived. Here it only meets the waiting.
        """
        errors: list[BaseException] = []
        # Not `Thread.join`: interrupted by an exception, it takes a thread that runs for one that
        # has ended (bpo-45274).
        is_over = threading.Event()

        def work() -> None:
            try:
                enrichment.run()
            except BaseException as error:
                errors.append(error)
            finally:
                is_over.set()

        worker = threading.Thread(target=work, name="amplemarket-run", daemon=True)
        news = time.monotonic() + _SECONDS_BETWEEN_NEWS
        try:
            worker.start()
            while not is_over.wait(1.0):
                if time.monotonic() > news:
                    news += _SECONDS_BETWEEN_NEWS
                    self.context.log.info(_news(enrichment.report))
        except BaseException:
            enrichment.stop()
            self.context.log.info(
                "Stopping: nothing more is sent, what is complete gets loaded, and the next run "
                "goes on with the rest."
            )
            while worker.ident is not None and not is_over.is_set():
                # The same signal may come twice: from the terminal, and from Dagster.
                with suppress(BaseException):
                    is_over.wait()
            raise
        finally:
            gc.unfreeze()
        return errors[0] if errors else None

    def _checks(self, ended: _Ended) -> dict[str, dg.AssetCheckResult]:
        """The results of the checks that are selected, by table."""
        wanted = {check.asset_key for check in self.context.selected_asset_check_keys}
        return {
            name: ended.check(self.keys[name])
            for name in self.selected
            if self.keys[name] in wanted
        }

    def _materialised(self, report: RunReport, name: str, check: dg.AssetCheckResult | None) -> Any:
        metadata = _rows(report, name)
        if name == self.selected[0]:
            metadata |= _figures(report)
        return dg.MaterializeResult(
            asset_key=self.keys[name],
            metadata=metadata,
            check_results=[check] if check is not None else [],
        )

    def _record_unselected(self, report: RunReport) -> None:
        """Tables that got rows beside the selected ones; what stands behind them has to know."""
        partition = self.context.partition_key if self.context.has_partition_key else None
        for name, key in self.keys.items():
            if report.rows[name] and name not in self.selected:
                self.context.log_event(
                    dg.AssetMaterialization(key, metadata=_rows(report, name), partition=partition)
                )


def _rows(report: RunReport, name: str) -> dict[str, Any]:
    rows: dict[str, Any] = {"rows_of_this_run": report.rows[name]}
    if report.tables:
        rows["dagster/row_count"] = report.tables[name]
    return rows


def _figures(report: RunReport) -> dict[str, Any]:
    """What the run bought, and for how much: numbers and keys of requests only."""
    return {
        "leads_bought": report.leads_bought,
        "leads_not_bought": report.leads_not_bought,
        "requests_bought": report.requests_bought,
        "requests_loaded": report.requests_loaded,
        "requests_running": len(report.running_requests),
        "held_requests": dict(report.held_requests),
        **{name: float(value) for name, value in sorted(report.credits.items())},
    }


def _news(report: RunReport) -> str:
    return (
        f"{report.leads_bought:,} leads bought, {report.rows_fetched:,} answers fetched, "
        f"{report.requests_loaded:,} requests loaded."
    )
