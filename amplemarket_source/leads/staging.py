"""Keyed and checked rows on disk, before it is known which of them are new.

Parquet files rather than a table: DuckDB keeps what a transaction adds in memory far beyond its
limit, and without a transaction a bad line at the end of a file would leave half an input behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from amplemarket_source.kinds import Kind, KindName
from amplemarket_source.leads.columns import ACCEPTED
from amplemarket_source.leads.identity import normal_columns_sql

__all__ = ["stage"]

_ROWS_PER_FILE = 20_480

# What a field is made of where that is not just the column of its name.
_MADE_OF: dict[KindName, dict[str, str]] = {
    "people": {
        "linkedin_url": "coalesce(trimmed(linkedin_url), trimmed(linkedin_id))",
        "name": "coalesce(trimmed(name), "
        "nullif(concat_ws(' ', trimmed(first_name), trimmed(last_name)), ''))",
    },
    "companies": {},
}


def stage(
    batches: Iterable[pa.RecordBatch],
    kind: Kind,
    work: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    first_position: int,
) -> None:
    """Write rows to parquet files in ``folder`` and show them as the temporary view ``incoming``.

    The view has ``position`` (counted from ``first_position``), ``lead_key``, ``lead_id``,
    ``external_id``, the fields of the kind as they are kept, ``problem`` (null for a lead that can
    be sent) and, where there is a problem, ``raw``: the row's accepted columns as JSON.

    Args:
        batches: of the schema of :class:`~amplemarket_source.leads.columns.Header`; at least one
            row.
        kind: people or companies.
        work: with the macros of :mod:`~amplemarket_source.leads.identity`.
        folder: empty; has to stay for as long as the view is read.
    """
    select = _select(kind)
    position = first_position
    for table in _together(batches):
        end = position + table.num_rows
        numbered = table.append_column("position", pa.array(range(position, end), pa.int64()))
        work.register("input", numbered)
        try:
            file = _literal(folder / f"{position:015}.parquet")
            work.execute(f"COPY ({select}) TO {file} (FORMAT parquet)")
        finally:
            work.unregister("input")
        position = end
    work.execute(
        "CREATE OR REPLACE TEMP VIEW incoming AS "
        f"SELECT * FROM read_parquet({_literal(folder / '*.parquet')})"
    )


def _together(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_PER_FILE:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting)


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _select(kind: Kind) -> str:
    made_of = _MADE_OF[kind.name]
    fields = ", ".join(
        f"{made_of.get(field, f'trimmed({field})')} AS {field}" for field in kind.identifying
    )
    raw = ", ".join(f"{column} := nullif({column}, '')" for column in ACCEPTED[kind.name])
    normal = ", ".join(f"normal_{field}" for field in kind.identifying)
    # A value of which the normal form leaves nothing ("https://") says nothing, and the API
    # could refuse a whole request for it.
    kept = ", ".join(
        f"CASE WHEN normal_{field} IS NOT NULL THEN {field} END AS {field}"
        for field in kind.identifying
    )
    return f"""
        SELECT position, lead_key, lead_id(lead_key, external_id) AS lead_id, external_id, {kept},
            problem,
            CASE WHEN problem IS NOT NULL
                THEN json_merge_patch('{{}}', to_json(given))::VARCHAR END AS raw
        FROM (
            SELECT *,
                {kind.name}_key_of_normal({normal}) AS lead_key,
                {kind.name}_lead_problem({", ".join(kind.identifying)}, {normal}) AS problem
            FROM (
                SELECT *, {normal_columns_sql(kind)}
                FROM (
                    SELECT position, {fields},
                        CASE WHEN trimmed(external_id) IS NOT NULL THEN external_id END
                            AS external_id,
                        struct_pack({raw}) AS given
                    FROM input)))"""
