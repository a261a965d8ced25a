"""Which row of an answer belongs to which lead: by what the row echoes, never by its position.

The API promises no order and returns no reference of ours (API facts 2.5). A row echoes the fields
that were sent; their normal form gives the same ``lead_key`` as the input had. A row that echoes
only some of them belongs to the one unanswered lead it does not contradict, if there is just one.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from amplemarket_source.kinds import Kind
from amplemarket_source.leads.identity import lead_key_sql, normal_columns_sql
from amplemarket_source.purchase.records import RequestRecord

__all__ = ["ANSWER_STATUSES", "Matched", "echo_schema", "match"]

ANSWER_STATUSES = ("enriched", "not_found", "gdpr_removed")
"""The documented row statuses (guide, enrichment request result object)."""

_ROWS_AT_ONCE = 10_000  # a whole request; DuckDB sets memory aside for a million if it is not told


def echo_schema(kind: Kind) -> pa.Schema:
    """The light table of an answer's rows that `match` takes."""
    texts = ("result_id", "status", "entity_id", *kind.identifying)
    return pa.schema(
        [("position", pa.int64())]
        + [(name, pa.string()) for name in texts]
        + [("has_email", pa.bool_()), ("has_phone", pa.bool_())]
    )


@dataclass(frozen=True)
class Matched:
    """How the rows of one request fell out.

    Attributes:
        results: ``lead_key, status, entity_id, result_id, position`` for every lead that was asked
            for; a lead without a row is ``unanswered``.
        leftover: ``reason, status, entity_id, lead_key, position`` of rows that answer no lead, or
            one already answered, and of those with a status that is not documented.
        emails, phones: enriched rows with an address, with a phone number.
    """

    results: pa.Table
    leftover: pa.Table
    counts: dict[str, int]
    emails: int
    phones: int


def match(record: RequestRecord, rows: pa.Table, work: duckdb.DuckDBPyConnection) -> Matched:
    """Match ``rows`` (see `echo_schema`) with the leads that the request asks for.

    Reads the workbench tables ``request_leads`` and ``asked_fields``.
    """
    kind = record.kind
    work.register("answer_rows", rows)
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE answers AS SELECT *, {lead_key_sql(kind)} AS lead_key "
        "FROM answer_rows"
    )
    work.unregister("answer_rows")
    work.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT DISTINCT lead_key FROM request_leads "
        "WHERE request_key = ?",
        [record.request_key],
    )
    if _count(work, "SELECT count(*) FROM answers ANTI JOIN asked USING (lead_key)"):
        _match_partial_echoes(kind, work)
    work.execute(
        """
        CREATE OR REPLACE TEMP TABLE ranked AS
        SELECT *, row_number() OVER (
            PARTITION BY lead_key ORDER BY status = 'enriched' DESC,
                list_contains($statuses, coalesce(status, '')) DESC, position DESC) AS rank,
            lead_key IN (SELECT lead_key FROM asked) AS was_asked
        FROM answers
        """,
        {"statuses": list(ANSWER_STATUSES)},
    )
    results = work.execute(
        """
        SELECT k.lead_key, coalesce(r.status, 'unanswered') AS status,
            CASE WHEN r.status = 'enriched' THEN r.entity_id END AS entity_id, r.result_id,
            r.position
        FROM asked k LEFT JOIN ranked r ON r.lead_key = k.lead_key AND r.rank = 1
            AND list_contains(?, r.status)
        """,
        [list(ANSWER_STATUSES)],
    ).to_arrow_table(_ROWS_AT_ONCE)
    leftover = work.execute(
        """
        SELECT CASE WHEN NOT list_contains(?, coalesce(status, '')) THEN 'unknown_status'
                WHEN NOT was_asked THEN 'answers_no_lead' ELSE 'lead_answered_twice' END AS reason,
            status, entity_id, CASE WHEN was_asked THEN lead_key END AS lead_key, position
        FROM (SELECT * FROM ranked)
        WHERE NOT was_asked OR rank > 1 OR NOT list_contains(?, coalesce(status, ''))
        """,
        [list(ANSWER_STATUSES), list(ANSWER_STATUSES)],
    ).to_arrow_table(_ROWS_AT_ONCE)
    counts = dict.fromkeys((*ANSWER_STATUSES, "unanswered"), 0)
    for value in results.column("status").value_counts():
        counts[value["values"].as_py()] = value["counts"].as_py()
    emails, phones = work.execute(
        "SELECT count(DISTINCT entity_id) FILTER (has_email), "
        "count(DISTINCT entity_id) FILTER (has_phone) FROM ranked WHERE status = 'enriched'"
    ).fetchall()[0]
    return Matched(results, leftover, counts, emails, phones)


def _match_partial_echoes(kind: Kind, work: duckdb.DuckDBPyConnection) -> None:
    """Give rows of no known key the key of the one lead that they can only mean."""
    fields = kind.identifying
    normal = normal_columns_sql(kind)
    agrees = " AND ".join(
        f"(r.normal_{f} IS NULL OR r.normal_{f} IS NOT DISTINCT FROM l.normal_{f})" for f in fields
    )
    says_something = " OR ".join(f"r.normal_{f} IS NOT NULL" for f in fields)
    work.execute(
        f"""
        UPDATE answers SET lead_key = found.lead_key FROM (
            SELECT r.position, l.lead_key
            FROM (SELECT position, {normal} FROM answers ANTI JOIN asked USING (lead_key)) r
            JOIN (SELECT lead_key, {normal} FROM asked_fields
                WHERE lead_key IN (SELECT lead_key FROM asked)
                AND lead_key NOT IN (SELECT lead_key FROM answers)) l
            ON ({says_something}) AND {agrees}
            QUALIFY count(*) OVER (PARTITION BY r.position) = 1
                AND count(*) OVER (PARTITION BY l.lead_key) = 1
        ) found WHERE answers.position = found.position
        """
    )


def _count(work: duckdb.DuckDBPyConnection, sql: str) -> int:
    found: int = work.execute(sql).fetchall()[0][0]
    return found
