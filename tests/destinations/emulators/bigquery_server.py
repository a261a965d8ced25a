"""A BigQuery on this machine: local-bigquery 0.3.2, with two gaps filled in.

    python bigquery_server.py PORT GRPC_PORT FOLDER PROJECT

Runs in a virtual environment of its own (``bigquery.txt``), on Python 3.13. dlt compresses the JSON
lines it uploads and BigQuery finds out by itself; this server does not, so the upload is unpacked.
A job that makes a table from a query says where the table is; this server does not, and dbt asks.
What a dataset has is read off DuckLake's own tables, before each statement: DuckDB's list of all
tables takes several times as long.
DuckDB's extensions come from packages, since they cannot be downloaded everywhere; the geography
functions, which want one more, are left out.
"""

from __future__ import annotations

import gzip
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import duckdb
from local_bigquery import cli
from local_bigquery.engine import database
from local_bigquery.jobs import query, runner
from local_bigquery.settings import settings
from parent import end_with_parent  # beside this file

_GZIP = b"\x1f\x8b"
_TEMPORARY = re.compile(r"\bCREATE\s+(OR\s+REPLACE\s+)?TEMP", re.I)
_load = runner.HANDLERS["load"]
_execute = query.execute
_objects = database.objects
_OBJECTS = """
SELECT name, kind, row_count FROM (
  SELECT schema_id, table_name AS name, 'TABLE' AS kind, coalesce(record_count, 0) AS row_count
  FROM {lake}.ducklake_table LEFT JOIN {lake}.ducklake_table_stats USING (table_id)
  WHERE end_snapshot IS NULL
  UNION ALL SELECT schema_id, view_name, 'VIEW', 0 FROM {lake}.ducklake_view
  WHERE end_snapshot IS NULL
) JOIN {lake}.ducklake_schema USING (schema_id)
WHERE end_snapshot IS NULL AND schema_name = $1 AND name = coalesce($2, name) ORDER BY 1
"""


def load(cursor: Any, config: Any, upload: str | None) -> Any:
    if upload:
        file = Path(upload)
        content = file.read_bytes()
        if content.startswith(_GZIP):
            file.write_bytes(gzip.decompress(content))
    return _load(cursor, config, upload)


def execute(
    cursor: Any, project: str, job: str | None, config: Any, *more: Any, **named: Any
) -> Any:
    statistics, children, destination = _execute(cursor, project, job, config, *more, **named)
    # dlt merges by temporary tables, which are nowhere that could be told.
    if destination is None and not _TEMPORARY.search(config.query or ""):
        made = [
            one.ddlTargetTable
            for one in (statistics, *children)
            if one.statementType == "CREATE_TABLE_AS_SELECT" and one.ddlTargetTable
        ]
        destination = made[-1] if made else None
    return statistics, children, destination


def objects(project: str, dataset: str, table: str | None = None) -> Any:
    if project == "emulator":  # results of queries, beside the lake
        return _objects(project, dataset, table)
    lake = database.quote(f"__ducklake_metadata_{project}")
    return database.fetch(_OBJECTS.format(lake=lake), [dataset, table])


def install_extensions(*names: str) -> None:
    with duckdb.connect() as connection:
        for name in names:
            package = importlib.util.find_spec(f"duckdb_extension_{name}")
            assert package is not None, name
            assert package.origin is not None, name
            (file,) = Path(package.origin).parent.rglob("*.duckdb_extension")
            connection.execute(f"INSTALL '{file}'")


if __name__ == "__main__":
    end_with_parent()
    port, grpc_port, folder, project = sys.argv[1:]
    install_extensions("ducklake", "icu")
    runner.HANDLERS["load"] = load
    query.execute = execute
    database.objects = objects
    database.FUNCTIONS = [file for file in database.FUNCTIONS if file.name != "geography.sql"]
    settings.data_dir, settings.default_project_id = Path(folder), project
    # The statements are many and small: more threads than one only get in each other's way.
    database.connection().execute("SET threads = 1")
    places = ["--host", "127.0.0.1", "--port", port, "--grpc-port", grpc_port]
    cli.main([*places, "--data-dir", folder, "--project", project])
