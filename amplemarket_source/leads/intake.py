"""From an input to the leads of a run: keyed, checked, and each counted once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from amplemarket_source.errors import InputError
from amplemarket_source.headers import ColumnMap, Header
from amplemarket_source.kinds import LEAD_FIELDS, Kind
from amplemarket_source.leads.read import LeadsInput, read_leads
from amplemarket_source.leads.staging import StagedRows
from amplemarket_source.workbench import Workbench

__all__ = ["Intake", "ingest", "refuse_mostly_invalid"]

_REASONS_SHOWN = 5


@dataclass(frozen=True)
class Reason:
    """Why rows were refused: a code, how many, and the line of the first."""

    code: str
    rows: int
    first_line: int


@dataclass(frozen=True)
class Intake:
    """What came in: ``read`` rows are ``invalid``, or ``duplicate``, or ``unique``.

    Attributes:
        read: rows of the input; those with nothing in them do not count.
        invalid: rows that cannot be sent; they are in ``lead_rejects`` with the reason.
        duplicate: valid rows whose ``lead_key`` was already there.
        unique: distinct lead keys that were not there before.
        incomplete: valid rows of which some field cannot be sent; they are in ``lead_rejects``,
            too.
        blank: rows that were passed over, of a kind that passes over those that say nothing to ask
            with; not in ``read``.
        ignored_columns: columns that are not read, as the input names them.
        columns: what was taken for what: our name and the input's.
        reasons: why rows are invalid, the most frequent first.
        advice: the ``--map`` that would help, if one would.
    """

    read: int
    invalid: int
    duplicate: int
    unique: int
    incomplete: int = 0
    blank: int = 0
    ignored_columns: tuple[str, ...] = ()
    columns: dict[str, list[str]] = field(default_factory=dict, compare=False)
    reasons: tuple[Reason, ...] = field(default=(), compare=False)
    source: str = field(default="", compare=False)
    advice: str = field(default="", compare=False)


def ingest(
    workbench: Workbench,
    source: LeadsInput,
    kind: Kind,
    *,
    seen_at: datetime,
    said: ColumnMap | None = None,
    encoding: str | None = None,
) -> Intake:
    """Read an input to its end into the workbench, adding to what is there.

    Fields are trimmed, and null where nothing is left or where they can be no field of their kind;
    a domain is cut to its host; ``external_id`` is untouched unless it is blank. The whole input is
    read before anything is kept: on an error the workbench is as before.

    Args:
        workbench: gets ``leads``, ``leads_to_ask`` and ``lead_rejects``.
        source: a path or URL, mappings, Arrow, a dlt resource or relation, a query
            (`amplemarket_source.leads.read`).
        kind: people or companies.
        seen_at: becomes ``first_seen_at``; aware.
        said: what the user says of the columns.
        encoding: of a file of text.

    Raises:
        InputError: the input cannot be read; one sentence says where and why.

    Example::

        >>> ingest(workbench, [{"email": "jane@acme.example"}], PEOPLE, seen_at=clock.now()).unique
        1
    """
    stream = read_leads(source, kind, said, encoding)
    with workbench.scratch("intake") as folder:
        staged = StagedRows(stream, kind, workbench, Path(folder))
        with workbench.transaction():
            intake = _sort_out(kind, workbench, seen_at, stream.header, staged)
        workbench.execute("DROP VIEW incoming")
        workbench.execute("DROP TABLE refused")
        workbench.execute("DROP VIEW refused_rows")
    return intake


def refuse_mostly_invalid(intake: Intake, most: float) -> None:
    """Refuse an input of which so many rows cannot be sent that it is read in a wrong way.

    Args:
        most: the share that may be invalid (setting ``max_invalid``).

    Raises:
        InputError: with the reasons, the columns that are not read, and the ``--map`` that helps.
    """
    if not intake.read or intake.invalid / intake.read <= most:
        return
    reasons = ", ".join(
        f"{reason.rows:,} {reason.code} (first in line {reason.first_line:,})"
        for reason in intake.reasons[:_REASONS_SHOWN]
    )
    taken = ", ".join(f"{name} from {names[0]!r}" for name, names in intake.columns.items())
    ignored = ", ".join(repr(name) for name in intake.ignored_columns[:20])
    raise InputError(
        f"{intake.invalid:,} of {intake.read:,} rows cannot be sent: {reasons}",
        source=intake.source,
        advice=f"Nothing was sent. Read were {taken or 'no columns'}"
        + (f"; not read were {ignored}" if ignored else "")
        + f".{intake.advice} More than max_invalid ({most:g}) of the rows; raise it if they are "
        "meant to be left out.",
    )


def _sort_out(
    kind: Kind, workbench: Workbench, seen_at: datetime, header: Header, staged: StagedRows
) -> Intake:
    fields = ", ".join(
        field if field in kind.identifying else f"NULL AS {field}" for field in LEAD_FIELDS
    )
    workbench.execute(
        """
        INSERT INTO lead_rejects
        SELECT CASE WHEN problem IS NULL THEN 'field' ELSE 'lead' END, reason, $source, line,
            external_id, CASE WHEN problem IS NULL THEN lead_key END, raw, position
        FROM refused
        """,
        {"source": header.source},
    )
    invalid, incomplete = workbench.rows(
        "SELECT count(problem), count(*) - count(problem) FROM refused"
    )[0]
    reasons = workbench.rows("""
        SELECT reason, count(*), min(line) FROM refused WHERE problem IS NOT NULL
        GROUP BY 1 ORDER BY 2 DESC, 1""")
    valid = staged.rows
    if invalid:
        (valid,) = workbench.rows("SELECT count(*) FROM incoming WHERE problem IS NULL")[0]
    # Only keys (as UUID: 16 bytes in place) and positions are grouped; the wide rows stream past.
    workbench.execute(
        f"""
        INSERT INTO leads
        SELECT lead_id, lead_key, external_id, $kind, input_kind, {fields}, kept, $seen_at, position
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
        SELECT lead_key, $kind, input_kind, {fields}, former_key, position
        FROM incoming
        WHERE position IN (
                SELECT min(position) FROM incoming WHERE problem IS NULL GROUP BY lead_key::UUID)
            AND lead_key::UUID NOT IN (SELECT lead_key::UUID FROM leads_to_ask WHERE kind = $kind)
        """,
        {"kind": kind.name},
    )[0][0]
    return Intake(
        read=valid + invalid,
        invalid=invalid,
        duplicate=valid - unique,
        unique=unique,
        incomplete=incomplete,
        blank=staged.blank,
        columns=header.taken,
        ignored_columns=header.ignored,
        reasons=tuple(Reason(*row) for row in reasons),
        source=header.source,
        advice=header.advice(),
    )
