"""Leads to DuckDB. Runs as it is: without a key, against the bundled API server.

With ``--models`` the dbt package makes its models of them, by the dbt that is installed beside dlt
(``pip install dbt-duckdb``).
"""

import sys
from contextlib import nullcontext
from pathlib import Path

import dlt

from amplemarket_source import enrich
from amplemarket_source.destination import duckdb
from amplemarket_source.sandbox import SandboxServer

LEADS = [
    {"email": "ada.quill@initech.example", "external_id": "crm-1"},
    {"name": "Grace Marsh", "company_domain": "globex.example", "external_id": "crm-2"},
    {"linkedin_url": "https://www.linkedin.example/in/alan-ferro", "external_id": "crm-3"},
]


def main() -> None:
    pipeline = dlt.pipeline(
        "amplemarket", destination=duckdb("amplemarket.duckdb"), dataset_name="amplemarket_data"
    )
    has_key = dlt.secrets.get("sources.amplemarket.api_key") is not None
    with nullcontext() if has_key else SandboxServer() as sandbox:
        trial = {"base_url": sandbox.url, "api_key": "sandbox-key"} if sandbox else {}
        report = enrich(pipeline, leads=LEADS, **trial)
    report.raise_unless_settled()
    for person in pipeline.dataset().people.select("name", "title").arrow().to_pylist():
        print(person)
    if "--models" in sys.argv:
        build_models(pipeline)


def build_models(pipeline: dlt.Pipeline) -> None:
    # With venv=dlt.dbt.get_venv(pipeline) dlt makes an environment with dbt for the destination.
    dbt = dlt.dbt.package(pipeline, str(Path(__file__).parents[1] / "dbt"))
    variables = {"amplemarket_schema": pipeline.dataset_name}
    for model in [*dbt.run_all(additional_vars=variables), *dbt.test(additional_vars=variables)]:
        print(model.model_name, model.status)


if __name__ == "__main__":
    main()
