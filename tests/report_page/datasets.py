"""Five datasets that the page has to look right on, made by runs against the bundled server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb as engine

from amplemarket_source.destination import duckdb
from amplemarket_source.kinds import COMPANIES, PEOPLE
from amplemarket_source.load.waves import load_pending
from amplemarket_source.run.purchase import recorded
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from amplemarket_source.sandbox.faults import Fault
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment
from tests.support.steps import SteppedRun

__all__ = ["DATASETS", "NOW", "ODD_LABEL", "STORY", "first_run", "pipeline_at", "story"]

BEGINNING = datetime(2026, 8, 3, 7, 0, tzinfo=timezone.utc)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=timezone.utc)
ODD_LABEL = '<script>alert(1)</script> & "Ω" ' + "W" * 80
BOTH = {"reveal_email": True, "reveal_phone_numbers": True}
AGAIN = {"refresh_after": "0s"}
STORY: tuple[tuple[int, int, str | None, dict[str, Any]], ...] = (
    (0, 60, "crm-backfill", {}),
    (21, 90, "crm-backfill", BOTH),
    (28, 15, None, {}),
    (63, 60, "crm-backfill", AGAIN),
    (77, 40, "webinar-autumn", {"max_credits": 10}),
    (98, 30, "outbound-emea", {}),
    (112, 20, "outbound-emea", {}),
)
"""Days after the beginning, leads, label, settings."""


def pipeline_at(folder: Path) -> dlt.Pipeline:
    """The pipeline of a dataset below ``folder``, on a machine that has not seen it yet."""
    return dlt.pipeline(
        "amplemarket",
        destination=duckdb(str(folder / "warehouse.duckdb")),
        dataset_name=Deployment.dataset,
        pipelines_dir=str(folder / "elsewhere"),
    )


def leads_of(count: int, start: int = 0) -> list[dict[str, str]]:
    """Leads that are found and missed as a list of customers' is: by address, URL and name."""
    made: list[dict[str, str]] = []
    for n in range(start, start + count):
        name = f"{'notfound' if n % 11 == 7 else 'removed' if n % 37 == 30 else 'zoe'}{n}"
        if n % 3 == 2:
            made.append({"name": f"{name} Quartz", "company_domain": f"co{n % 9}.example"})
        elif n % 3 == 1:
            made.append({"linkedin_url": f"https://linkedin.com/in/{name}-quartz"})
        else:
            made.append({"email": f"{name}@co{n % 9}.example"})
    return made


@contextmanager
def deployed(folder: Path) -> Iterator[Deployment]:
    clock = ManualClock(BEGINNING)
    with SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server:
        yield Deployment(folder, server, clock)


def buy(deployment: Deployment, inputs: Any, **settings: Any) -> None:
    """One run as the command makes it, on the test's clock."""
    pipeline = deployment.pipeline()
    load_pending(pipeline)
    with (
        SteppedRun(pipeline, deployment.settings(**settings), deployment.clock) as run,
        recorded(run.session, "run"),
    ):
        run.prepare(inputs)
        run.load()


def first_run(folder: Path) -> None:
    with deployed(folder) as deployment:
        deployment.clock.advance((NOW - BEGINNING - timedelta(hours=1)).total_seconds())
        buy(deployment, {PEOPLE: [*leads_of(20), {"email": "no address"}]})


def story(folder: Path) -> None:
    """Sixteen weeks: labels, reveals, a refresh, a cap, a request in error, one held, companies."""
    with deployed(folder) as deployment:
        started = 0
        for day, count, label, settings in STORY:
            deployment.clock.advance(
                (BEGINNING + timedelta(days=day) - deployment.clock.now()).total_seconds()
            )
            deployment.sandbox.configure(generation=day // 60)
            start = 0 if "refresh_after" in settings else started
            inputs: Any = {PEOPLE: [*leads_of(count, start), {"email": f"broken {day}"}]}
            if day == 28:
                inputs[COMPANIES] = [{"domain": f"co{n}.example"} for n in range(12)]
            if day == 98:
                deployment.sandbox.set_faults(Fault("ends_error_with_rows", count=1))
            if day == 112:
                deployment.sandbox.set_faults(Fault("post_drop_after_accept", count=1))
            buy(deployment, inputs, label=label, leads_per_request=50, **settings)
            deployment.sandbox.set_faults()
            started += 0 if "refresh_after" in settings else count
    with engine.connect(str(folder / "warehouse.duckdb")) as connection:
        # So that the page is not taken for the bundled server's.
        connection.execute(
            f"UPDATE {Deployment.dataset}.enrichment_requests SET origin = 'https://api.example'"
        )


def many_requests(folder: Path) -> None:
    """The story, and its first request two thousand times over two years."""
    shutil.copy(made("story", folder.parent) / "warehouse.duckdb", folder)
    with engine.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"USE {Deployment.dataset}")
        connection.execute(
            "INSERT INTO enrichment_requests SELECT r.* REPLACE ("
            "  strftime(r.submitted_at - INTERVAL (n * 8) HOUR, '%Y%m%d-%H%M%S-') || n"
            "    AS request_key,"
            "  'bulk' || n AS _dlt_id,"
            "  CASE WHEN n % 97 = 0 THEN 'held' ELSE r.status END AS status,"
            "  'team-' || (n % 30) AS label, r.lead_count * (1 + n % 40) AS lead_count,"
            "  r.enriched_count * (1 + n % 40) AS enriched_count,"
            "  r.not_found_count * (1 + n % 40) AS not_found_count,"
            "  r.email_credits_max * (1 + n % 40) AS email_credits_max,"
            "  r.email_credits_estimated * (1 + n % 40) AS email_credits_estimated,"
            "  r.submitted_at - INTERVAL (n * 8) HOUR AS submitted_at,"
            "  r.completed_at - INTERVAL (n * 8) HOUR + INTERVAL (n % 900) SECOND AS completed_at,"
            "  CASE WHEN n % 97 > 0 THEN r.loaded_at - INTERVAL (n * 8) HOUR"
            "    + INTERVAL (n % 900 + n % 40) SECOND END AS loaded_at) "
            "FROM (SELECT * FROM enrichment_requests WHERE loaded_at IS NOT NULL "
            "ORDER BY request_key LIMIT 1) r, range(2000) t(n)"
        )


def odd_texts(folder: Path) -> None:
    """What strangers may have written: labels, error codes, names of fields, in markup and long."""
    with deployed(folder) as deployment:
        deployment.sandbox.set_faults(
            Fault("row_patch", value=lambda person: {**person, "<b>new & odd</b>" + "x" * 60: 1})
        )
        buy(deployment, {PEOPLE: leads_of(12)}, label=ODD_LABEL)
    with engine.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(
            f"UPDATE {Deployment.dataset}.enrichment_requests SET error_code = '</td><img src=x>'"
        )


def empty(folder: Path) -> None:
    """Nobody has run anything; there is no file."""


DATASETS: dict[str, Callable[[Path], None]] = {
    "empty": empty,
    "first run": first_run,
    "story": story,
    "2,000 requests": many_requests,
    "odd texts": odd_texts,
}


def made(name: str, home: Path) -> Path:
    """The folder of a dataset, which is made when it is first asked for."""
    folder = home / name.replace(" ", "_").replace(",", "")
    if not folder.exists():
        folder.mkdir(parents=True)
        DATASETS[name](folder)
        shutil.rmtree(folder / "pipelines", ignore_errors=True)
    return folder
