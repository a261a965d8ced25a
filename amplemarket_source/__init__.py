"""dlt source for Amplemarket: leads in, typed people and companies tables out.

Example::

    import dlt
    from amplemarket_source import enrich
    from amplemarket_source.destination import duckdb

    pipeline = dlt.pipeline(
        "amplemarket", destination=duckdb("amplemarket.duckdb"), dataset_name="amplemarket_data"
    )
    enrich(pipeline, leads="leads.csv").raise_unless_settled()

Public are the names of ``__all__`` here, every error of `amplemarket_source.errors`,
`amplemarket_source.destination`, `amplemarket_source.dagster` (extra ``dagster``), and
`amplemarket_source.sandbox`, the API server for tests.
All other modules are private: their names and what they do may change with any release.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amplemarket_source.errors import AmplemarketError
    from amplemarket_source.leads.databases import query_leads
    from amplemarket_source.leads.lead_lists import lead_list
    from amplemarket_source.report_page import figures
    from amplemarket_source.run.enrichment import enrich, plan, resume, validate_emails
    from amplemarket_source.run.forget import forget
    from amplemarket_source.run.status import settled, status
    from amplemarket_source.source import amplemarket
    from amplemarket_source.workspace_source import workspace

__all__ = [
    "AmplemarketError",
    "amplemarket",
    "enrich",
    "figures",
    "forget",
    "lead_list",
    "plan",
    "query_leads",
    "resume",
    "settled",
    "status",
    "validate_emails",
    "workspace",
]

_HOME = {
    "AmplemarketError": "errors",
    "amplemarket": "source",
    "enrich": "run.enrichment",
    "figures": "report_page",
    "forget": "run.forget",
    "lead_list": "leads.lead_lists",
    "plan": "run.enrichment",
    "query_leads": "leads.databases",
    "resume": "run.enrichment",
    "settled": "run.status",
    "status": "run.status",
    "validate_emails": "run.enrichment",
    "workspace": "workspace_source",
}


def __getattr__(name: str) -> Any:
    # dlt takes a second to import; the command's help and the bundled server do without it.
    if name in _HOME:
        return getattr(import_module(f"amplemarket_source.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
