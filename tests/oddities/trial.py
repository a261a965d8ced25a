"""Many oddities in one pair of runs: a request for each, and what became of it.

The first run meets the oddities, the second finds the API well again. A run costs a second or two
whatever it loads, so a hundred named tests share a few of them.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.api import ApiClient, Timeouts
from amplemarket_source.errors import AmplemarketError
from amplemarket_source.report import RunReport
from amplemarket_source.run import purchase
from amplemarket_source.sandbox import Fault, SandboxOptions, SandboxServer
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment

__all__ = ["IMPATIENT", "LEADS", "Oddity", "Trial", "named", "trial_of"]

LEADS = 3
"""Leads of each request, two pages of them."""

IMPATIENT = Timeouts(read=0.4, total=0.5)


@dataclass(frozen=True)
class Oddity:
    """One fault in the answers about one request.

    Attributes:
        name: what the API does, for the name of the test.
        fault, value, count: the server's switch.
        says: what the error has to say, beside the endpoint.
        on_second_page: the first page is well.
    """

    name: str
    fault: str
    value: Any = None
    says: str = ""
    count: int | None = None
    on_second_page: bool = False

    def switch(self, number: int) -> Fault:
        """The switch for the request of this number."""
        query = "page" if self.on_second_page else ""
        path = f"/enrichment-requests/{number}?{query}"
        return Fault(self.fault, self.value, self.count, "GET", path)


def named(oddities: Sequence[Oddity]) -> Any:
    """Parametrizes ``oddity``, each test called after what the API does."""
    return pytest.mark.parametrize("oddity", oddities, ids=[one.name for one in oddities])


@dataclass
class Trial:
    """What the runs did with the oddities.

    Attributes:
        reports: of each run.
        errors: what the first run said of each oddity, by its name.
        ledger: status of each oddity's request after each run.
        outcomes: of each oddity's leads after each run.
        pages: how many pages of each oddity's request the first run left on disk.
        people: people of each oddity's leads in the end.
        submitted: how often each oddity's leads were submitted.
    """

    oddities: Sequence[Oddity]
    deployment: Deployment
    reports: list[RunReport] = field(default_factory=list)
    errors: dict[str, AmplemarketError] = field(default_factory=dict)
    ledger: list[dict[str, str]] = field(default_factory=list)
    outcomes: list[dict[str, Counter[str]]] = field(default_factory=list)
    pages: dict[str, int] = field(default_factory=dict)
    people: Counter[str] = field(default_factory=Counter)
    submitted: dict[str, set[int]] = field(default_factory=dict)

    def number(self, oddity: Oddity) -> int:
        """The API's id of the oddity's request."""
        return 1 + list(self.oddities).index(oddity)

    def run(self, *, later: bool) -> None:
        """Both runs, and perhaps one when a miss is old enough to be asked for again."""
        leads = [
            {"email": f"p{number}-{place}@odd.example", "external_id": oddity.name}
            for number, oddity in enumerate(self.oddities, start=1)
            for place in range(LEADS)
        ]
        switches = [one.switch(self.number(one)) for one in self.oddities]
        self.deployment.sandbox.set_faults(*switches)
        with _told() as told:
            self.reports.append(self.deployment.run(leads, leads_per_request=LEADS))
        found = self.deployment.rows(
            "SELECT request_key FROM enrichment_requests ORDER BY request_key"
        )
        keys = [key for (key,) in found]
        self.errors = {self.oddities[keys.index(key)].name: error for key, error in told}
        for key, oddity in zip(keys, self.oddities, strict=True):
            folders = (self.deployment.folder / "pipelines").rglob(f"spool/{key}/page-*")
            self.pages[oddity.name] = len(list(folders))
        self._look()
        self.deployment.sandbox.set_faults()
        for again in [{}, {"retry_not_found_after": "0s"}] if later else [{}]:
            self.reports.append(self.deployment.run(leads, leads_per_request=LEADS, **again))
            self._look()
        found = self.deployment.rows(
            "SELECT DISTINCT l.external_id, p.id FROM leads l JOIN enrichment_results r "
            "ON r.lead_key = l.lead_key JOIN people p ON p.id = r.person_id"
        )
        self.people.update(name for name, _ in found)
        submitted = self.deployment.sandbox.submitted("people")
        for number, oddity in enumerate(self.oddities, start=1):
            times = {submitted[f"email=p{number}-{place}@odd.example"] for place in range(LEADS)}
            self.submitted[oddity.name] = times

    def _look(self) -> None:
        statuses = self.deployment.requests()
        self.ledger.append({one.name: s for one, s in zip(self.oddities, statuses, strict=False)})
        found = self.deployment.rows(
            "SELECT l.external_id, r.status FROM leads l JOIN enrichment_results r "
            "ON r.lead_key = l.lead_key AND r.kind = l.kind"
        )
        outcomes: dict[str, Counter[str]] = {one.name: Counter() for one in self.oddities}
        for name, status in found:
            outcomes[name][status] += 1
        self.outcomes.append(outcomes)


@contextmanager
def trial_of(
    oddities: Sequence[Oddity],
    folder: Path,
    empty_warehouse: Path,
    *,
    later: bool = False,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
) -> Iterator[Trial]:
    """The runs, made; the server is there until the end. Waits for a retry cost no time.

    Args:
        timeouts: of each call; `IMPATIENT` where an oddity keeps the client waiting, since a POST
            that a busy machine is late with would end the run.
    """
    shutil.copytree(empty_warehouse, folder / "deployment")
    clock = _PatientClock()
    options = SandboxOptions(requests_per_minute=None, page_size=2)
    with SandboxServer(options, clock=clock) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(purchase, "ApiClient", partial(ApiClient, timeouts=timeouts))
        trial = Trial(oddities, Deployment(folder / "deployment", server, clock))
        trial.run(later=later)
        yield trial


class _PatientClock(ManualClock):
    """Sleeps take no time, and what the server takes its time for does."""

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()

    def monotonic(self) -> float:
        return super().monotonic() + time.monotonic() - self._began


@contextmanager
def _told() -> Iterator[list[tuple[str, AmplemarketError]]]:
    """What the log says of single requests: key and error."""
    told: list[tuple[str, AmplemarketError]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple) and len(record.args) == 2:
                key, error = record.args
                if isinstance(error, AmplemarketError):
                    told.append((str(key), error))

    logger, listener = logging.getLogger("amplemarket"), Listener()
    logger.addHandler(listener)
    try:
        yield told
    finally:
        logger.removeHandler(listener)
