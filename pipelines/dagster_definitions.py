"""Leads to DuckDB every morning, by Dagster: key in SOURCES__AMPLEMARKET__API_KEY.

Install with ``pip install 'dlt-source-amplemarket[dagster]' dagster-webserver``; then
``dagster dev -f dagster_definitions.py``. In ``dagster.yaml`` let pools have a limit of one,
because a dataset has one writer::

    concurrency:
      pools:
        default_limit: 1
"""

import dagster as dg
import dlt

from amplemarket_source.dagster import amplemarket_assets
from amplemarket_source.destination import duckdb


def pipeline() -> dlt.Pipeline:
    return dlt.pipeline(
        "amplemarket",
        destination=duckdb("amplemarket.duckdb"),  # or "bigquery", "snowflake"
        dataset_name="amplemarket_data",
    )


tables = amplemarket_assets(
    pipeline, leads="leads.csv", refresh_after="90d", max_credits=500, max_credits_per="day"
)
every_morning = dg.ScheduleDefinition("every_morning", cron_schedule="0 6 * * *", target=[tables])

defs = dg.Definitions(assets=[tables], schedules=[every_morning])
