"""A run that kills itself in the middle of its load, in a process of its own."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import dlt

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.load.waves import load_pending
from amplemarket_source.settings import resolve_settings
from tests.crash.driver import die_at
from tests.destinations.deployment import KEY
from tests.destinations.scenario import LEADS
from tests.destinations.warehouses import TestedWarehouse
from tests.support.clock import ManualClock
from tests.support.steps import SteppedRun


def main() -> None:
    name, place, folder, machine, dataset, url, started, nth = sys.argv[1:]
    pipeline = dlt.pipeline(
        "amplemarket",
        destination=TestedWarehouse(name, place).destination(Path(folder)),
        dataset_name=dataset,
        pipelines_dir=str(Path(folder) / machine),
    )
    settings = resolve_settings(
        api_key=KEY, base_url=url, requests_per_minute=600_000, refresh_after="0s"
    )
    load_pending(pipeline)
    with SteppedRun(pipeline, settings, ManualClock(datetime.fromisoformat(started))) as run:
        run.prepare({PEOPLE: LEADS})
        # Counted from here on: the plan has been recorded by a load of its own.
        die_at("load job", "before", int(nth))
        run.load()


if __name__ == "__main__":
    main()
