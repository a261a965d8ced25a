"""A BigQuery on this machine: local-bigquery 0.3.2, which also takes compressed uploads.

    python bigquery_server.py PORT GRPC_PORT FOLDER PROJECT

Runs in a virtual environment of its own (``bigquery.txt``), on Python 3.13. dlt compresses the JSON
lines it uploads and BigQuery finds out by itself; this server does not, so the upload is unpacked.
DuckDB's extensions come from packages, since they cannot be downloaded everywhere; the geography
functions, which want one more, are left out.
"""

from __future__ import annotations

import gzip
import importlib.util
import sys
from pathlib import Path
from typing import Any

import duckdb
from local_bigquery import cli
from local_bigquery.engine import database
from local_bigquery.jobs import runner
from local_bigquery.settings import settings
from parent import end_with_parent  # beside this file

_GZIP = b"\x1f\x8b"
_load = runner.HANDLERS["load"]


def load(cursor: Any, config: Any, upload: str | None) -> Any:
    if upload:
        file = Path(upload)
        content = file.read_bytes()
        if content.startswith(_GZIP):
            file.write_bytes(gzip.decompress(content))
    return _load(cursor, config, upload)


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
    database.FUNCTIONS = [file for file in database.FUNCTIONS if file.name != "geography.sql"]
    settings.data_dir, settings.default_project_id = Path(folder), project
    # The statements are many and small: more threads than one only get in each other's way.
    database.connection().execute("SET threads = 1")
    places = ["--host", "127.0.0.1", "--port", port, "--grpc-port", grpc_port]
    cli.main([*places, "--data-dir", folder, "--project", project])
