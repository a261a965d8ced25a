"""From an input to the leads of a run: keyed, checked, and each counted once."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from amplemarket_source.identity import normal_columns_sql
from amplemarket_source.leads.columns import ACCEPTED
from amplemarket_source.leads.read import LeadsInput, read_leads
from amplemarket_source.model import LEAD_FIELDS, Kind, KindName
from amplemarket_source.workbench import Workbench, text_literal

__all__ = ["Intake", "ingest"]

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


@dataclass(frozen=True)
class Intake:
    """What came in: ``read`` rows are ``invalid``, or ``duplicate``, or ``unique``.

    Attributes:
        read: rows of the input.
        invalid: rows that cannot be sent; they are in ``lead_rejects`` with the reason.
        duplicate: valid rows whose ``lead_key`` was already there.
        unique: distinct lead keys that were not there before.
        ignored_columns: columns that are not read, as the input names them.
    """

    read: int
    invalid: int
    duplicate: int
    unique: int
    ignored_columns: tuple[str, ...]


def ingest(workbench: Workbench, source: LeadsInput, kind: Kind, *, seen_at: datetime) -> Intake:
    """Read an input to its end into the workbench, adding to what is there.

    Fields are trimmed, and null where nothing is left; ``external_id`` is untouched unless it is
    blank. The whole input is read before anything is kept: on an error the workbench is as before.

    Args:
        workbench: gets ``leads``, ``leads_to_ask`` and ``lead_rejects``.
        source: a path or URL, mappings, Arrow, a dlt resource or relation, a query
            (`amplemarket_source.leads.read`).
        kind: people or companies.
        seen_at: becomes ``first_seen_at``; aware.

    Raises:
        InputError: the input cannot be read; one sentence says where and why.

    Example::

        >>> ingest(workbench, [{"email": "jane@acme.example"}], PEOPLE, seen_at=clock.now())
        Intake(read=1, invalid=0, duplicate=0, unique=1, ignored_columns=())
    """
    stream = read_leads(source, kind)
    with workbench.scratch("intake") as folder:
        _stage(stream, kind, workbench, Path(folder))
        with workbench.transaction():
            read, invalid, unique = _sort_out(kind, workbench, seen_at)
        workbench.execute("DROP VIEW incoming")
    return Intake(
        read=read,
        invalid=invalid,
        duplicate=read - invalid - unique,
        unique=unique,
        ignored_columns=stream.header.ignored,
    )


def _next_position(workbench: Workbench) -> int:
    rows = workbench.rows("""
        SELECT coalesce(max(position) + 1, 0)
        FROM (SELECT position FROM leads UNION ALL SELECT position FROM lead_rejects)
        """)
    return int(rows[0][0])


def _sort_out(kind: Kind, workbench: Workbench, seen_at: datetime) -> tuple[int, int, int]:
    """Rows read, rows refused, new lead keys."""
    fields = ", ".join(
        field if field in kind.identifying else f"NULL AS {field}" for field in LEAD_FIELDS
    )
    read, invalid = workbench.rows("SELECT count(*), count(problem) FROM incoming")[0]
    workbench.execute("""
        INSERT INTO lead_rejects
        SELECT problem, raw, NULL, position FROM incoming WHERE problem IS NOT NULL
        """)
    # Only keys (as UUID: 16 bytes in place) and positions are grouped; the wide rows stream past.
    workbench.execute(
        f"""
        INSERT INTO leads
        SELECT lead_id, lead_key, external_id, $kind, {fields}, $seen_at, position
        FROM incoming
        WHERE position IN (
                SELECT min(position) FROM incoming WHERE problem IS NULL GROUP BY lead_id::UUID)
            AND lead_id::UUID NOT IN (SELECT lead_id::UUID FROM leads WHERE kind = $kind)
        """,
        {"kind": kind.name, "seen_at": seen_at},
    )
    unique = workbench.rows(
        f"""
        INSERT INTO leads_to_ask
        SELECT lead_key, $kind, {fields}, position
        FROM incoming
        WHERE position IN (
                SELECT min(position) FROM incoming WHERE problem IS NULL GROUP BY lead_key::UUID)
            AND lead_key::UUID NOT IN (SELECT lead_key::UUID FROM leads_to_ask WHERE kind = $kind)
        """,
        {"kind": kind.name},
    )[0][0]
    return read, invalid, unique


def _stage(
    batches: Iterable[pa.RecordBatch], kind: Kind, workbench: Workbench, folder: Path
) -> None:
    """Write rows to parquet files in ``folder`` and show them as the temporary view ``incoming``.

    The view has ``position``, ``lead_key``, ``lead_id``, ``external_id``, the fields of the kind
    as they are kept, ``problem`` (null for a lead that can be sent) and, where there is a problem,
    ``raw``: the row's accepted columns as JSON.

    Files rather than a table: DuckDB keeps what a transaction adds in memory far beyond its limit,
    and without a transaction a bad line at the end of a file would leave half an input behind.

    Args:
        batches: of the schema of `amplemarket_source.leads.columns.Header`; at least one row.
        folder: empty; has to stay for as long as the view is read.
    """
    select = _select(kind)
    position, files = _next_position(workbench), []
    for table in _together(batches):
        end = position + table.num_rows
        numbered = table.append_column("position", pa.array(range(position, end), pa.int64()))
        with workbench.view("input", numbered):
            file = str(folder / f"{position:015}.parquet")
            workbench.execute(f"COPY ({select}) TO {text_literal(file)} (FORMAT parquet)")
        # To read, a name with brackets is a pattern, also where a file has that very name.
        files.append(text_literal(glob.escape(file)))
        position = end
    workbench.execute(
        f"CREATE OR REPLACE TEMP VIEW incoming AS SELECT * FROM read_parquet([{', '.join(files)}])"
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
