"""Which row of an answer belongs to which lead: by what the row echoes, never by its position.

The API promises no order and returns no reference of ours (API facts 2.5). A row echoes the fields
that were sent; their normal form gives the same ``lead_key`` as the input had. A row that echoes
only some of them belongs to the one unanswered lead it does not contradict, if there is just one.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

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
    ranked = _ranked(f"SELECT *, {lead_key_sql(kind)} AS lead_key FROM answer_rows", record, work)
    if not pc.all(ranked.column("was_asked")).as_py():
        _match_partial_echoes(record, work)
        ranked = _ranked("FROM answers", record, work)
    work.unregister("answer_rows")
    is_result = pc.and_(ranked.column("was_asked"), pc.equal(ranked.column("rank"), 1))
    is_leftover = pc.invert(pc.and_(is_result, ranked.column("is_documented")))
    is_leftover = pc.and_(pc.is_valid(ranked.column("position")), is_leftover)
    results = _results(ranked.filter(is_result))
    counts = dict.fromkeys((*ANSWER_STATUSES, "unanswered"), 0)
    for value in results.column("status").value_counts():
        counts[value["values"].as_py()] = value["counts"].as_py()
    found = ranked.filter(pc.equal(ranked.column("status"), "enriched"))
    emails, phones = (
        pc.count_distinct(found.filter(found.column(name)).column("entity_id")).as_py()
        for name in ("has_email", "has_phone")
    )
    return Matched(results, _leftover(ranked.filter(is_leftover)), counts, emails, phones)


def _ranked(answers: str, record: RequestRecord, work: duckdb.DuckDBPyConnection) -> pa.Table:
    """The answers beside the leads asked for, both also alone; the best answer of a lead first."""
    return work.execute(
        f"""
        WITH answers AS ({answers}), asked AS (
            SELECT DISTINCT lead_key FROM request_leads WHERE request_key = $request_key
        )
        SELECT lead_key, asked.lead_key IS NOT NULL AS was_asked, position, status, entity_id,
            result_id, has_email, has_phone,
            list_contains($statuses, coalesce(status, '')) AS is_documented,
            row_number() OVER (
                PARTITION BY lead_key
                ORDER BY status = 'enriched' DESC, is_documented DESC, position DESC
            ) AS rank
        FROM answers FULL JOIN asked USING (lead_key)
        """,
        {"request_key": record.request_key, "statuses": list(ANSWER_STATUSES)},
    ).to_arrow_table(_ROWS_AT_ONCE)


def _results(best: pa.Table) -> pa.Table:
    nothing = pa.scalar(None, pa.string())
    is_answer, status = best.column("is_documented"), best.column("status")
    is_found = pc.fill_null(pc.equal(status, "enriched"), False)
    return pa.table(
        {
            "lead_key": best.column("lead_key"),
            "status": pc.if_else(is_answer, status, "unanswered"),
            "entity_id": pc.if_else(is_found, best.column("entity_id"), nothing),
            "result_id": pc.if_else(is_answer, best.column("result_id"), nothing),
            "position": pc.if_else(is_answer, best.column("position"), pa.scalar(None, pa.int64())),
        }
    )


def _leftover(rows: pa.Table) -> pa.Table:
    was_asked = rows.column("was_asked")
    reason = pc.if_else(was_asked, "lead_answered_twice", "answers_no_lead")
    return pa.table(
        {
            "reason": pc.if_else(rows.column("is_documented"), reason, "unknown_status"),
            "status": rows.column("status"),
            "entity_id": rows.column("entity_id"),
            "lead_key": pc.if_else(
                was_asked, rows.column("lead_key"), pa.scalar(None, pa.string())
            ),
            "position": rows.column("position"),
        }
    )


def _match_partial_echoes(record: RequestRecord, work: duckdb.DuckDBPyConnection) -> None:
    """Make ``answers``, where rows of no known key have that of the one lead they can only mean."""
    kind, fields = record.kind, record.kind.identifying
    normal = normal_columns_sql(kind)
    agrees = " AND ".join(
        f"(r.normal_{f} IS NULL OR r.normal_{f} IS NOT DISTINCT FROM l.normal_{f})" for f in fields
    )
    says_something = " OR ".join(f"r.normal_{f} IS NOT NULL" for f in fields)
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE answers AS SELECT *, {lead_key_sql(kind)} AS lead_key "
        "FROM answer_rows"
    )
    work.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT DISTINCT lead_key FROM request_leads "
        "WHERE request_key = ?",
        [record.request_key],
    )
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
