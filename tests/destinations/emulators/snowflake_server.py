"""A Snowflake on this machine: fakesnow 0.12.1, with what dlt sends and it does not take filled in.

    python snowflake_server.py PORT

Runs in a virtual environment of its own (``snowflake.txt``). dlt talks to it with the real
Snowflake connector, over HTTP, PUT and COPY INTO included. The gaps, each legal Snowflake:

- TEMPORARY before a qualified name, as dbt writes it: DuckDB keeps temporary tables elsewhere, so
  they are made plain ones;
- a quoted stage (``PUT 'file://...' '@"s"."%t"/x'``), commas between the options of a FILE_FORMAT,
  and a quoted ``MATCH_BY_COLUMN_NAME``: rewritten before they are parsed;
- scripts of several statements in one request: run one after the other;
- ``REMOVE '@stage/file'``: the file is deleted;
- ``DROP SCHEMA s RESTRICT``: fakesnow always drops with what is in it;
- a session in a schema that is not there, which fakesnow would create;
- a transaction that waits for another one's rows: fakesnow answers 500, which the connector repeats
  for minutes. Snowflake lets it wait, and takes back a transaction that keeps others waiting while
  its own client is silent; here that is done after seconds, and the one that waits is told to try
  again;
- the result of a CREATE, ALTER or DROP, which fakesnow describes by describing the statement;
- a time that is null, which fakesnow sends as the first second of 1970;
- COPY INTO of JSON lines by column names, which dlt uses for its own tables: the file is made
  Parquet first, so the statement that then runs is fakesnow's.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import uvicorn
from parent import end_with_parent  # beside this file
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr

# The package has functions of the same names.
arrow, copy_into, cursor, dialect, server, stage = (
    import_module(f"fakesnow.{name}")
    for name in ("arrow", "copy_into", "cursor", "dialect", "server", "transforms.stage")
)

_CREATE = r"CREATE\s+(?:OR\s+REPLACE\s+)?"
_REWRITTEN = (
    (re.compile(r"^(\s*PUT\s+'(?:[^']|'')*'\s+)'(@(?:[^']|'')*)'", re.I), r"\1\2"),
    (re.compile(r"^(\s*DROP\s+SCHEMA\b.*)\s+RESTRICT\s*$", re.I), r"\1"),
    (re.compile(rf"^(\s*{_CREATE})TEMP(?:ORARY)?\s+(?=(?:TABLE|VIEW)\s+[\w\"]+\.)", re.I), r"\1"),
    (re.compile(r"(MATCH_BY_COLUMN_NAME\s*=\s*)'(\w+)'", re.I), r"\1\2"),
)
_FILE_FORMAT = re.compile(r"FILE_FORMAT\s*=\s*\([^)]*\)", re.I)
_DDL = re.compile(r"\s*(CREATE|ALTER|DROP|COMMENT|TRUNCATE)\b", re.I)
_IN_ONE_PIECE = re.compile(r"\s*(PUT|COPY)\b", re.I)
_REMOVE = re.compile(r"\s*REMOVE\s+'@([^'/]+)/([^']+)'\s*", re.I)
_SILENT_SECONDS = 3.0
_EXECUTED = "SELECT 'Statement executed successfully.' AS status"

_parse, _parse_one = dialect.parse, dialect.parse_one
_execute = cursor.FakeSnowflakeCursor.execute
_describe = cursor.FakeSnowflakeCursor._describe_last_sql
_timestamps = arrow.timestamp_to_sf_struct
_params, _list_files = copy_into._params, copy_into._source_glob


def rewritten(sql: str) -> str:
    if _REMOVE.fullmatch(sql):
        return _EXECUTED
    for pattern, replacement in _REWRITTEN:
        sql = pattern.sub(replacement, sql)
    return _FILE_FORMAT.sub(lambda found: found.group().replace(",", " "), sql)


def statements(sql: str) -> list[Expr]:
    return [found for found in _parse(rewritten(sql)) if found is not None]


def parse_one(sql: str) -> Expr:
    """What the client is told about a script is what is told about its last statement."""
    found = statements(sql)
    return found[-1] if found else _parse_one(sql)


_last_heard: dict[int, float] = {}  # by session; without an end while a statement runs


def execute(self: Any, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
    _last_heard[id(self._conn)] = float("inf")
    try:
        return run(self, command, params, *args, **kwargs)
    except duckdb.TransactionException as error:
        time.sleep(_SILENT_SECONDS + 0.1)  # as it would have waited for the lock
        for session in list(server.sessions.values()):
            if time.monotonic() - _last_heard.get(id(session), 0.0) > _SILENT_SECONDS:
                with suppress(duckdb.Error):
                    session._duck_conn.rollback()
        raise ProgrammingError(msg=str(error), errno=625, sqlstate="57014") from error
    finally:
        _last_heard[id(self._conn)] = time.monotonic()


def run(self: Any, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
    if removed := _REMOVE.fullmatch(command):
        place, file = removed.groups()
        names = stage.parts_from_var(place, self._conn.database, self._conn.schema)
        for found in Path(stage.internal_dir(".".join(names))).glob(f"{file}*"):
            found.unlink()
    parts = [] if _IN_ONE_PIECE.match(command) else statements(command)
    for part in parts[:-1]:
        _execute(self, part.sql(dialect="snowflake"), params, *args, **kwargs)
    last = parts[-1].sql(dialect="snowflake") if len(parts) > 1 else rewritten(command)
    return _execute(self, last, params, *args, **kwargs)


def describe_last_sql(self: Any) -> Any:
    if _DDL.match(self._last_sql or ""):
        self._last_sql, self._last_params = _EXECUTED, None
    return _describe(self)


def timestamps(given: Any) -> Any:
    found = _timestamps(given)
    times = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
    parts = [found.field(index).fill_null(0) for index in range(found.type.num_fields)]
    return pa.StructArray.from_arrays(parts, fields=list(found.type), mask=times.is_null())


def copy_parameters(*args: Any, **kwargs: Any) -> Any:
    found = _params(*args, **kwargs)
    if isinstance(found.file_format, copy_into.ReadJSON):
        found = dataclasses.replace(found, file_format=copy_into.ReadParquet())
    return found


def list_files(source: str, connection: Any) -> list[str]:
    return [
        _as_parquet(file) if ".jsonl" in file else file for file in _list_files(source, connection)
    ]


def _as_parquet(file: str) -> str:
    parquet = f"{file}.parquet"
    with duckdb.connect() as own:
        rows = f"FROM read_json('{file}', format='newline_delimited')"
        own.execute(f"COPY ({rows}) TO '{parquet}' (FORMAT parquet)")
    return parquet


cursor.parse_one = server.parse_one = parse_one
cursor.FakeSnowflakeCursor.execute = execute
cursor.FakeSnowflakeCursor._describe_last_sql = describe_last_sql
arrow.timestamp_to_sf_struct = timestamps
copy_into._params, copy_into._source_glob = copy_parameters, list_files

if __name__ == "__main__":
    end_with_parent()
    server.shared_fs.create_schema_on_connect = False
    uvicorn.run(server.app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
