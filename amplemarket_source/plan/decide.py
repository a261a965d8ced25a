"""Which leads to buy, and in which requests."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import duckdb

from amplemarket_source.kinds import Kind
from amplemarket_source.leads.intake import Intake
from amplemarket_source.plan.plan import Plan
from amplemarket_source.purchase.records import UNSETTLED, Batch, RequestRecord
from amplemarket_source.settings import Settings

__all__ = ["decide"]


def decide(
    intake: Intake,
    kind: Kind,
    settings: Settings,
    open_requests: list[RequestRecord],
    work: duckdb.DuckDBPyConnection,
    now: datetime,
) -> Plan:
    """Decide every lead of ``leads_to_ask`` and cut those to buy into batches.

    A lead is bought unless its outcome is fresh, it was erased, or an unfinished request asks for
    it. An enriched outcome is fresh if it is younger than ``refresh_after`` and revealed all that
    is asked for now; a miss if it is younger than ``retry_not_found_after``. A lead without an
    answer is asked again.

    Reads the workbench tables ``leads_to_ask``, ``known`` and ``request_leads``; adds the batches
    to ``request_leads``.
    """
    held = [r.request_key for r in open_requests if r.status in UNSETTLED]
    work.execute(
        "CREATE OR REPLACE TEMP TABLE spoken_for AS SELECT lead_key, "
        "bool_or(list_contains(?, request_key)) AS held FROM request_leads "
        "WHERE list_contains(?, request_key) GROUP BY lead_key",
        [held, [r.request_key for r in open_requests]],
    )
    refresh_age = settings.refresh_age
    parameters = {
        "kind": kind.name,
        "reveal_email": settings.reveal_email and kind.name == "people",
        "reveal_phone_numbers": settings.reveal_phone_numbers and kind.name == "people",
        "stale_before": now - refresh_age if refresh_age is not None else None,
        "missed_before": now - settings.not_found_age,
    }
    work.execute(
        "CREATE TABLE IF NOT EXISTS decided "
        "(kind TEXT, lead_key TEXT, position BIGINT, decision TEXT)"
    )
    work.execute(
        f"""
        INSERT INTO decided
        SELECT $kind, a.lead_key, a.position, CASE
            WHEN k.status = 'gdpr_removed' OR {_is_suppressed(kind, work)} THEN 'suppressed'
            WHEN s.held THEN 'held'
            WHEN s.lead_key IS NOT NULL THEN 'in_flight'
            WHEN k.status = 'enriched'
                AND ($stale_before IS NULL OR k.enriched_at > $stale_before)
                AND (NOT $reveal_email OR k.reveal_email)
                AND (NOT $reveal_phone_numbers OR k.reveal_phone_numbers) THEN 'fresh'
            WHEN k.status = 'not_found' AND k.enriched_at > $missed_before THEN 'fresh'
            ELSE 'to_buy' END AS decision
        FROM leads_to_ask a
        LEFT JOIN known k ON k.kind = $kind AND k.lead_key = a.lead_key
        LEFT JOIN spoken_for s ON s.lead_key = a.lead_key
        WHERE a.kind = $kind
        """,
        parameters,
    )
    counts = dict(
        work.execute(
            "SELECT decision, count(*) FROM decided WHERE kind = ? GROUP BY 1", [kind.name]
        ).fetchall()
    )
    return Plan(
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
        hit_rate=_hit_rate(kind, work),
        ignored_columns=intake.ignored_columns,
        batches=_batches(kind, settings, work, now),
    )


def _hit_rate(kind: Kind, work: duckdb.DuckDBPyConnection) -> float | None:
    found: tuple[float | None] | None = work.execute(
        "SELECT avg((status = 'enriched')::INT) FROM known "
        "WHERE kind = ? AND status IN ('enriched', 'not_found')",
        [kind.name],
    ).fetchone()
    return found[0] if found else None


def _is_suppressed(kind: Kind, work: duckdb.DuckDBPyConnection) -> str:
    """Whether an identifier alone belongs to someone erased, whatever else the lead says."""
    erased = "SELECT lead_key FROM known WHERE kind = 'people' AND status = 'gdpr_removed'"
    if kind.name != "people" or not work.execute(f"{erased} LIMIT 1").fetchall():
        return "false"
    keys = []
    for identifier in ("email", "linkedin_url"):
        columns = dict.fromkeys(kind.identifying, "NULL") | {identifier: f"a.{identifier}"}
        keys.append(f"people_lead_key({', '.join(columns.values())})")
    return (
        f"(a.email IS NOT NULL AND {keys[0]} IN ({erased}) "
        f"OR a.linkedin_url IS NOT NULL AND {keys[1]} IN ({erased}))"
    )


def _batches(
    kind: Kind, settings: Settings, work: duckdb.DuckDBPyConnection, now: datetime
) -> tuple[Batch, ...]:
    # Sortable and speakable: a person types it after `amplemarket release`.
    prefix = f"{now:%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    work.execute(
        "CREATE OR REPLACE TEMP TABLE batched AS SELECT "
        "format('{}-{:04d}', ?, 1 + (row_number() OVER (ORDER BY position) - 1) // ?) "
        "AS request_key, lead_key, position FROM decided WHERE decision = 'to_buy' AND kind = ?",
        [prefix, settings.leads_per_request, kind.name],
    )
    work.execute("INSERT INTO request_leads SELECT request_key, lead_key FROM batched")
    sizes = work.execute(
        "SELECT request_key, count(*), min(position), max(position) FROM batched "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    is_people = kind.name == "people"
    reveal_email = settings.reveal_email and is_people
    reveal_phone_numbers = settings.reveal_phone_numbers and is_people
    return tuple(
        Batch(
            request_key=key,
            kind=kind,
            lead_count=count,
            email_credits=count * (kind.credits_per_found + (1 if reveal_email else 0)),
            phone_credits=count * (1.0 if reveal_phone_numbers else 0.0),
            reveal_email=reveal_email,
            reveal_phone_numbers=reveal_phone_numbers,
            positions=(first, last),
        )
        for key, count, first, last in sizes
    )
