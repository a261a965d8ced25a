"""A short list beside what is known: ``python -m benchmarks.known NAME URL LEADS FOLDER`` plans it.

The destination is a PostgreSQL that is started for it, or a DuckDB file. What is known is written
by SQL: people that were never bought, whose keys are hashes like any other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt

from amplemarket_source import plan
from amplemarket_source.destination import duckdb
from amplemarket_source.environment import run_environment
from amplemarket_source.ledger import Ledger
from amplemarket_source.schema.bookkeeping import ENRICHMENT_RESULTS, LEADS
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["DESTINATIONS", "destination", "know", "pipeline_to"]

DESTINATIONS = ("duckdb", "postgres")


@contextmanager
def destination(name: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    from tests.destinations.servers import postgres_server

    if name == "postgres":
        with postgres_server() as url:
            yield url
    else:
        yield str(folder / "benchmark.duckdb")


def pipeline_to(url: str, folder: Path) -> dlt.Pipeline:
    """A pipeline into the database at ``url``."""
    is_postgres = url.startswith("postgres")
    return dlt.pipeline(
        "amplemarket",
        destination=dlt.destinations.postgres(url) if is_postgres else duckdb(url),
        dataset_name="known",
        pipelines_dir=str(folder / "pipelines"),
    )


def know(pipeline: dlt.Pipeline, first: int, last: int) -> None:
    """Let the ledger know people by number, as if they had been found a minute ago."""
    rows = f"FROM generate_series({first}, {last}) AS numbers(n)"
    with run_environment(), Warehouse(pipeline) as warehouse:
        Ledger(warehouse)
        warehouse.rows(
            f"INSERT INTO {warehouse.name(ENRICHMENT_RESULTS.name)} (kind, lead_key, status, "
            "person_id, enriched_at, reveal_email, reveal_phone_numbers, _dlt_load_id, _dlt_id) "
            "SELECT 'people', md5(n::varchar), 'enriched', md5('p' || n), now(), true, true, '-', "
            f"'people:' || md5(n::varchar) {rows}"
        )
        warehouse.rows(
            f"INSERT INTO {warehouse.name(LEADS.name)} (lead_id, lead_key, external_id, kind, "
            "input_kind, email, first_seen_at, _dlt_load_id, _dlt_id) "
            "SELECT md5('l' || n), md5(n::varchar), 'crm-' || n, 'people', 'email', "
            f"'person' || n || '@known.example', now(), '-', md5('l' || n) {rows}"
        )


def _planned(url: str, leads: int, folder: Path) -> dict[str, Any]:
    made = plan(
        pipeline_to(url, folder),
        leads=[{"email": f"new{number}@list.example"} for number in range(leads)],
    )
    if made.kinds[0].to_buy != leads:
        raise RuntimeError("not every lead is to be bought")
    return {"rows": {}, "hit_rate": made.kinds[0].hit_rate}


if __name__ == "__main__":
    _, _, url, count, folder = sys.argv
    print(json.dumps(_planned(url, int(count), Path(folder))))
