"""People from a list of leads with Airflow 3, in three shapes: copy the file, keep one of them.

===============================  ==================================================================
``amplemarket_one_task``         one task buys, waits and loads
``amplemarket_submit_and_wait``  one buys; a sensor, which holds no slot, waits; one makes sure
``amplemarket_then_dbt``         one task buys, waits and loads, then ``dbt build``
===============================  ==================================================================

Install ``dlt-source-amplemarket`` with the extra of your warehouse into the environment of the
workers. These are Airflow Variables, or ``AIRFLOW_VAR_AMPLEMARKET_LEADS`` and so on in the workers'
environment; they are read when a task runs:

=============================  ======================================  ==========================
Variable                       default                                 is
=============================  ======================================  ==========================
``amplemarket_leads``          ``/opt/airflow/amplemarket/leads.csv``  the list, a path or URL
``amplemarket_destination``    ``snowflake``                           a destination of dlt
``amplemarket_pipelines_dir``  ``/opt/airflow/amplemarket/pipelines``  the working folder
``amplemarket_dbt``            ``dbt``                                 the command, or its path
``amplemarket_dbt_project``    ``/opt/airflow/dbt``                    holds project and profiles
=============================  ======================================  ==========================

The key, the credentials and every other setting are dlt's: ``SOURCES__AMPLEMARKET__API_KEY``,
``SOURCES__AMPLEMARKET__MAX_CREDITS``, ``DESTINATION__SNOWFLAKE__CREDENTIALS`` in the workers'
environment, or in dlt's Variable ``dlt_secrets_toml``. None of them is needed to parse this file.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow.sdk import Variable, dag, task
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    import dlt

FOLDER = "/opt/airflow/amplemarket"
"""On a volume that every worker mounts."""

UNFINISHED = 5
NO_RETRY_HELPS = (2, 3, 4, 6)
"""Settings, the key, credits, an answer that nobody documented."""

OF_EACH_DAG = {
    "schedule": "@daily",
    "start_date": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "catchup": False,
    # A second run at the same destination would only be told that it is busy.
    "max_active_runs": 1,
    "default_args": {
        "retries": 5,
        # A worker that dies by SIGKILL leaves its lease on the warehouse for five minutes, if the
        # next one starts with an empty disk: a retry before that would be told that it is busy.
        "retry_delay": timedelta(minutes=6),
        # Longer than `poll_timeout` (an hour), so that a run ends by itself, in good order.
        "execution_timeout": timedelta(hours=2),
    },
}


def pipeline() -> dlt.Pipeline:
    """The same for every task and every try."""
    # Nothing heavy is imported where Airflow parses the file, twice a minute.
    import dlt

    return dlt.pipeline(
        "amplemarket",
        destination=Variable.get("amplemarket_destination", default="snowflake"),
        dataset_name="amplemarket_data",
        # One place for all workers and tries: it has the journal of purchases. A try that does not
        # find it has to hold a batch of which only the journal could say that it was never sent.
        pipelines_dir=Variable.get("amplemarket_pipelines_dir", default=f"{FOLDER}/pipelines"),
    )


def leads() -> str:
    return Variable.get("amplemarket_leads", default=f"{FOLDER}/leads.csv")


def needs_a_person(error: Exception) -> bool:
    """Whether a batch is held: time settles nothing, ``amplemarket release`` does."""
    return getattr(error, "needs_a_person", False)


@contextmanager
def task_state() -> Iterator[None]:
    """Let an error of the block fail the task for good, or be raised, and so retried."""
    from amplemarket_source import AmplemarketError

    try:
        yield
    except AmplemarketError as error:
        if error.exit_code in NO_RETRY_HELPS or needs_a_person(error):
            raise AirflowFailException(str(error)) from error
        raise


@task
def enrich_leads() -> dict[str, float]:
    """Goes on with what an earlier run or try left, buys, waits, loads; returns the credits."""
    from amplemarket_source import enrich

    with task_state():
        report = enrich(pipeline(), leads=leads())
        report.raise_unless_settled()
    return dict(report.credits)


@task
def submit() -> None:
    """Buys and does not wait. That the API is at work on it (5) is what it is to be."""
    from amplemarket_source import enrich

    with task_state():
        report = enrich(pipeline(), leads=leads(), poll_timeout="0s")
        if report.exit_code != UNFINISHED or report.needs_a_person:
            report.raise_unless_settled()


@task.sensor(mode="reschedule", poke_interval=300, timeout=timedelta(hours=12).total_seconds())
def answered() -> bool:
    """Loads what the API has finished; whether that is everything."""
    from amplemarket_source import AmplemarketError, resume

    with task_state():
        try:
            resume(pipeline(), poll_timeout="0s").raise_unless_settled()
        except AmplemarketError as error:
            if error.exit_code == UNFINISHED and not needs_a_person(error):
                return False
            raise
    return True


@task.bash(append_env=True)
def dbt_build() -> str:
    """A command of its own, because dbt and Airflow want packages of different versions."""
    command = Variable.get("amplemarket_dbt", default="dbt")
    project = Variable.get("amplemarket_dbt_project", default="/opt/airflow/dbt")
    # A pipe behind it (`| tail`) would hide how it ended.
    return f"cd {shlex.quote(project)} && exec {shlex.quote(command)} build --profiles-dir ."


@dag(**OF_EACH_DAG)
def amplemarket_one_task() -> None:
    enrich_leads()


@dag(**OF_EACH_DAG)
def amplemarket_submit_and_wait() -> None:
    # The last one buys what requests left open that ended early at the API; most often nothing.
    submit() >> answered() >> enrich_leads()


@dag(**OF_EACH_DAG)
def amplemarket_then_dbt() -> None:
    enrich_leads() >> dbt_build()


amplemarket_one_task()
amplemarket_submit_and_wait()
amplemarket_then_dbt()
