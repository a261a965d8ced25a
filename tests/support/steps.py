"""A run step by step, for tests that look in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt

from amplemarket_source.clock import Clock, StoppableClock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.kinds import Kind
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.waves import load_pending, load_waves
from amplemarket_source.model import Plan
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.report import RunReport
from amplemarket_source.run.purchase import Commitment, commit, draft, fetch, recover_requests
from amplemarket_source.session import Session, open_session
from amplemarket_source.settings import Settings
from amplemarket_source.upgrade import complete_earlier
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["SteppedRun", "open_ledger", "run_to_the_end"]


class SteppedRun:
    """Opened, then ``prepare``, then ``completed`` or ``load``.

    Attributes:
        session: there while it is open.
    """

    session: Session

    def __init__(
        self, pipeline: dlt.Pipeline, settings: Settings, clock: Clock | None = None
    ) -> None:
        self.report = RunReport()
        self.stack = ExitStack()
        self._pipeline, self._settings = pipeline, settings
        self._clock = StoppableClock(clock or SystemClock())
        self._commitment = Commitment(Plan(), ())

    def __enter__(self) -> SteppedRun:
        self.stack.enter_context(run_environment())
        try:
            self.session = self.stack.enter_context(
                open_session(self._pipeline, self._settings, self._clock, self.report)
            )
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.close()

    def prepare(self, inputs: Mapping[Kind, Any]) -> Plan:
        open_requests = recover_requests(self.session, buying=bool(inputs))
        plan = draft(self.session, inputs, open_requests)
        self._commitment = commit(self.session, plan, open_requests)
        return plan

    def completed(self) -> Iterator[CompletedRequest]:
        return fetch(self.session, self._commitment)

    def load(self) -> None:
        load_waves(self.session, self.completed())

    def stop(self) -> None:
        self._clock.stop()


def run_to_the_end(
    pipeline: dlt.Pipeline,
    settings: Settings,
    inputs: Mapping[Kind, Any],
    clock: Clock | None = None,
) -> RunReport:
    """What `enrich` does, on a clock of the test's."""
    load_pending(pipeline)
    with SteppedRun(pipeline, settings, clock) as run:
        run.prepare(inputs)
        run.load()
    return run.report


@contextmanager
def open_ledger(pipeline: dlt.Pipeline) -> Iterator[Ledger]:
    """The ledger of a destination; what an earlier version left is completed."""
    with Warehouse(pipeline) as warehouse:
        ledger = Ledger(warehouse)
        complete_earlier(warehouse)
        yield ledger
