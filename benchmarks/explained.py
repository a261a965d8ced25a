"""How a list meets the ledger: ``python -m benchmarks.explained`` writes ``docs/planning-join.md``.

On each destination a plan of ten leads, whose one large statement is taken down and explained where
the destination explains. DuckDB and PostgreSQL know 100,000 people besides, written by SQL; the
emulators, which explain nothing, know a hundred that were bought.
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from amplemarket_source import enrich, plan
from amplemarket_source.warehouse.client import Warehouse
from benchmarks.__main__ import server
from benchmarks.known import know

_FILE = Path(__file__).parents[1] / "docs" / "planning-join.md"
_KNOWN = 100_000
_EXPLAIN = {
    "duckdb": "EXPLAIN",
    "postgres": "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)",
}
_HEAD = """\
# How a list meets the ledger

A plan has to know which of its leads were bought before. The list's keys go to the warehouse with
one query, as one parameter that is a JSON array, or in DuckDB as a table that is joined in place;
what comes back is about those keys, and who was erased. The ledger is never read whole.

`python -m benchmarks.explained` wrote this page: a plan of ten leads, five of them known, at each
destination. Snowflake and BigQuery are the emulators of the test suite, which
run the statement and explain nothing.
"""


def _statements(destination: Any, url: str, folder: Path, *, many: bool) -> Iterator[str]:
    def pipeline() -> dlt.Pipeline:
        return dlt.pipeline(
            "explained",
            destination=destination,
            dataset_name="explained",
            pipelines_dir=str(folder / "pipelines"),
        )

    settings: dict[str, Any] = {"api_key": "sandbox-key", "base_url": url}
    known = [{"email": f"known{number}@site.example"} for number in range(100)]
    enrich(pipeline(), known, **settings).raise_unless_settled()
    if many:
        know(pipeline(), 1, _KNOWN)
    read, asked = Warehouse.read, _EXPLAIN.get(pipeline().destination.destination_name)

    def reading(self: Warehouse, sql: str, *parameters: Any) -> Iterator[pa.Table]:
        if "enrichment_results" not in sql.lower():
            yield from read(self, sql, *parameters)
            return
        rows = list(read(self, sql, *parameters))
        taken.append(_section(sql, sum(chunk.num_rows for chunk in rows)))
        if asked:
            lines = self.rows(f"{asked} {sql}", *parameters)
            taken.append(_block("\n".join(str(line[-1]) for line in lines)))
        yield from rows

    taken: list[str] = []
    new = [{"email": f"new{number}@list.example"} for number in range(5)]
    with _replaced(Warehouse, "read", reading):
        plan(pipeline(), [*known[:5], *new], **settings)
    yield from taken


def _section(sql: str, rows: int) -> str:
    columns = re.sub(r"\s+", " ", sql)
    return f"{_block(columns, 'sql')}\n\nRows that came back: {rows}."


def _block(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def main(*names: str) -> None:
    """Ask each destination, and write the page."""
    from tests.destinations.warehouses import opened, version_of

    parts = [_HEAD.rstrip()]
    for name in names or ("duckdb", "postgres", "snowflake", "bigquery"):
        with (
            tempfile.TemporaryDirectory() as folder,
            server() as url,
            opened(name) as warehouse,
        ):
            many = name in _EXPLAIN
            known = f"{_KNOWN + 100:,}" if many else "100"
            parts.append(f"## {name} ({version_of(name)}), {known} known")
            where = warehouse.destination(Path(folder))
            parts += _statements(where, url, Path(folder), many=many)
    _FILE.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
