"""What to buy: the list compared with what is known, priced, and cut into requests.

First `read_known` asks the ledger about the list. Then `decide` settles what becomes of each lead
and cuts those to buy into batches; nothing is written to the destination
for that. `record_plan` writes what has to be there before the first POST.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from amplemarket_source.identity import identifier_keys_sql, quoted_keys_sql
from amplemarket_source.kinds import KINDS, LEAD_FIELDS, OF_PEOPLE, Kind
from amplemarket_source.leads.intake import Intake
from amplemarket_source.ledger import Ledger
from amplemarket_source.memory import MemoryBudget
from amplemarket_source.model import UNSETTLED, Batch, KindPlan, Plan, RequestRecord
from amplemarket_source.schema.bookkeeping import LEADS, REJECTS, REQUEST_LEADS
from amplemarket_source.schema.rejects import INPUT_REJECT_ID_SQL
from amplemarket_source.schema.table import Column, Table
from amplemarket_source.settings import Settings
from amplemarket_source.workbench import Workbench, text_literal

__all__ = [
    "decide",
    "erased_lead_keys",
    "read_known",
    "record_plan",
    "take_up_former_keys",
]


_ROWS_IN_LOAD, _ROWS_IN_GROUP = 100_000, 10_000


def read_known(
    workbench: Workbench, ledger: Ledger, open_requests: Sequence[RequestRecord]
) -> None:
    """Ask the ledger about the leads of the list and of ``open_requests``: fills
    ``request_leads``, ``known`` and ``erased``.

    They meet the ledger at the destination. What comes back is no more than was asked about, and
    who was erased.

    Raises:
        DestinationError: the ledger cannot be read.
    """
    workbench.clear("request_leads", "known", "erased")
    for chunk in ledger.request_leads([record.request_key for record in open_requests]):
        workbench.append("request_leads", chunk, "*, NULL, NULL")
    for kind in KINDS:
        of_kind = f"FROM leads_to_ask WHERE kind = '{kind.name}'"
        open_keys = [record.request_key for record in open_requests if record.kind is kind]
        keys = ", ".join(map(text_literal, open_keys)) or "NULL"
        asked = workbench.keys(
            f"SELECT lead_key {of_kind} UNION ALL "
            f"SELECT former_key {of_kind} AND former_key IS NOT NULL UNION ALL "
            f"SELECT lead_key FROM request_leads WHERE request_key IN ({keys})"
        )
        for chunk in ledger.known_outcomes(kind, asked):
            workbench.append("known", chunk, f"'{kind.name}' AS kind, *")
    workbench.execute(
        "INSERT INTO erased SELECT lead_key FROM known "
        f"WHERE {OF_PEOPLE} AND status = 'gdpr_removed'"
    )


def take_up_former_keys(workbench: Workbench) -> None:
    """Give leads the key that earlier versions gave them, where the ledger knows them by it.

    What cannot be a domain was sent as it was, and is in the keys of that time; the leads are the
    same, and are not bought again.
    """
    if not workbench.rows("SELECT 1 FROM leads_to_ask WHERE former_key IS NOT NULL LIMIT 1"):
        return
    workbench.execute("""
        CREATE OR REPLACE TEMP TABLE taken_up AS
        SELECT a.kind, a.lead_key, a.former_key FROM leads_to_ask a
        WHERE a.former_key IN (
                SELECT lead_key FROM known WHERE known.kind = a.kind
                UNION ALL SELECT lead_key FROM request_leads)
            AND a.lead_key NOT IN (SELECT lead_key FROM known WHERE known.kind = a.kind)""")
    for table, also in (
        ("leads", ", lead_id = lead_id(taken_up.former_key, external_id)"),
        ("leads_to_ask", ""),
    ):
        workbench.execute(f"""
            UPDATE {table} SET lead_key = taken_up.former_key{also} FROM taken_up
            WHERE {table}.kind = taken_up.kind AND {table}.lead_key = taken_up.lead_key""")
    workbench.execute("""
        UPDATE lead_rejects SET lead_key = taken_up.former_key FROM taken_up
        WHERE lead_rejects.lead_key = taken_up.lead_key""")


def erased_lead_keys(workbench: Workbench) -> list[str]:
    """The keys of everyone erased."""
    return [row[0] for row in workbench.rows(_ERASED)]


def decide(
    workbench: Workbench,
    ledger: Ledger,
    intake: Intake,
    kind: Kind,
    settings: Settings,
    open_requests: Sequence[RequestRecord],
    now: datetime,
) -> KindPlan:
    """Decide every lead of ``leads_to_ask`` and cut those to buy into batches.

    A lead is bought unless its outcome is fresh, it was erased, or an unfinished request asks for
    it. An enriched outcome is fresh if it is younger than ``refresh_after`` and revealed all that
    is asked for now; a miss if it is younger than ``retry_not_found_after``. A lead without a row
    in a completed request is a miss; one of a request that ended early has no time, and is asked
    again.

    Reads the workbench tables ``leads_to_ask``, ``known`` and ``request_leads``; adds the batches
    to ``request_leads``.
    """
    held = [r.request_key for r in open_requests if r.status in UNSETTLED]
    workbench.execute(
        "CREATE OR REPLACE TEMP TABLE spoken_for AS SELECT lead_key, "
        "bool_or(list_contains(?, request_key)) AS held FROM request_leads "
        "WHERE request_key IN (SELECT unnest(?::VARCHAR[])) GROUP BY lead_key",
        [held, [r.request_key for r in open_requests]],
    )
    refresh_age = settings.refresh_age
    parameters = {
        "kind": kind.name,
        "reveal_email": settings.reveal_email and kind.has_reveals,
        "reveal_phone_numbers": settings.reveal_phone_numbers and kind.has_reveals,
        "stale_before": now - refresh_age if refresh_age is not None else None,
        "missed_before": now - settings.not_found_age,
    }
    suppressed = _is_suppressed_sql(workbench, kind)
    workbench.execute("DELETE FROM decided WHERE kind = ?", [kind.name])
    workbench.execute(
        f"""
        INSERT INTO decided
        SELECT $kind, a.lead_key, a.input_kind, a.position, CASE
            WHEN k.status = 'gdpr_removed' OR {suppressed} THEN 'suppressed'
            WHEN s.held THEN 'held'
            WHEN s.lead_key IS NOT NULL THEN 'in_flight'
            WHEN k.status = 'enriched'
                AND ($stale_before IS NULL OR k.enriched_at > $stale_before)
                AND (NOT $reveal_email OR k.reveal_email)
                AND (NOT $reveal_phone_numbers OR k.reveal_phone_numbers) THEN 'fresh'
            WHEN k.status IN ('not_found', 'unanswered') AND k.enriched_at > $missed_before
                THEN 'fresh'
            ELSE 'to_buy' END AS decision
        FROM leads_to_ask a
        LEFT JOIN known k ON k.kind = $kind AND k.lead_key = a.lead_key
        LEFT JOIN spoken_for s ON s.lead_key = a.lead_key
        WHERE a.kind = $kind
        """,
        parameters,
    )
    counts = dict(
        workbench.rows(
            "SELECT decision, count(*) FROM decided WHERE kind = ? GROUP BY 1", [kind.name]
        )
    )
    return KindPlan(
        kind=kind.name,
        read=intake.read,
        invalid=intake.invalid,
        duplicate=intake.duplicate,
        fresh=counts.get("fresh", 0),
        suppressed=counts.get("suppressed", 0),
        in_flight=counts.get("in_flight", 0) + counts.get("held", 0),
        held=counts.get("held", 0),
        to_buy=counts.get("to_buy", 0),
        requests_per_minute=settings.requests_per_minute,
        hit_rate=_hit_rate(ledger, kind) if counts.get("to_buy") else None,
        incomplete=intake.incomplete,
        blank=intake.blank,
        columns=intake.columns,
        ignored_columns=intake.ignored_columns,
        batches=_cut_into_batches(workbench, kind, settings, now),
    )


def _hit_rate(ledger: Ledger, kind: Kind) -> float | None:
    if kind.charges_each:
        return 1.0
    found, asked = ledger.found_of_asked(kind)
    return found / asked if asked else None


_ERASED = "SELECT lead_key FROM erased"


def _someone_is_erased(workbench: Workbench) -> bool:
    return bool(workbench.rows(f"{_ERASED} LIMIT 1"))


def _names_erased_sql(workbench: Workbench, text: str) -> str:
    """Whether a text names someone erased anywhere."""
    if not _someone_is_erased(workbench):
        return "false"
    erased = f"(SELECT list(lead_key) FROM ({_ERASED}))"
    return (
        f"CASE WHEN contains({text}, '@') OR contains(lower({text}), 'linkedin.com/') "
        f"THEN list_has_any({quoted_keys_sql(text)}, {erased}) ELSE false END"
    )


def _is_suppressed_sql(workbench: Workbench, kind: Kind) -> str:
    """Whether an identifier alone belongs to someone erased, whatever else the lead says."""
    if not kind.about_people or not _someone_is_erased(workbench):
        return "false"
    erased = _ERASED
    return f"({' OR '.join(f'{key} IN ({erased})' for key in identifier_keys_sql('a.'))})"


def _cut_into_batches(
    workbench: Workbench, kind: Kind, settings: Settings, now: datetime
) -> tuple[Batch, ...]:
    # Sortable and speakable: a person types it after `amplemarket release`.
    prefix = f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    workbench.execute(
        "INSERT INTO request_leads SELECT "
        "format('{}-{:04d}', ?, 1 + (row_number() OVER (ORDER BY position) - 1) // ?) "
        "AS request_key, lead_key, input_kind, position FROM decided "
        "WHERE decision = 'to_buy' AND kind = ?",
        [prefix, settings.leads_per_request, kind.name],
    )
    sizes = workbench.rows(
        "SELECT request_key, count(*), min(position), max(position) FROM request_leads "
        "WHERE starts_with(request_key, ?) GROUP BY 1 ORDER BY 1",
        [prefix],
    )
    return tuple(
        Batch(
            request_key=key,
            kind=kind,
            lead_count=count,
            reveal_email=settings.reveal_email and kind.has_reveals,
            reveal_phone_numbers=settings.reveal_phone_numbers and kind.has_reveals,
            positions=(first, last),
        )
        for key, count, first, last in sizes
    )


def record_plan(
    plan: Plan,
    workbench: Workbench,
    ledger: Ledger,
    memory: MemoryBudget,
    now: datetime,
    kept: Collection[str] = (),
) -> dict[str, int]:
    """Load the input rows not seen before, the invalid ones, and which lead goes where.

    An erased person's lead is recorded by its hashes alone, and so is a refused row that names one
    anywhere, and an ``external_id`` that does. Where there is nothing new, nothing
    is loaded, so a run with nothing to buy costs no load.

    Args:
        kept: columns of the input that ``leads`` gets as well.

    Returns:
        The rows that went into ``leads`` and ``rejects``.

    Raises:
        DestinationError: it could not be recorded; nothing was bought.
    """
    leads = _leads_table(kept)
    _read_known_rows(workbench, ledger)
    queries = _queries_of_new_rows(plan, leads, kept, workbench, now)
    with workbench.scratch("plan") as folder:
        with memory.stage("plan"):
            counts = {table: _count(workbench, *query) for table, query in queries.items()}
            # In files, so that the workbench takes little while they are loaded.
            files = {
                table: _written(workbench, *queries[table], Path(folder) / f"{table.name}.parquet")
                for table, count in counts.items()
                if count
            }
        found = {table: _read(table, file) for table, file in files.items()}
        # In parts, each merged by itself: the merge of a million rows takes a gigabyte. A part that
        # is there without the next is harmless: a lead counts once a request asks for it.
        while part := {
            table: [rows] for table, parts in found.items() if (rows := next(parts, None))
        }:
            with memory.stage("merge"):
                ledger.load(part)
    return {table.name: counts[table] for table in (leads, REJECTS)}


_IDENTIFIED_REJECTS = f"""
    SELECT *, {INPUT_REJECT_ID_SQL} AS reject_id FROM (
        SELECT *, row_number() OVER (
            PARTITION BY source, reason, raw ORDER BY position) AS occurrence
        FROM lead_rejects)"""


def _read_known_rows(workbench: Workbench, ledger: Ledger) -> None:
    """Fill ``known_leads``, ``untold_leads`` and ``known_rejects`` with those of the input that are
    recorded."""
    workbench.clear("known_leads", "untold_leads", "known_rejects")
    rejects = workbench.keys(f"SELECT reject_id FROM ({_IDENTIFIED_REJECTS})")
    for chunk in ledger.rejected_before(rejects):
        workbench.append("known_rejects", chunk)
    for kind in KINDS:
        ids = workbench.keys(f"SELECT lead_id FROM leads WHERE kind = '{kind.name}'")
        for chunk in ledger.known_lead_ids(kind, ids):
            workbench.append("known_leads", chunk)
    # Whoever has a person is told of.
    perhaps = workbench.keys(
        "SELECT lead_id FROM leads JOIN known_leads USING (lead_id) JOIN known USING (kind, "
        f"lead_key) WHERE {OF_PEOPLE} AND person_id IS NULL"
    )
    for chunk in ledger.untold_lead_ids(perhaps):
        workbench.append("untold_leads", chunk)


def _leads_table(kept: Collection[str]) -> Table:
    """``leads`` with the columns that the user keeps; nobody knows what is in them."""
    about = "Kept from the input (keep_columns), as it was when the row was first seen"
    columns = (Column(name, description=about, personal=True) for name in kept)
    return replace(LEADS, columns=(*LEADS.columns, *columns))


def _json_path(name: str) -> str:
    return f'$."{name}"'


Query = tuple[str, dict[str, object]]


def _queries_of_new_rows(
    plan: Plan, leads: Table, kept_columns: Collection[str], workbench: Workbench, now: datetime
) -> dict[Table, Query]:
    quotes_erased = _names_erased_sql(workbench, "raw")
    in_external_id = _names_erased_sql(workbench, "external_id")
    is_erased = _names_erased_sql(workbench, "l.external_id")
    kept = "".join(
        f"CASE WHEN d.decision = 'suppressed' THEN NULL ELSE json_extract_string(l.kept, "
        f"{text_literal(_json_path(name))}) END AS {name}, "
        for name in kept_columns
    )
    unless_erased = ", ".join(
        f"CASE WHEN d.decision = 'suppressed' THEN NULL ELSE l.{name} END AS {name}"
        for name in LEAD_FIELDS
    )
    return {
        leads: (
            f"""
            SELECT l.lead_id, l.lead_key,
                CASE WHEN NOT {is_erased} THEN l.external_id END AS external_id,
                l.kind, l.input_kind, {unless_erased}, {kept}
                l.first_seen_at,
                CASE WHEN d.decision = 'suppressed' THEN l.first_seen_at END AS erased_at,
                '' AS _dlt_load_id, l.lead_id AS _dlt_id
            FROM leads l LEFT JOIN decided d USING (kind, lead_key)
            LEFT JOIN known_leads k USING (lead_id)
            -- Whoever was erased for the age of the answer alone is told of again.
            WHERE k.lead_id IS NULL
                OR l.lead_id IN (FROM untold_leads) AND d.decision <> 'suppressed'
            """,
            {},
        ),
        REJECTS: (
            f"""
            SELECT reject_id, stage, reason, source, line,
                CASE WHEN NOT is_erased THEN external_id END AS external_id, lead_key,
                NULL::TEXT AS entity_id, NULL::TEXT AS request_key,
                CASE WHEN NOT is_erased THEN raw END AS raw,
                coalesce(k.first_rejected_at, $now::TIMESTAMPTZ) AS first_rejected_at,
                $now::TIMESTAMPTZ AS rejected_at, '' AS _dlt_load_id, reject_id AS _dlt_id
            FROM (
                SELECT *, {quotes_erased} OR coalesce({in_external_id}, false)
                        OR coalesce(lead_key IN ({_ERASED}), false) AS is_erased
                FROM ({_IDENTIFIED_REJECTS}))
            LEFT JOIN known_rejects k USING (reject_id)
            """,
            {"now": now},
        ),
        REQUEST_LEADS: (
            """
            SELECT request_key, lead_key, '' AS _dlt_load_id,
                request_key || ':' || lead_key AS _dlt_id
            FROM request_leads WHERE request_key IN (SELECT unnest($keys::VARCHAR[]))
            """,
            {"keys": [batch.request_key for batch in plan.batches]},
        ),
    }


def _count(workbench: Workbench, sql: str, parameters: dict[str, object]) -> int:
    count: int = workbench.rows(f"SELECT count(*) FROM ({sql})", parameters)[0][0]
    return count


def _written(workbench: Workbench, sql: str, parameters: dict[str, object], file: Path) -> Path:
    # DuckDB holds a row group for each thread until it is full (api-notes: duckdb-batches).
    options = f"FORMAT parquet, ROW_GROUP_SIZE {_ROWS_IN_GROUP}"
    workbench.execute(f"COPY ({sql}) TO {text_literal(file)} ({options})", parameters)
    return file


def _read(table: Table, file: Path) -> Iterator[pa.Table]:
    schema = table.arrow_schema
    with pq.ParquetFile(file) as rows:
        # By groups: `iter_batches` keeps what it has read until the file is closed.
        groups = range(rows.num_row_groups)
        for first in groups[:: _ROWS_IN_LOAD // _ROWS_IN_GROUP]:
            some = groups[first : first + _ROWS_IN_LOAD // _ROWS_IN_GROUP]
            yield rows.read_row_groups(list(some)).select(schema.names).cast(schema)
