"""Which row of an answer belongs to which lead: by what the row echoes, never by its position.

The API promises no order and returns no reference of ours (api-notes: row-order). A row echoes the
fields that were sent; their normal form gives the same ``lead_key`` as the input had. For the rows
that are left by that, and the leads, in this order, and only where one row and one lead can mean
each other and nobody else:

1. the row echoes some of the fields and contradicts none;
2. it echoes them in another spelling: another host of LinkedIn's, an address without its tag;
3. the person or company it found has the lead's address, LinkedIn page or domain;
4. it is the only row left, and the lead the only lead, of as many rows as leads.

A lead that is matched with nothing would look as if it had no answer.

Rows that answer no lead are in ``rejects`` as they came, and so are those of the last two that echo
something else than was sent.

`amplemarket_source.transform.match` keeps a row's position only, so that the rows of a request stay
light. The few that are left over are read again from their pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.identity import lead_key_sql, normal_columns_sql
from amplemarket_source.kinds import Kind
from amplemarket_source.lenient_json import read_rows
from amplemarket_source.model import RequestRecord
from amplemarket_source.pages import SpooledRequest
from amplemarket_source.schema.rejects import Reject
from amplemarket_source.transform.values import identity_of, raw_text
from amplemarket_source.workbench import Workbench

__all__ = [
    "ANSWER_STATUSES",
    "OWN_FIELDS",
    "ROWS_OF_A_PAGE",
    "Matched",
    "echo_schema",
    "leftover_rejects",
    "match",
]

ANSWER_STATUSES = ("enriched", "not_found", "gdpr_removed")
"""The documented row statuses (api-notes: result-row)."""


OWN_FIELDS = ("own_email", "own_linkedin_url", "own_domain")
"""What the person or company of a row is called by itself, whatever the row echoes."""


def echo_schema(kind: Kind) -> pa.Schema:
    """The light table of an answer's rows that `match` takes."""
    texts = ("result_id", "status", "entity_id", *kind.identifying, *OWN_FIELDS)
    return pa.schema(
        [("position", pa.int64())]
        + [(name, pa.string()) for name in texts]
        + [("has_email", pa.bool_()), ("has_phone", pa.bool_())]
    )


@dataclass(frozen=True)
class Matched:
    """How the rows of one request fell out.

    Attributes:
        results: ``lead_key, input_kind, status, entity_id, result_id, position`` for every lead
            that was asked for; a lead without a row is ``unanswered``.
        leftover: ``reason, status, entity_id, lead_key, position`` of rows that answer no lead, or
            one already answered, of those with a status that is not documented, and of those whose
            lead was inferred although they echo something else.
        found: ``entity_id, position, has_email, has_phone`` of every enriched row, whatever lead
            it answers: the vendor charges for it.
    """

    results: pa.Table
    leftover: pa.Table
    counts: dict[str, int]
    found: pa.Table


def match(record: RequestRecord, rows: pa.Table, workbench: Workbench) -> Matched:
    """Match ``rows`` (see `echo_schema`) with the leads that the request asks for.

    Reads the workbench tables ``request_leads`` and ``asked_fields``.
    """
    kind = record.kind
    keyed = f"SELECT *, {lead_key_sql(kind)} AS lead_key, false AS inferred FROM answer_rows"
    with workbench.view("answer_rows", rows):
        ranked = _ranked(keyed, record, workbench)
        if not pc.all(ranked.column("was_asked")).as_py():
            _match_what_is_left(record, workbench)
            ranked = _ranked("FROM answers", record, workbench)
    is_result = pc.and_(ranked.column("was_asked"), pc.equal(ranked.column("rank"), 1))
    is_answer = pc.and_(is_result, ranked.column("is_documented"))
    is_leftover = pc.or_(pc.invert(is_answer), pc.fill_null(ranked.column("inferred"), False))
    is_leftover = pc.and_(pc.is_valid(ranked.column("position")), is_leftover)
    results = _results(ranked.filter(is_result))
    counts = dict.fromkeys((*ANSWER_STATUSES, "unanswered"), 0)
    for value in results.column("status").value_counts():
        counts[value["values"].as_py()] = value["counts"].as_py()
    found = ranked.filter(pc.equal(ranked.column("status"), "enriched"))
    found = found.select(["entity_id", "position", "has_email", "has_phone"])
    return Matched(results, _leftover(ranked.filter(is_leftover)), counts, found)


def _ranked(answers: str, record: RequestRecord, workbench: Workbench) -> pa.Table:
    """The answers beside the leads asked for, both also alone; the best answer of a lead first."""
    return workbench.table(
        f"""
        WITH answers AS ({answers}), asked AS (
            SELECT lead_key, any_value(input_kind) AS input_kind FROM request_leads
            WHERE request_key = $request_key GROUP BY lead_key
        )
        SELECT lead_key, asked.lead_key IS NOT NULL AS was_asked, input_kind, position, status,
            entity_id, result_id, has_email, has_phone, inferred,
            list_contains($statuses, coalesce(status, '')) AS is_documented,
            row_number() OVER (
                PARTITION BY lead_key
                ORDER BY status = 'enriched' DESC, is_documented DESC, position DESC
            ) AS rank
        FROM answers FULL JOIN asked USING (lead_key)
        """,
        {"request_key": record.request_key, "statuses": list(ANSWER_STATUSES)},
    )


def _results(best: pa.Table) -> pa.Table:
    nothing = pa.scalar(None, pa.string())
    is_answer, status = best.column("is_documented"), best.column("status")
    is_found = pc.fill_null(pc.equal(status, "enriched"), False)
    return pa.table(
        {
            "lead_key": best.column("lead_key"),
            "input_kind": best.column("input_kind"),
            "status": pc.if_else(is_answer, status, "unanswered"),
            "entity_id": pc.if_else(is_found, best.column("entity_id"), nothing),
            "result_id": pc.if_else(is_answer, best.column("result_id"), nothing),
            "position": pc.if_else(is_answer, best.column("position"), pa.scalar(None, pa.int64())),
        }
    )


def _leftover(rows: pa.Table) -> pa.Table:
    was_asked = rows.column("was_asked")
    reason = pc.if_else(was_asked, "lead_answered_twice", "answers_no_lead")
    reason = pc.if_else(pc.fill_null(rows.column("inferred"), False), "echo_differs", reason)
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


def _match_what_is_left(record: RequestRecord, workbench: Workbench) -> None:
    """Make ``answers``, where rows of no known key have that of the one lead they can only mean."""
    kind = record.kind
    workbench.execute(
        f"CREATE OR REPLACE TEMP TABLE answers AS SELECT *, {lead_key_sql(kind)} AS lead_key, "
        "false AS inferred FROM answer_rows"
    )
    workbench.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT DISTINCT lead_key FROM request_leads "
        "WHERE request_key = ?",
        [record.request_key],
    )
    as_many = "(SELECT count(*) FROM answers) = (SELECT count(*) FROM asked)"
    says = " OR ".join(f"r.normal_{field} IS NOT NULL" for field in kind.identifying)
    echoes_a_part = f"({says}) AND NOT ({_contradicts(kind, {})})"
    for condition in (echoes_a_part, _echoes_respelt(kind), _is_found_as(kind), as_many):
        workbench.execute(
            f"""
            UPDATE answers SET lead_key = found.lead_key, inferred = found.inferred FROM (
                SELECT r.position, l.lead_key,
                    {_contradicts(kind, _RESPELT)} AS inferred
                FROM (SELECT *, {normal_columns_sql(kind)}
                    FROM answers ANTI JOIN asked USING (lead_key)) r
                JOIN (SELECT *, {normal_columns_sql(kind)} FROM asked_fields
                    WHERE lead_key IN (SELECT lead_key FROM asked)
                    AND lead_key NOT IN (SELECT lead_key FROM answers)) l
                ON {condition}
                QUALIFY count(*) OVER (PARTITION BY r.position) = 1
                    AND count(*) OVER (PARTITION BY l.lead_key) = 1
            ) found WHERE answers.position = found.position
            """
        )


_RESPELT = {
    # The last part of the path: "pt.linkedin.com/in/ada" is "www.linkedin.com/in/ada".
    "linkedin_url": r"regexp_extract({0}, '([^/]+)$', 1)",
    # Without the tag: "ada+crm@example.com" is "ada@example.com".
    "email": r"regexp_replace({0}, '[+][^@]*@', '@')",
    "domain": "{0}",
}


def _contradicts(kind: Kind, spelling: Mapping[str, str]) -> str:
    """Whether the row echoes something that was not sent, in whatever ``spelling`` leaves apart."""
    forms = ((f, spelling.get(f, "{0}")) for f in kind.identifying)
    return " OR ".join(
        f"(r.normal_{f} IS NOT NULL AND {form.format(f'r.normal_{f}')} "
        f"IS DISTINCT FROM {form.format(f'l.normal_{f}')})"
        for f, form in forms
    )


def _echoes_respelt(kind: Kind) -> str:
    return _same(kind, {name: f"r.normal_{name}" for name in _RESPELT})


def _is_found_as(kind: Kind) -> str:
    own = {"email": "email(r.own_email)", "linkedin_url": "linkedin(r.own_linkedin_url)"}
    return _same(kind, {n: f"normal_{own.get(n, 'domain(r.own_domain)')}" for n in _RESPELT})


def _same(kind: Kind, said: Mapping[str, str]) -> str:
    """One of the identifiers is the lead's, but for its spelling; ``=`` is never true of null."""
    return "({})".format(
        " OR ".join(
            f"{_RESPELT[name].format(said[name])} = {_RESPELT[name].format(f'l.normal_{name}')}"
            for name in _RESPELT
            if name in kind.identifying
        )
    )


ROWS_OF_A_PAGE = 1_000_000
"""A row's position is its page's number times this, plus its place; more than any page has.

Where pages are parsed together, the place goes on from the first of them to the next.
"""


def leftover_rejects(leftover: pa.Table, pages: SpooledRequest) -> Iterator[Reject]:
    """A reject for each row of ``leftover`` (see `match`), with the row as the API sent it.

    Of a row about a removed person only the id and the status are kept.
    """
    if not leftover.num_rows:
        return
    rows = _Rows(pages)
    for known in leftover.sort_by("position").to_pylist():
        row = rows.at(known["position"])
        entity_id = known["entity_id"]
        if "gdpr_removed" in (known["status"], row.get("status")):
            row, entity_id = {"id": row.get("id"), "status": "gdpr_removed"}, None
        elif entity_id is None:
            entity_id = identity_of(row.get("result"))
        yield Reject("result", known["reason"], raw_text(row), known["lead_key"], entity_id)


class _Rows:
    """The rows of a request by their position; holds one page at a time."""

    def __init__(self, pages: SpooledRequest) -> None:
        self._pages = pages
        self._counts: dict[int, int] = {}
        self._number = 0
        self._rows: list[Mapping[str, Any]] = []

    def at(self, position: int) -> Mapping[str, Any]:
        number, place = divmod(position, ROWS_OF_A_PAGE)
        while place >= self._count(number):
            place -= self._count(number)
            number += 1
        return self._read(number)[place]

    def _count(self, number: int) -> int:
        if number not in self._counts:
            self._counts[number] = len(self._read(number))
        return self._counts[number]

    def _read(self, number: int) -> list[Mapping[str, Any]]:
        if number != self._number:
            # Those that are no objects are rejected already, and have no position.
            rows = read_rows(self._pages.read(number))
            self._number, self._rows = number, [row for row in rows if isinstance(row, dict)]
        return self._rows
