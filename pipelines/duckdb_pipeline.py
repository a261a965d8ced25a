"""Leads to DuckDB. Runs as it is: without a key, against the bundled API server."""

from contextlib import nullcontext

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


if __name__ == "__main__":
    main()
