"""What a warehouse is asked by a run, ours and a plain dlt resource's, in the same run.

``python -m benchmarks.asked WAY DESTINATION PLACE URL FIRST LAST FOLDER`` is one run, of ``ours``
or ``plain``, with the leads of these numbers; it prints how often the client was called.

On PostgreSQL the server's own log counts: every message of a client is a line, ``DISCARD``, with
which a connection is reset, left out; and its statistics say how many blocks of 8 kB were touched.
The emulators count nothing, so there the calls of the vendors' clients are counted: requests of
Google's, uploads as one, and statements of Snowflake's. What BigQuery would bill for is worked out
from the statements: of each table of the dataset that one reads, the columns that it names times
the rows that are there, of one that it changes all columns (`benchmarks.billed`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.billed import billed, query_of

__all__ = ["RUNS", "WAREHOUSES", "Asked", "ask"]

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

RUNS = {
    "first": (0, 100),
    "100 new beside others": (100, 200),
    "nothing to buy": (100, 200),
}
WAREHOUSES = ("postgres", "snowflake", "bigquery")
_STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]*): (\w+)")
_BLOCK = 8192
_BLOCKS = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Asked:
    """One run.

    Attributes:
        statements: that the destination was sent.
        megabytes: that it touched for them; None where nobody counts.
        values: that BigQuery would bill for, columns times rows; None elsewhere.
    """

    destination: str
    way: str
    run: str
    statements: int
    megabytes: float | None
    values: int | None


def ask(destination: str, url: str, folder: Path) -> list[Asked]:
    """Every run of both ways on one destination, one after the other.

    Args:
        url: of the API.
    """
    from tests.destinations.warehouses import opened

    measured = []
    log = folder / "postgres.log"
    with _logging_to(log), opened(destination) as warehouse:
        for way in ("ours", "plain"):
            for run, (first, last) in RUNS.items():
                before = _touched(warehouse.place), _statements(log)
                command = [sys.executable, "-m", "benchmarks.asked", way, destination]
                command += [warehouse.place, url, str(first), str(last), str(folder / way)]
                said = subprocess.run(  # noqa: S603
                    command, check=True, stdout=subprocess.PIPE, text=True
                ).stdout
                counted = json.loads(said.splitlines()[-1])
                statements, megabytes = counted["calls"], None
                if destination == "postgres":
                    statements = _statements(log) - before[1]
                    megabytes = (_touched(warehouse.place) - before[0]) * _BLOCK / 1e6
                measured.append(
                    Asked(destination, way, run, statements, megabytes, counted["values"])
                )
    return measured


@contextmanager
def _logging_to(log: Path) -> Iterator[None]:
    """Let a PostgreSQL that is started meanwhile log every statement."""
    from tests.destinations import servers

    log.touch()
    servers.STATEMENT_LOG = log
    try:
        yield
    finally:
        servers.STATEMENT_LOG = None


def _statements(log: Path) -> int:
    words = _STATEMENT.findall(log.read_text(errors="replace"))
    return sum(word != "DISCARD" for word in words)


def _touched(place: str) -> int:
    if not place.startswith("postgres"):
        return 0
    import psycopg2

    with psycopg2.connect(place) as connection, connection.cursor() as cursor:
        cursor.execute(_BLOCKS)
        ((blocks,),) = cursor.fetchall()
    return int(blocks)


def _leads(first: int, last: int) -> list[dict[str, str]]:
    return [
        {"email": f"person{number}@site{number // 10}.example"} for number in range(first, last)
    ]


def _ours(destination: Any, url: str, leads: list[dict[str, str]], folder: Path) -> None:
    import dlt

    from amplemarket_source import enrich

    enrich(
        dlt.pipeline(
            "ours", destination=destination, dataset_name="ours", pipelines_dir=str(folder)
        ),
        leads,
        api_key="sandbox-key",
        base_url=url,
        requests_per_minute=600_000,
    ).raise_unless_settled()


def _plain(destination: Any, url: str, leads: list[dict[str, str]], folder: Path) -> None:
    import dlt

    from benchmarks.ways import pages

    @dlt.resource(name="people", primary_key="id", write_disposition="merge")
    def people() -> Iterator[list[dict[str, Any]]]:
        for page in pages(url, leads):
            rows = json.loads(page)["results"]
            yield [row["result"] for row in rows if row["status"] == "enriched"]

    dlt.pipeline(
        "plain", destination=destination, dataset_name="plain", pipelines_dir=str(folder)
    ).run(people)


def _counting() -> list[str]:
    """A list that gets longer with each call of a client's: its SQL, or nothing."""
    calls: list[str] = []

    def counted(owner: Any, name: str) -> None:
        call = getattr(owner, name)

        def counting(*given: Any, **named: Any) -> Any:
            calls.append(query_of(named.get("data")))
            return call(*given, **named)

        setattr(owner, name, counting)

    if (bigquery := sys.modules.get("google.cloud.bigquery")) is not None:
        from google.cloud import _http

        counted(_http.JSONConnection, "api_request")
        counted(bigquery.Client, "load_table_from_file")
    if (snowflake := sys.modules.get("snowflake.connector.cursor")) is not None:
        counted(snowflake.SnowflakeCursor, "execute")
    return calls


def _run(
    way: str, name: str, place: str, url: str, first: str, last: str, folder: str
) -> dict[str, Any]:
    import dlt

    from tests.destinations.warehouses import TestedWarehouse

    Path(folder).mkdir(parents=True, exist_ok=True)
    destination = TestedWarehouse(name, place).destination(Path(folder))
    if way == "plain":
        destination = dlt.destinations.__dict__[name](**destination.config_params)
    destination.client_class  # noqa: B018 - imports what is to be counted
    calls = _counting()
    {"ours": _ours, "plain": _plain}[way](
        destination, url, _leads(int(first), int(last)), Path(folder)
    )
    count, values = len(calls), None
    if name == "bigquery":
        pipeline = dlt.attach(way, pipelines_dir=folder, destination=destination, dataset_name=way)
        with pipeline.sql_client() as client:
            values = billed([call for call in calls if call], client)
    return {"calls": count, "values": values}


if __name__ == "__main__":
    print(json.dumps(_run(*sys.argv[1:])))
