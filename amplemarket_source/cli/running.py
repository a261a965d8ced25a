"""One run, from the command line's settings to the report."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from amplemarket_source.cli.background import in_background
from amplemarket_source.cli.options import Target
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.progress import showing
from amplemarket_source.cli.texts import plan_line
from amplemarket_source.errors import UsageError
from amplemarket_source.model import Kind

if TYPE_CHECKING:
    from amplemarket_source.ledger import Ledger
    from amplemarket_source.model import Plan
    from amplemarket_source.report import RunReport
    from amplemarket_source.settings import Settings

__all__ = ["NO_KEY_NEEDED", "Outcome", "execute", "make_plans", "sandbox_settings"]

NO_KEY_NEEDED = "not-needed"
"""The key of commands that never call the API."""


class Outcome:
    """What a run leaves: its report, and how many rows each table has now."""

    def __init__(self, report: RunReport, tables: dict[str, int]) -> None:
        self.report = report
        self.tables = tables


def execute(
    target: Target,
    settings: Settings,
    inputs: Mapping[Kind, Any],
    output: Output,
    *,
    is_sandbox: bool = False,
) -> Outcome:
    """Buy, read and load; Ctrl-C stops it in an orderly way.

    Args:
        inputs: the list of leads or companies by kind; empty to resume only.
        is_sandbox: the API is a bundled server that has just been started.

    Raises:
        UsageError: the bundled server would be asked for requests of another API.
        AmplemarketError: the run could not do its work; what single requests ended with is in
            the report.
    """
    from amplemarket_source.load.waves import load_pending, load_waves
    from amplemarket_source.memory import share_arenas
    from amplemarket_source.run.session import Run
    from amplemarket_source.run.status import row_counts

    share_arenas()
    pipeline = target.pipeline()
    run = Run(pipeline, settings)

    def work() -> Outcome:
        with run.report.timing("total"):
            load_pending(pipeline)
            with run:
                if is_sandbox:
                    _refuse_requests_of_others(run.ledger)
                with run.report.timing("plan"):
                    plans = run.prepare(inputs)
                # What is there by now stays until the end; looking through it again and again
                # is what the garbage collector would spend most of its time on.
                gc.freeze()
                for plan in plans:
                    output.say(plan_line(plan))
                load_waves(pipeline, run)
                tables = row_counts(run.ledger)
        return Outcome(run.report, tables)

    with output.working(), showing(run.report, quiet=output.quiet):
        return in_background(work, on_stop=run.stop)


def _refuse_requests_of_others(ledger: Ledger) -> None:
    """The bundled server answers 404 to a paid request, which would be recorded as expired."""
    from amplemarket_source.requests.recover import resumable

    in_flight = resumable(ledger.open_requests())
    if in_flight:
        raise UsageError(
            f"{len(in_flight):,} requests of another API are in flight in this dataset, and the "
            "sandbox does not know them. Give another --pipeline-name and --dataset."
        )


def make_plans(
    target: Target, settings: Settings, inputs: Mapping[Kind, Any], output: Output
) -> list[Plan]:
    """What a run would do; nothing is sent."""
    from amplemarket_source.run.session import Run

    with output.working(), Run(target.pipeline(), settings) as run:
        return run.prepare(inputs, spend=False)


def sandbox_settings(stack: ExitStack) -> dict[str, Any]:
    """The settings that lead to a bundled server, which lives as long as the stack."""
    from amplemarket_source.sandbox import SandboxServer

    server = stack.enter_context(SandboxServer())
    return {"base_url": server.url, "api_key": server.sandbox.options.api_keys[0]}
