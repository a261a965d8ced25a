"""Leads to BigQuery: credentials and key in .dlt/secrets.toml.

Install with ``pip install 'dlt-source-amplemarket[bigquery]'``; then
``python bigquery_pipeline.py leads.csv``, where the file may as well be ``gs://bucket/leads.csv``.
Without credentials in the file, those of ``gcloud auth application-default login`` are used.
With ``--models`` behind, the dbt package makes its models of them.
"""

import sys
from pathlib import Path

import dlt

from amplemarket_source import amplemarket


def main(leads: str) -> None:
    pipeline = dlt.pipeline("amplemarket", destination="bigquery", dataset_name="amplemarket_data")
    print(pipeline.run(amplemarket(leads=leads, reveal_email=True, max_credits=1_000)))
    if "--models" in sys.argv:
        # dlt makes an environment with dbt for BigQuery, the first time.
        package = str(Path(__file__).parents[1] / "dbt")
        dbt = dlt.dbt.package(pipeline, package, venv=dlt.dbt.get_venv(pipeline))
        dbt.run_all(additional_vars={"amplemarket_schema": pipeline.dataset_name})


if __name__ == "__main__":
    main(sys.argv[1])
