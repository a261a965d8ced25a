"""What a child process of the harness does: one run, which may kill itself on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dlt
from dlt.common.storages.load_package import PackageStorage
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.load.load import Load
from dlt.pipeline.pipeline import Pipeline

from amplemarket_source import amplemarket
from amplemarket_source.api import EnrichmentApi
from amplemarket_source.destination import duckdb
from amplemarket_source.journal import Journal
from amplemarket_source.kinds import EMAILS, LEAD_FIELDS, PEOPLE, Kind
from amplemarket_source.ledger import Ledger
from amplemarket_source.load import removed as load_removed
from amplemarket_source.load.waves import load_pending
from amplemarket_source.pages import SpooledRequest
from amplemarket_source.schema.tables import HISTORIES, TABLES
from amplemarket_source.settings import resolve_settings
from amplemarket_source.warehouse.client import Warehouse
from tests.support.keys import lead_key
from tests.support.steps import SteppedRun, open_ledger

Matches = Callable[..., bool]

LEADS = [{"email": f"jane.doe{n}@acme{n}.example", "external_id": str(n)} for n in range(9)] + [
    {"email": "notfound1@acme.example", "external_id": "n"},
    {"email": "removed1@acme.example", "external_id": "r"},
    {"email": "not an address", "external_id": "x"},
]


def kind_of(mode: str) -> Kind:
    """What is bought: people, or, in the mode that is called after them, verdicts on addresses."""
    return EMAILS if mode == EMAILS.name else PEOPLE


KEYS = {
    kind: {lead["email"]: lead_key(kind, lead) for lead in LEADS if "@" in lead["email"]}
    for kind in (PEOPLE, EMAILS)
}

POSTGRES = "postgres.url"
"""A file in the folder of a case, where PostgreSQL is the warehouse."""

# Changes from run to run and says nothing about what was bought or landed.
_PASSING = (
    "_dlt_load_id",
    "enriched_at",
    "erased_at",
    "first_seen_at",
    "first_rejected_at",
    "rejected_at",
    "request_key",
    "enrichment_request_id",
)
_ALSO_PASSING = {
    "enrichment_results": ("request_id", "result_id"),
    # Made from the request's key.
    **{history.name: ("_dlt_id",) for history in HISTORIES},
}
_OF_RUNS = ("enrichment_requests", "enrichment_runs")


def _event(event: str) -> Matches:
    return lambda _self, name, *_: name == event


def _named(suffix: str) -> Matches:
    return lambda pipeline, *_, **__: pipeline.pipeline_name == f"amplemarket{suffix}"


def _always(*_: Any, **__: Any) -> bool:
    return True


def _changes(_: Any, sql: str, *__: Any) -> bool:
    return sql.startswith(("INSERT", "UPDATE", "DELETE"))


def _inserts(_: Any, sql: str, *__: Any, **___: Any) -> bool:
    return "read_parquet" in sql and sql.startswith("INSERT")


BOUNDARIES: dict[str, tuple[Any, str, Matches]] = {
    "plan extract": (Pipeline, "extract", _named("_ledger")),
    "plan normalise": (Pipeline, "normalize", _named("_ledger")),
    "plan load": (Pipeline, "load", _named("_ledger")),
    "journal intended": (Journal, "write", _event("intended")),
    "ledger intent": (Ledger, "intend", _always),
    "journal posting": (Journal, "write", _event("posting")),
    "POST": (EnrichmentApi, "submit", _always),
    "journal accepted": (Journal, "write", _event("accepted")),
    "ledger id": (Ledger, "accepted", _always),
    "ledger update": (Ledger, "update", _always),
    "poll": (EnrichmentApi, "read", _always),
    "pages start": (SpooledRequest, "start", _always),
    "page": (SpooledRequest, "add", _always),
    "pages complete": (SpooledRequest, "complete", _always),
    "erase": (load_removed, "erase", _always),
    "statement": (Warehouse, "rows", _changes),
    "extract": (Pipeline, "extract", _named("")),
    "normalise": (Pipeline, "normalize", _named("")),
    "load": (Pipeline, "load", _named("")),
    "merge": (DuckDbSqlClient, "execute_sql", _inserts),
    "load job": (PackageStorage, "complete_job", _always),
    "package complete": (Load, "complete_package", _always),
    "pages remove": (SpooledRequest, "remove", _always),
    "journal tidy": (Journal, "keep_only", _always),
}
"""Every step between the input and the loaded answer, and the call that takes it."""


def die_at(boundary: str, when: str, nth: int) -> None:
    """From now on, SIGKILL this process ``before`` or ``after`` the n-th call of a step."""
    owner, name, matches = BOUNDARIES[boundary]
    original = getattr(owner, name)
    calls = 0
    lock = threading.Lock()

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        with lock:
            calls += matches(*args, **kwargs)
            now = calls == nth and matches(*args, **kwargs)
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


def pipeline_in(folder: Path, mode: str) -> dlt.Pipeline:
    """With the command's destination, dlt's own, or the PostgreSQL of the folder."""
    factory = dlt.destinations.duckdb if mode == "plain" else duckdb
    place = folder / POSTGRES
    return dlt.pipeline(
        "amplemarket",
        destination=dlt.destinations.postgres(place.read_text())
        if place.exists()
        else factory(str(folder / "warehouse.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / "pipelines"),
    )


def run_once(
    folder: Path,
    url: str,
    mode: str,
    on_ambiguous: str,
    leads: Sequence[dict[str, str]] = tuple(LEADS),
    **more: Any,
) -> None:
    """One run, by waves as the command line does it, or as a plain ``pipeline.run``.

    Args:
        mode: ``waves``, ``plain``, or ``emails``: by waves, and the addresses are validated.
        more: further settings.
    """
    settings: dict[str, Any] = {
        "api_key": "sandbox-key",
        "base_url": url,
        "requests_per_minute": 600_000,
        "leads_per_request": 4,
        "max_requests_in_flight": 2,
        "reveal_phone_numbers": True,
        "on_ambiguous": on_ambiguous,
        **more,
    }
    pipeline = pipeline_in(folder, mode)
    if mode == "plain":
        pipeline.run(amplemarket(leads=list(leads), **settings))
        return
    load_pending(pipeline)
    with SteppedRun(pipeline, resolve_settings(**settings)) as run:
        run.prepare({kind_of(mode): list(leads)})
        run.load()


def dump(folder: Path) -> dict[str, Any]:
    """What the warehouse holds, as far as an undisturbed run would give the same."""
    pipeline = pipeline_in(folder, "waves")
    with open_ledger(pipeline) as ledger:
        warehouse = ledger.warehouse
        tables = {
            name: sorted(
                json.dumps(_row(name, columns), default=str) for columns in _rows(warehouse, name)
            )
            for name in TABLES
            if name not in _OF_RUNS and warehouse.has_table(name)
        }
        results = warehouse.rows(f"SELECT lead_key FROM {warehouse.name('enrichment_results')}")
        held = warehouse.rows(
            f"SELECT DISTINCT m.lead_key FROM {warehouse.name('_amplemarket_request_leads')} m "
            f"JOIN {warehouse.name('enrichment_requests')} r ON r.request_key = m.request_key "
            "WHERE r.status = 'held'"
        )
        requests = warehouse.rows(
            "SELECT request_id, status, email_credits_max + phone_credits_max, "
            "coalesce(email_credits_estimated, 0), coalesce(phone_credits_estimated, 0), "
            f"loaded_at IS NOT NULL FROM {warehouse.name('enrichment_requests')}"
        )
        return {
            "tables": tables,
            "landed": [row[0] for row in results],
            "held": [row[0] for row in held],
            "requests": [list(row) for row in requests],
            "open": [record.status for record in ledger.open_requests()],
        }


def _rows(warehouse: Warehouse, name: str) -> list[dict[str, Any]]:
    columns = [column.name for column in TABLES[name].columns]
    rows = warehouse.rows(f"SELECT {', '.join(columns)} FROM {warehouse.name(name)}")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _row(name: str, columns: dict[str, Any]) -> dict[str, Any]:
    passing = (*_PASSING, *_ALSO_PASSING.get(name, ()))
    is_nobody = name == "leads" and not any(map(columns.get, LEAD_FIELDS))
    if is_nobody or columns.get("status") == "gdpr_removed":
        # Of somebody erased before it was recorded nobody can tell any more.
        passing = (*passing, "input_kind")
    return {key: value for key, value in columns.items() if key not in passing}
