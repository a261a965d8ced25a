"""The queries of the report, in one dialect; dlt's dataset translates them for the destination.

A column that is marked personal is counted and compared, never returned and never grouped by: a
test reads that off the parsed statements (``tests/report_page/test_queries.py``), because care does
not last.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from amplemarket_source.schema.bookkeeping import (
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ENRICHMENT_RUNS,
    ERASURES,
    LEADS,
    REJECTS,
    REQUEST_LEADS,
)
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import (
    COMPANIES,
    EMAIL_VALIDATIONS,
    PEOPLE,
    PEOPLE_HISTORY,
    PHONE_NUMBERS,
    TABLES,
)

__all__ = ["AGES", "DIALECT", "LATEST_RUNS", "counted_columns", "queries"]

DIALECT: Final = "duckdb"
AGES = (7, 30, 90, 180, 365)
"""The days at which one age of answers ends and the next begins."""
LATEST_RUNS = 30

_NUMBERS = (
    *("lead_count", "enriched_count", "not_found_count", "gdpr_removed_count"),
    *("unanswered_count", "email_credits_max", "phone_credits_max"),
    *("email_credits_estimated", "phone_credits_estimated"),
)
_REQUESTS = f"""
SELECT r.request_key, r.kind, r.request_id, r.status, r.label, r.run_key, r.origin, r.error_code,
  {", ".join(f"coalesce(r.{name}, 0) AS {name}" for name in _NUMBERS)},
  r.submitted_at, r.completed_at, r.loaded_at,
  CASE WHEN r.loaded_at IS NOT NULL
    AND r._dlt_load_id IN (SELECT load_id FROM _dlt_loads WHERE status = 0)
    THEN 1 ELSE 0 END AS is_loaded
FROM {ENRICHMENT_REQUESTS.name} AS r
ORDER BY r.request_key DESC
"""

_RUNS = f"""
SELECT run_key, command, label, started_at, finished_at, exit_code,
  leads_read, leads_bought, leads_not_bought, requests_held
FROM {ENRICHMENT_RUNS.name}
ORDER BY started_at DESC
LIMIT {LATEST_RUNS}
"""

_NOT_BOUGHT = f"""
SELECT count(*) AS leads
FROM {REQUEST_LEADS.name} AS l
WHERE l.request_key NOT IN (
  SELECT request_key FROM {ENRICHMENT_REQUESTS.name}
  WHERE status <> 'dropped' OR error_code IN ('released', 'resubmitted')
)
"""

_LEADS = f"""
SELECT kind, count(*) AS input_rows, count(DISTINCT lead_key) AS leads
FROM {LEADS.name}
GROUP BY kind
"""

_OUTCOMES = f"""
SELECT kind, input_kind, status, count(*) AS leads
FROM {ENRICHMENT_RESULTS.name}
GROUP BY kind, input_kind, status
"""

_PHONES = f"SELECT count(DISTINCT person_id) AS people FROM {PHONE_NUMBERS.name}"

_VERDICTS = f"""
SELECT coalesce(result, 'none') AS result, count(*) AS addresses
FROM {EMAIL_VALIDATIONS.name}
GROUP BY coalesce(result, 'none')
"""

_REJECTS = f"""
SELECT stage, reason, count(*) AS reject_rows, min(rejected_at) AS first_at,
  max(rejected_at) AS last_at
FROM {REJECTS.name}
GROUP BY stage, reason
"""

_ERASURES = f"""
SELECT key_of, reason, count(*) AS erasures, max(erased_at) AS last_at
FROM {ERASURES.name}
GROUP BY key_of, reason
"""

_JOB_CHANGES = f"""
SELECT h.request_key,
  count(*) AS seen_again,
  sum(CASE WHEN h.company_id <> h.company_before THEN 1 ELSE 0 END) AS new_company,
  sum(CASE WHEN h.company_id = h.company_before AND h.title <> h.title_before
    THEN 1 ELSE 0 END) AS new_title
FROM (
  SELECT request_key, company_id, title,
    lag(company_id) OVER (PARTITION BY person_id ORDER BY enriched_at, request_key)
      AS company_before,
    lag(title) OVER (PARTITION BY person_id ORDER BY enriched_at, request_key) AS title_before,
    lag(request_key) OVER (PARTITION BY person_id ORDER BY enriched_at, request_key)
      AS request_before
  FROM {PEOPLE_HISTORY.name}
) AS h
WHERE h.request_before IS NOT NULL
GROUP BY h.request_key
"""

_FIXED: dict[str, tuple[tuple[str, ...], str]] = {
    "requests": ((ENRICHMENT_REQUESTS.name, "_dlt_loads"), _REQUESTS),
    "runs": ((ENRICHMENT_RUNS.name,), _RUNS),
    "not_bought": ((REQUEST_LEADS.name, ENRICHMENT_REQUESTS.name), _NOT_BOUGHT),
    "leads": ((LEADS.name,), _LEADS),
    "outcomes": ((ENRICHMENT_RESULTS.name,), _OUTCOMES),
    "phones": ((PHONE_NUMBERS.name,), _PHONES),
    "verdicts": ((EMAIL_VALIDATIONS.name,), _VERDICTS),
    "rejects": ((REJECTS.name,), _REJECTS),
    "erasures": ((ERASURES.name,), _ERASURES),
    "job_changes": ((PEOPLE_HISTORY.name,), _JOB_CHANGES),
}


def counted_columns(table: Table) -> list[str]:
    """The declared columns of which it is of interest how full they are, in their order."""
    lineage = ("enriched_at", "enrichment_request_id", "request_key")
    return [
        column.name
        for column in table.columns
        if column.nullable and column.name not in lineage and not column.name.startswith("_dlt_")
    ]


def queries(there: Mapping[str, Collection[str]], now: datetime) -> dict[str, str]:
    """Each figure's query, of those whose tables are there.

    Args:
        there: the columns of each table at the destination.

    Example::

        queries({"leads": {"kind", "lead_key"}}, now)["leads"]    # "SELECT kind, count(*) ..."
    """
    found = {
        name: sql.strip()
        for name, (tables, sql) in _FIXED.items()
        if all(there.get(table) for table in tables)
    }
    for table in (PEOPLE, COMPANIES):
        if there.get(table.name):
            columns = [name for name in counted_columns(table) if name in there[table.name]]
            found[f"ages of {table.name}"] = _ages(table, now)
            found[f"fill of {table.name}"] = (
                f"SELECT count(*) AS all_rows, {', '.join(f'count({c}) AS {c}' for c in columns)} "
                f"FROM {table.name}"
            )
    counts = [
        f"SELECT '{name}' AS table_name, count(*) AS table_rows FROM {name}"
        for name in TABLES
        if there.get(name)
    ]
    if counts:
        found["rows"] = " UNION ALL ".join(counts)
    return found


def _ages(table: Table, now: datetime) -> str:
    """Rows by age, one column for each of `AGES` and one for what is older."""
    at = [f"CAST('{now - timedelta(days=days)}' AS TIMESTAMPTZ)" for days in AGES]
    columns = []
    for place, since in enumerate(at):
        before = f" AND enriched_at <= {at[place - 1]}" if place else ""
        columns.append(
            f"sum(CASE WHEN enriched_at > {since}{before} THEN 1 ELSE 0 END) AS to_{AGES[place]}"
        )
    columns.append(f"sum(CASE WHEN enriched_at <= {at[-1]} THEN 1 ELSE 0 END) AS older")
    return f"SELECT {', '.join(columns)} FROM {table.name}"
