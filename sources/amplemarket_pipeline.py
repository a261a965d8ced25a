"""Leads from a file, bought and loaded: python amplemarket_pipeline.py leads.csv"""

import sys

import dlt
from amplemarket import amplemarket  # noqa: F401 - so that dlt puts its settings into secrets.toml

from amplemarket_source import enrich


def load(leads: str) -> None:
    """Buys what is not known yet, loads every answer, and fails unless every lead is settled."""
    pipeline = dlt.pipeline(
        pipeline_name="amplemarket",
        destination="duckdb",
        dataset_name="amplemarket_data",
    )
    report = enrich(pipeline, leads=leads)
    print(report.rows)
    report.raise_unless_settled()


if __name__ == "__main__":
    load(sys.argv[1] if len(sys.argv) > 1 else "leads.csv")
