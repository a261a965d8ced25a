"""PostgreSQL takes a small file as a parameter, and a large one by COPY."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from dlt.common.destination.client import RunnableLoadJob
from dlt.common.schema.typing import TPartialTableSchema
from dlt.common.storages.file_storage import FileStorage
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.destination.merging import MergesAtOnce, statements
from amplemarket_source.schema.table import WHOLE_IN_A_FILE

__all__ = ["MergingPostgresClient", "merge_script"]

_SMALL = 1_000_000  # bytes
_ROWS_AT_ONCE = 10_000


def merge_script(
    table: Any, rows: Iterable[Mapping[str, Any]], client: SqlClientBase[Any]
) -> tuple[str, str]:
    """Statements in one text that merge rows, and its one parameter.

    The server runs such a text in a transaction of its own, and turns each value into what its
    column is (api-notes: postgres-script).

    Args:
        table: as dlt knows it.
        rows: by the names of the columns; values are JSON's, times, or text in PostgreSQL's form.
    """
    name = client.make_qualified_table_name(table["name"])
    given = _given(table, client)
    return (
        f"CREATE TEMP TABLE {given} ON COMMIT DROP AS "
        f"SELECT * FROM json_populate_recordset(NULL::{name}, %s::json); "
        + "; ".join(statements(table, given, client, by_name=False)),
        json.dumps(list(rows), default=str),  # times, which PostgreSQL reads as they are written
    )


class _MergeJob(RunnableLoadJob):
    """Merges one file: CSV as Arrow writes it, or Parquet, which dlt takes where ADBC is there."""

    _job_client: PostgresClient

    def run(self) -> None:
        client = self._job_client.sql_client
        file = _ParquetFile(self._file_path) if self._is_parquet else _CsvFile(self._file_path)
        if Path(self._file_path).stat().st_size <= _SMALL:
            client.execute_sql(*merge_script(self._load_table, file.rows(), client))
        else:
            with client.begin_transaction():
                self._copy_and_merge(file, client)

    @property
    def _is_parquet(self) -> bool:
        return self._file_path.endswith(".parquet")

    def _copy_and_merge(self, file: _CsvFile | _ParquetFile, client: Psycopg2SqlClient) -> None:
        table: Any = self._load_table
        name, given = client.make_qualified_table_name(table["name"]), _given(table, client)
        client.execute_sql(f"CREATE TEMP TABLE {given} (LIKE {name}) ON COMMIT DROP")
        columns = ", ".join(client.escape_column_name(column) for column in file.names)
        copy = f"COPY {given} ({columns}) FROM STDIN WITH (FORMAT CSV)"
        with client.native_connection.cursor() as cursor:
            for part in file.parts():
                cursor.copy_expert(copy, part)
        client.execute_sql("; ".join(statements(table, given, client, by_name=False)))


class _CsvFile:
    """A null is empty and every text is quoted; the first line has the names of the columns."""

    def __init__(self, path: str) -> None:
        self._path = path
        with FileStorage.open_zipsafe_ro(path, "rb") as file:
            self.names = next(csv.reader([file.readline().decode()]))

    def rows(self) -> list[dict[str, Any]]:
        """Every value as text, which the server reads as it reads a file's."""
        options = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(self.names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        parsing = pa.csv.ParseOptions(newlines_in_values=True)
        with FileStorage.open_zipsafe_ro(self._path, "rb") as file:
            read = pa.csv.read_csv(file, parse_options=parsing, convert_options=options)
        rows: list[dict[str, Any]] = read.to_pylist()
        return rows

    def parts(self) -> Iterator[IO[bytes]]:
        """The lines of values."""
        with FileStorage.open_zipsafe_ro(self._path, "rb") as file:
            file.readline()
            yield file


class _ParquetFile:
    def __init__(self, path: str) -> None:
        self._path = path
        self.names: list[str] = pq.read_schema(path).names

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self._path).to_pylist()
        return rows

    def parts(self) -> Iterator[IO[bytes]]:
        """Its values as CSV, some thousand rows at a time."""
        options = pa.csv.WriteOptions(include_header=False)
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                part = io.BytesIO()
                pa.csv.write_csv(batch, part, options)
                part.seek(0)
                yield part


def _given(table: Any, client: SqlClientBase[Any]) -> str:
    return client.escape_column_name(f"given_{table['name']}")


class MergingPostgresClient(MergesAtOnce, PostgresClient):
    """dlt's, which merges our tables at once, and finds by an index what a merge replaces."""

    merge_job = _MergeJob

    def _get_table_post_update_sql(self, partial_table: TPartialTableSchema) -> list[str]:
        compared: list[str] = partial_table.get(WHOLE_IN_A_FILE, [])  # type: ignore[assignment]
        made = super()._get_table_post_update_sql(partial_table)
        if compared and set(compared) <= {*partial_table["columns"]}:
            name: Any = partial_table["name"]
            index = self.sql_client.escape_column_name(f"{name}_merged_by")
            columns = ", ".join(map(self.sql_client.escape_column_name, compared))
            made.append(
                f"CREATE INDEX IF NOT EXISTS {index} "
                f"ON {self.sql_client.make_qualified_table_name(name)} ({columns})"
            )
        return made
