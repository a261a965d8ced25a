"""The rows of an input on their way into the workbench: checked, keyed, and in files.

Files rather than a table: DuckDB keeps what a transaction adds in memory far beyond its limit, and
without a transaction a bad line at the end of a file would leave half an input behind.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from amplemarket_source.headers import Header
from amplemarket_source.identity import (
    LONGEST_VALUE,
    field_problems_sql,
    identified_sql,
    is_plain_sql,
    normal_columns_sql,
)
from amplemarket_source.kinds import Kind, KindName
from amplemarket_source.leads.batches import LeadBatch
from amplemarket_source.leads.read import LeadStream
from amplemarket_source.workbench import Workbench, text_literal

__all__ = ["StagedRows"]

# To plan the query of a file takes as long as to run it over some thousand rows; what is written at
# once has to fit the memory of the workbench.
_ROWS_PER_FILE = 32_768
_BYTES_PER_FILE = 1 << 23
_ODD = "wrong_number_of_columns"
_LONGEST_ID = 10_000

# What a field is made of, and of which columns, where that is not just the one of its name.
_MADE_OF: dict[KindName, dict[str, tuple[str, tuple[str, ...]]]] = {
    "people": {
        "linkedin_url": ("coalesce({}, {})", ("linkedin_url", "linkedin_id")),
        "name": (
            "coalesce({}, nullif(concat_ws(' ', {}, {}), ''))",
            ("name", "first_name", "last_name"),
        ),
    },
    "companies": {},
    "emails": {},
}
# Fields of which versions before this sent whatever stood in them, so that it is in their keys.
_ONCE_SENT_AS_GIVEN = ("company_domain", "domain", "linkedin_url")


class StagedRows:
    """The rows of an input in parquet files, shown as the temporary view ``incoming``; and what of
    them was refused, in the temporary table ``refused``.

    ``incoming`` has ``position``, ``lead_key``, ``lead_id``, ``former_key``, ``external_id``,
    ``input_kind``, the fields of the kind as they are kept, ``kept`` (the kept columns as JSON),
    ``reason`` (what is wrong with the row or some fields of it) and ``problem`` (the reason, null
    for a lead that can be sent). ``refused`` has those with a reason, and the rows that no batch
    had, with ``line`` and ``raw``; not those in which nothing stands.

    Args:
        folder: empty; has to stay for as long as the view is read.

    Attributes:
        rows: of ``incoming``.
        blank: rows that the batches had and ``incoming`` has not (`Kind.passes_over_blank`).
    """

    def __init__(self, stream: LeadStream, kind: Kind, workbench: Workbench, folder: Path) -> None:
        self._workbench = workbench
        self._folder = folder
        self._kind = kind
        self._header = stream.header
        position = _next_position(workbench)
        self.rows = self.blank = 0
        incoming, refused = [], [self._written_refused("none", [], [], [])]
        numbers: list[int] = []
        for batches in _together(stream):
            table = pa.Table.from_batches([batch.table for batch in batches])
            end = position + table.num_rows
            file, found = self._stage(_bounded(table, stream.header), position)
            incoming.append(file)
            if found:
                given = list(_with_raw(found, batches, position))
                numbers += [number for _, number, _ in given]
                places, at, raws = (list(column) for column in zip(*given, strict=True))
                refused.append(self._written_refused(str(position), places, at, raws))
            position = end
        if not incoming:
            incoming.append(self._stage(stream.header.schema.empty_table(), position)[0])
        self._show("incoming", incoming)
        self._show("refused_rows", refused)
        lines, odd = stream.look_again(sorted(numbers))
        self._show_refused(lines, [(row.line, row.raw) for row in odd], position)

    def _stage(self, table: pa.Table, position: int) -> tuple[str, list[int]]:
        """The file of some rows, and the positions of those in which something is wrong."""
        places = pa.array(range(position, position + table.num_rows), pa.int64())
        given = {
            name for name in table.column_names if table.column(name).null_count < table.num_rows
        }
        file = str(self._folder / f"{position:015}.parquet")
        with self._workbench.view("input", table.append_column("position", places)):
            select = _select(self._kind, self._header, given)
            copy = f"COPY ({select}) TO {text_literal(file)} (FORMAT parquet)"
            ((count,),) = self._workbench.rows(copy)
        self.rows += count
        self.blank += table.num_rows - count
        name = _read_name(file)
        found = self._workbench.rows(
            f"SELECT position FROM read_parquet({name}) WHERE reason IS NOT NULL ORDER BY position"
        )
        return name, [row[0] for row in found]

    def _written_refused(
        self, name: str, positions: Sequence[int], numbers: Sequence[int], raws: Sequence[str]
    ) -> str:
        file = self._folder / f"refused-{name}.parquet"
        columns = {
            "position": pa.array(positions, pa.int64()),
            "number": pa.array(numbers, pa.int64()),
            "raw": pa.array(raws, pa.string()),
        }
        parquet.write_table(pa.table(columns), file)
        return _read_name(file)

    def _show(self, view: str, names: Sequence[str]) -> None:
        self._workbench.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS "
            f"SELECT * FROM read_parquet([{', '.join(names)}])"
        )

    def _show_refused(
        self, lines: dict[int, int], odd: Sequence[tuple[int, str]], position: int
    ) -> None:
        file = self._folder / "lines.parquet"
        columns = {
            "number": pa.array(list(lines), pa.int64()),
            "line": pa.array(list(lines.values()), pa.int64()),
        }
        parquet.write_table(pa.table(columns), file)
        odd_file = self._written_refused(
            "odd",
            range(position, position + len(odd)),
            [line for line, _ in odd],
            [raw for _, raw in odd],
        )
        self._workbench.execute(f"""
            CREATE OR REPLACE TEMP TABLE refused AS
            SELECT position, line, raw, external_id, lead_key, reason, problem
            FROM refused_rows
            -- Outer: a row whose line is not found is a reject all the same.
            LEFT JOIN read_parquet({_read_name(file)}) USING (number)
            JOIN incoming USING (position)
            WHERE raw <> '{{}}'
            UNION ALL
            SELECT position, number, raw, NULL, NULL, '{_ODD}', '{_ODD}'
            FROM read_parquet({odd_file})""")


def _next_position(workbench: Workbench) -> int:
    rows = workbench.rows("""
        SELECT coalesce(max(position) + 1, 0)
        FROM (SELECT position FROM leads UNION ALL SELECT position FROM lead_rejects)
        """)
    return int(rows[0][0])


def _read_name(file: Path | str) -> str:
    # To read, a name with brackets is a pattern, also where a file has that very name.
    return text_literal(glob.escape(str(file)))


def _together(batches: Iterator[LeadBatch] | LeadStream) -> Iterator[list[LeadBatch]]:
    waiting: list[LeadBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.table.num_rows
        size += batch.table.nbytes
        if rows >= _ROWS_PER_FILE or size >= _BYTES_PER_FILE:
            yield waiting
            waiting, rows, size = [], 0, 0
    if rows:
        yield waiting


def _with_raw(
    positions: Sequence[int], batches: Sequence[LeadBatch], first: int
) -> Iterator[tuple[int, int, str]]:
    """``position, number, raw`` of the rows at some positions; the batches begin at ``first``."""
    waiting = list(positions)
    for batch in batches:
        end = first + batch.table.num_rows
        some = [position for position in waiting if position < end]
        waiting = waiting[len(some) :]
        raws = batch.raw([position - first for position in some])
        for position, raw in zip(some, raws, strict=True):
            yield position, batch.numbers[position - first], raw
        first = end


def _bounded(table: pa.Table, header: Header) -> pa.Table:
    """``table`` with the values that are too long for any field cut to one too long by one.

    The pattern of an address on five megabytes of text takes more memory than a run has.
    """
    for position, name in enumerate(table.column_names):
        column = table.column(position)
        longest = compute.max(compute.binary_length(column)).as_py() or 0
        if longest > LONGEST_VALUE and name not in header.kept:
            most = _LONGEST_ID
            if name != "external_id":
                column, most = compute.utf8_trim_whitespace(column), LONGEST_VALUE
            column = compute.utf8_slice_codeunits(column, 0, most + 1)
            table = table.set_column(position, table.schema.field(position), column)
    return table


def _select(kind: Kind, header: Header, columns: Set[str]) -> str:
    """The query over ``input``, of which all but ``columns`` are null in every row.

    Nothing is asked of those: to plan for each field costs as much as to read ten thousand rows.
    """
    names = kind.identifying
    made_of = {name: _MADE_OF[kind.name].get(name, ("{}", (name,))) for name in names}
    read = {
        name: f"trimmed({name})" if name in columns else "NULL::VARCHAR"
        for name in header.schema.names
    }
    fields = ", ".join(
        f"{text.format(*map(read.get, of))} AS {name}" for name, (text, of) in made_of.items()
    )
    given = {name for name, (_, of) in made_of.items() if not columns.isdisjoint(of)}
    # A value of which the normal form leaves nothing ("https://") says nothing, and the API
    # could refuse a whole request for it. Of a domain only the host is sent.
    usable = ", ".join(
        f"CASE WHEN problem_{name} IS NULL AND given_{name} IS NOT NULL "
        f"THEN {f'given_{name}' if 'domain' in name else name} END AS {name}, "
        f"CASE WHEN problem_{name} IS NULL THEN given_{name} END AS normal_{name}, "
        f"given_{name}, problem_{name}"
        for name in names
    )
    normal_as_given = ", ".join(f"normal_{name} AS given_{name}" for name in names)
    kept = "NULL::VARCHAR"
    if header.kept:
        pairs = (f'{text_literal(name)}, "{column}"' for column, name in header.kept.items())
        kept = f"json_object({', '.join(pairs)})::VARCHAR"
    normal = ", ".join(f"normal_{name}" for name in names)
    once_sent = ", ".join(
        f"given_{name}" if name in _ONCE_SENT_AS_GIVEN else f"normal_{name}" for name in names
    )
    problems = (
        f"CASE WHEN length(external_id) > {_LONGEST_ID} THEN 'value_too_long' END, "
        + ", ".join(f"problem_{name}" for name in names)
    )
    is_identified, input_kind = identified_sql(kind)
    says = " OR ".join(f"{read[name]} IS NOT NULL" for name in names)
    says_something = f" WHERE {says}" if kind.passes_over_blank else ""
    # What only a row with a problem needs is worked out for those alone: lists and hashes are dear.
    return f"""
        SELECT position, lead_key, lead_id(lead_key, external_id) AS lead_id,
            CASE WHEN has_problem
                THEN nullif({kind.name}_key_of_normal({once_sent}), lead_key) END AS former_key,
            external_id, {input_kind} AS input_kind, {", ".join(names)}, kept,
            CASE WHEN has_problem THEN {_told("problems")}
                WHEN NOT is_identified THEN 'not_enough_to_identify' END AS reason,
            CASE WHEN NOT is_identified OR length(external_id) > {_LONGEST_ID}
                THEN coalesce({_told("problems")}, 'not_enough_to_identify') END AS problem
        FROM (
            SELECT *, {kind.name}_key_of_normal({normal}) AS lead_key,
                {is_identified} AS is_identified,
                coalesce({problems}) IS NOT NULL AS has_problem,
                CASE WHEN coalesce({problems}) IS NOT NULL THEN [{problems}] END AS problems
            FROM (
                SELECT position, external_id, kept, {usable}
                FROM (
                    SELECT *, {normal_as_given}
                    FROM (
                        SELECT *, {field_problems_sql(kind, given)}
                        FROM (
                            SELECT *, {normal_columns_sql(kind, given)},
                                {is_plain_sql(kind)} AS is_plain
                            FROM (
                                SELECT position, {fields}, {kept} AS kept,
                                    CASE WHEN {read["external_id"]} IS NOT NULL
                                        THEN external_id END AS external_id
                                FROM input{says_something}))))))"""


def _told(problems: str) -> str:
    """The expression of a list of problems as one text."""
    given = f"list_filter({problems}, lambda problem: problem IS NOT NULL)"
    return f"array_to_string(list_sort(list_distinct({given})), ', ')"
