"""People from a list of leads with Prefect 3.

Install ``dlt-source-amplemarket`` with the extra of your warehouse beside Prefect; then
``python prefect_flow.py leads.csv`` runs it once, ``amplemarket_people.serve(cron="17 5 * * *",
parameters={"leads": "leads.csv"})`` every day.

The key, the credentials and every other setting are dlt's: ``SOURCES__AMPLEMARKET__API_KEY``,
``SOURCES__AMPLEMARKET__MAX_CREDITS``, ``DESTINATION__SNOWFLAKE__CREDENTIALS`` in the environment of
the worker. ``AMPLEMARKET_DESTINATION`` and ``AMPLEMARKET_PIPELINES_DIR`` say where.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import dlt
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from amplemarket_source import AmplemarketError, enrich

NO_RETRY_HELPS = (2, 3, 4, 6)
"""Settings, the key, credits, an answer that nobody documented."""


def retry_helps(_task: Any, _task_run: Any, state: Any) -> bool:
    """Whether time may settle what a try ended with; a held batch it does not."""
    try:
        state.result()
    except AmplemarketError as error:
        return error.exit_code not in NO_RETRY_HELPS and not getattr(error, "needs_a_person", False)
    except Exception:
        return True
    return False


def pipeline() -> dlt.Pipeline:
    return dlt.pipeline(
        "amplemarket",
        destination=os.environ.get("AMPLEMARKET_DESTINATION", "snowflake"),
        dataset_name="amplemarket_data",
        # On a volume, the same for every worker and try: it has the journal of purchases. A try
        # that does not find it has to hold a batch of which only the journal could say that it was
        # never sent.
        pipelines_dir=os.environ.get("AMPLEMARKET_PIPELINES_DIR", "/srv/amplemarket/pipelines"),
    )


@task(
    retries=5,
    # A worker that dies by SIGKILL leaves its lease on the warehouse for five minutes, if the next
    # one starts with an empty disk.
    retry_delay_seconds=360,
    retry_condition_fn=retry_helps,
    # What is known already the warehouse says, and not what another run was given.
    cache_policy=NO_CACHE,
)
def enrich_leads(leads: str) -> dict[str, float]:
    """Goes on with what an earlier run or try left, buys, waits, loads; returns the credits."""
    report = enrich(pipeline(), leads=leads)
    # Before it is known to have failed: an unfinished run has spent, too.
    create_table_artifact(
        key="amplemarket-credits",
        table=[{"credits": name, "number": number} for name, number in report.credits.items()],
        description="What this try bought at most, and what was loaded, as the vendor charges it.",
    )
    report.raise_unless_settled()
    return dict(report.credits)


@flow
def amplemarket_people(leads: str) -> dict[str, float]:
    return enrich_leads(leads)


if __name__ == "__main__":
    amplemarket_people(sys.argv[1])
