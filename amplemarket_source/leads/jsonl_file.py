"""A file of JSON lines to batches of text, without a Python object for each line."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as compute

from amplemarket_source.errors import InputError
from amplemarket_source.leads.columns import Header
from amplemarket_source.leads.files import FileSource, Utf8Stream

__all__ = ["jsonl_batches"]

_BLOCK_BYTES = 1 << 21
_LONGEST_LINE = 1 << 24
# Looking for a data frame called like a table costs an import that fails, at every query.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "python_enable_replacements": False,
}


def jsonl_batches(file: FileSource, header: Header) -> Iterator[pa.RecordBatch]:
    """The objects of a JSON lines file, in order, as batches of ``header.schema``.

    ``{"email": "jane@acme.example", "external_id": 7}`` becomes a row whose ``external_id`` is
    the text ``7``. Keys may differ from line to line; empty lines do not count.

    Raises:
        InputError: a line that is not JSON, or not an object; bytes that are not UTF-8. With the
            line.
    """
    with duckdb.connect(":memory:", config=_CONFIG) as connection, file.open_text() as text:
        first_line = 1
        for lines in _lines(text, file.name):
            connection.register("input", pa.table({"line": lines}))
            _check(connection, file.name, first_line)
            yield from _select(connection, header)
            first_line += len(lines)


def _lines(stream: Utf8Stream, source: str) -> Iterator[pa.Array]:
    line = 1
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        whole, newline, tail = block.rpartition(b"\n")
        if newline:
            lines = _split(rest + whole)
            yield lines
            line += len(lines)
            rest = tail
        else:
            rest += block
        if len(rest) > _LONGEST_LINE:
            raise InputError(
                f"a line longer than {_LONGEST_LINE >> 20} MiB", source=source, line=line
            )
    if rest:
        yield _split(rest)


def _split(block: bytes) -> pa.Array:
    """One value a line, so that counting them counts lines; null where a line is blank."""
    text = pa.array([block], pa.binary()).cast(pa.string())
    lines = compute.ascii_trim_whitespace(compute.split_pattern(text, "\n").flatten())
    return compute.if_else(compute.equal(lines, ""), pa.scalar(None, pa.string()), lines)


def _check(connection: duckdb.DuckDBPyConnection, source: str, first_line: int) -> None:
    faults = connection.execute("""
        SELECT number, json_valid(line)
        FROM (SELECT line, row_number() OVER () - 1 AS number FROM input)
        WHERE line IS NOT NULL
            AND CASE WHEN json_valid(line) THEN json_type(line) <> 'OBJECT' ELSE true END
        ORDER BY number LIMIT 1""").fetchall()
    for number, valid in faults:
        raise InputError(
            "JSON, but not an object" if valid else "not JSON",
            source=source,
            line=first_line + number,
            advice='Each line is one object, such as {"email": "jane@acme.example"}.',
        )


def _select(connection: duckdb.DuckDBPyConnection, header: Header) -> list[pa.RecordBatch]:
    keys = connection.execute("""
        SELECT key FROM (
            SELECT unnest(json_keys(line)) AS key, row_number() OVER () AS place
            FROM input WHERE line IS NOT NULL)
        GROUP BY key ORDER BY min(place)""").fetchall()
    paths: dict[str, list[str]] = {name: [] for name in header.accepted}
    for (key,) in keys:
        column = header.accept(key)
        if column is not None:
            paths[column].append(f'$."{key}"')
    flat = [path for some in paths.values() for path in some]
    position = {path: number for number, path in enumerate(flat, start=1)}
    columns = ", ".join(
        f"coalesce({', '.join(f'value[{position[path]}]' for path in some)})::VARCHAR"
        if some
        else "NULL::VARCHAR"
        for some in paths.values()
    )
    table = connection.sql(
        f"SELECT {columns} FROM (SELECT json_extract_string(line, $1::VARCHAR[]) AS value"
        " FROM input WHERE line IS NOT NULL)",
        params=[flat],
    ).to_arrow_table()
    batches: list[pa.RecordBatch] = (
        table.rename_columns(list(header.accepted)).cast(header.schema).to_batches()
    )
    return batches
