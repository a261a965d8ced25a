"""From an input to the leads of a run: keyed, checked, and each counted once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import duckdb

from amplemarket_source.kinds import KINDS, Kind
from amplemarket_source.leads.read import LeadsInput, read_leads
from amplemarket_source.leads.staging import stage
from amplemarket_source.leads.workbench import folder_of, open_workbench

__all__ = ["Intake", "open_workbench", "take_in"]

# The fields of both kinds, in the order the tables have them.
_FIELDS = tuple(dict.fromkeys(chain.from_iterable(kind.identifying for kind in KINDS)))
_FIELD_COLUMNS = ", ".join(f"{field} VARCHAR" for field in _FIELDS)
_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS leads (
        lead_id VARCHAR, lead_key VARCHAR, external_id VARCHAR, kind VARCHAR, {_FIELD_COLUMNS},
        first_seen_at TIMESTAMPTZ, position BIGINT)""",
    f"""CREATE TABLE IF NOT EXISTS leads_to_ask (
        lead_key VARCHAR, kind VARCHAR, {_FIELD_COLUMNS}, position BIGINT)""",
    """CREATE TABLE IF NOT EXISTS lead_rejects (
        reason VARCHAR, raw VARCHAR, lead_key VARCHAR, position BIGINT)""",
)


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


def take_in(
    source: LeadsInput, kind: Kind, work: duckdb.DuckDBPyConnection, *, seen_at: datetime
) -> Intake:
    """Read an input to its end into the tables of ``work``, adding to what is there.

    ======================  ====================================================================
    table                   one row is
    ======================  ====================================================================
    ``leads``               a distinct ``lead_id``: ``lead_key``, ``external_id``, ``kind``, the
                            fields as given, ``first_seen_at``, ``position``
    ``leads_to_ask``        a distinct ``lead_key``: ``kind`` and the fields to send, from its
                            first appearance, ``position``
    ``lead_rejects``        a row that cannot be sent: ``reason``, ``raw`` (JSON of its accepted
                            columns), ``lead_key`` (null), ``position``
    ======================  ====================================================================

    Fields are trimmed, and null where nothing is left; ``external_id`` is untouched unless it is
    blank. ``position`` is the order of first appearance over all calls. The whole input is read
    before anything is kept: on an error ``work`` is as before.

    Args:
        source: any input of contract section 3.
        kind: people or companies.
        work: from :func:`open_workbench`, in no transaction.
        seen_at: becomes ``first_seen_at``; aware.

    Raises:
        InputError: the input cannot be read; one sentence says where and why.

    Example::

        >>> take_in([{"email": "jane@acme.example"}], PEOPLE, work, seen_at=clock.now())
        Intake(read=1, invalid=0, duplicate=0, unique=1, ignored_columns=())
    """
    for statement in _TABLES:
        work.execute(statement)
    stream = read_leads(source, kind)
    with tempfile.TemporaryDirectory(prefix="intake-", dir=folder_of(work)) as folder:
        stage(stream, kind, work, Path(folder), first_position=_next_position(work))
        work.begin()
        try:
            read, invalid, unique = _sort_out(kind, work, seen_at)
        except BaseException:
            work.rollback()
            raise
        work.commit()
        work.execute("DROP VIEW incoming")
    return Intake(
        read=read,
        invalid=invalid,
        duplicate=read - invalid - unique,
        unique=unique,
        ignored_columns=stream.header.ignored,
    )


def _next_position(work: duckdb.DuckDBPyConnection) -> int:
    rows = work.execute("""
        SELECT coalesce(max(position) + 1, 0)
        FROM (SELECT position FROM leads UNION ALL SELECT position FROM lead_rejects)
        """).fetchall()
    return int(rows[0][0])


def _sort_out(
    kind: Kind, work: duckdb.DuckDBPyConnection, seen_at: datetime
) -> tuple[int, int, int]:
    """Rows read, rows refused, new lead keys."""
    fields = ", ".join(
        field if field in kind.identifying else f"NULL AS {field}" for field in _FIELDS
    )
    read, invalid = work.execute("SELECT count(*), count(problem) FROM incoming").fetchall()[0]
    work.execute("""
        INSERT INTO lead_rejects
        SELECT problem, raw, NULL, position FROM incoming WHERE problem IS NOT NULL
        """)
    # Only keys (as UUID: 16 bytes in place) and positions are grouped; the wide rows stream past.
    work.execute(
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
    unique = work.execute(
        f"""
        INSERT INTO leads_to_ask
        SELECT lead_key, $kind, {fields}, position
        FROM incoming
        WHERE position IN (
                SELECT min(position) FROM incoming WHERE problem IS NULL GROUP BY lead_key::UUID)
            AND lead_key::UUID NOT IN (SELECT lead_key::UUID FROM leads_to_ask WHERE kind = $kind)
        """,
        {"kind": kind.name},
    ).fetchall()[0][0]
    return read, invalid, unique
