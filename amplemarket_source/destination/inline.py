"""Small files that are not about people go to a warehouse inside the statements that merge them.

dlt loads a file into a staging table and merges it from there: nine statements a table on
Snowflake, eight calls on BigQuery. For a hundred leads that is most of what a run waits for. A file
of some hundred rows fits into the text or the parameters of a statement, as JSON: an array of rows,
each an array of values (api-notes: inline-rows).

Both warehouses keep what they were asked for months, where no erasure reaches: so tables about
people stay with dlt's way, in which no statement has a value.

Whether a table's files are small enough is found out once, when a load begins, and kept in its
state: a load that died goes on in the way in which it began.
"""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.configuration.container import Container
from dlt.common.destination.client import RunnableLoadJob
from dlt.common.storages.load_package import (
    LoadPackageStateInjectableContext,
    PackageStorage,
    ParsedLoadJobFileName,
)
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset

from amplemarket_source.destination.merging import MergesAtOnce
from amplemarket_source.schema.table import WHOLE_IN_A_FILE, is_personal

__all__ = ["INLINE", "InlineMerge", "MergesSmallFiles", "fits"]

_ROWS_OF_JSON = 400_000
"""Bytes in one text of rows. Snowflake takes a million in a statement, and a quote or a backslash
is two there."""
_MOST_TEXTS = 4
"""More of them, and dlt's way takes fewer statements."""
_Statement = tuple[str, dict[str, str]]
"""With parameters by name, which BigQuery has in a script as well as in a statement."""


class InlineMerge(ABC):
    """Merges rows by statements that hold them.

    Args:
        client: dlt's, of a warehouse that an `InlineMerge` is there for.

    Example::

        INLINE["snowflake"](job_client).run([(table, rows)])
    """

    _most: int
    """Bytes of parameters in one text."""

    def __init__(self, client: SqlJobClientWithStagingDataset) -> None:
        self._client = client
        self._sql: Any = client.sql_client
        self._parameters = (f"given_{number}" for number in itertools.count())

    def run(self, given: Iterable[tuple[Mapping[str, Any], pa.Table]]) -> None:
        """Delete what the rows replace, and insert them.

        Args:
            given: tables, as dlt knows them, with the rows of each.
        """
        merges = (one for table, rows in given for one in self._merge(table, rows))
        texts = [*_packed(merges, self._most)]
        if len(texts) == 1:
            [(sql, values)] = texts
            self._sql.execute_sql(self._as_one(sql), **values)
        elif texts:
            with self._sql.begin_transaction():
                for sql, values in texts:
                    self._sql.execute_sql(sql, **values)

    def _merge(self, table: Mapping[str, Any], rows: pa.Table) -> Iterator[_Statement]:
        name = self._sql.make_qualified_table_name(table["name"])
        compared = [self._sql.escape_column_name(column) for column in table[WHOLE_IN_A_FILE]]
        keys = rows.select(table[WHOLE_IN_A_FILE])
        keys = keys.group_by(keys.column_names).aggregate([])
        for text in _texts(keys):
            parameter = next(self._parameters)
            yield (
                self._deletion(name, compared, self._given(table, keys, parameter)),
                {parameter: text},
            )
        columns = ", ".join(map(self._sql.escape_column_name, rows.column_names))
        wanted = table.get("x-merge-source-filter", "1 = 1")
        for text in _texts(rows):
            parameter = next(self._parameters)
            query = f"SELECT {columns} FROM {self._given(table, rows, parameter)} WHERE {wanted}"
            yield f"INSERT INTO {name} ({columns}) {query}", {parameter: text}

    def _given(self, table: Mapping[str, Any], rows: pa.Table, parameter: str) -> str:
        """A query, in brackets, of the rows that a parameter has."""
        mapper: Any = self._client.type_mapper
        values = ", ".join(
            f"{self._value(place, mapper.to_destination_type(table['columns'][name], table))} "
            f"AS {self._sql.escape_column_name(name)}"
            for place, name in enumerate(rows.column_names)
        )
        return f"(SELECT {values} FROM {self._rows(f'%({parameter})s')})"

    @abstractmethod
    def _deletion(self, name: str, compared: Sequence[str], given: str) -> str:
        """A statement that takes away the rows whose compared columns ``given`` has."""

    @abstractmethod
    def _value(self, place: int, data_type: str) -> str:
        """One value of a row of `_rows`, called ``given``."""

    @abstractmethod
    def _rows(self, text: str) -> str:
        """What a JSON array is after FROM."""

    @abstractmethod
    def _as_one(self, sql: str) -> str:
        """Statements as one text, all or nothing."""


class _SnowflakeMerge(InlineMerge):
    """A JSON null is a null of whatever type it is made."""

    _most = _ROWS_OF_JSON

    def _deletion(self, name: str, compared: Sequence[str], given: str) -> str:
        columns = ", ".join(compared)
        return f"DELETE FROM {name} WHERE ({columns}) IN (SELECT {columns} FROM {given})"

    def _value(self, place: int, data_type: str) -> str:
        return f"given.value[{place}]::{data_type}"

    def _rows(self, text: str) -> str:
        return f"TABLE(FLATTEN(INPUT => PARSE_JSON({text}))) AS given"

    def _as_one(self, sql: str) -> str:
        return f"BEGIN; {sql}; COMMIT"


class _BigQueryMerge(InlineMerge):
    """Parameters are no part of the text, so one holds whatever `fits`."""

    _most = 8_000_000

    def _deletion(self, name: str, compared: Sequence[str], given: str) -> str:
        same = " AND ".join(f"old.{column} = new.{column}" for column in compared)
        found = f"FROM {name} AS old WHERE EXISTS (SELECT 1 FROM {given} AS new WHERE {same})"
        # A DELETE is billed the whole table, a question what it compares
        # (api-notes: bigquery-bytes).
        return f"IF EXISTS (SELECT 1 {found}) THEN DELETE {found}; END IF"

    def _value(self, place: int, data_type: str) -> str:
        return f"CAST(JSON_VALUE(given, '$[{place}]') AS {data_type})"

    def _as_one(self, sql: str) -> str:
        return f"BEGIN TRANSACTION; {sql}; COMMIT TRANSACTION"

    def _rows(self, text: str) -> str:
        return f"UNNEST(JSON_QUERY_ARRAY({text})) AS given"


INLINE: dict[str, type[InlineMerge]] = {"snowflake": _SnowflakeMerge, "bigquery": _BigQueryMerge}
"""By dlt's name of the warehouse."""


class _InlineJob(RunnableLoadJob):
    """Merges one Parquet file."""

    _job_client: MergesSmallFiles

    def run(self) -> None:
        self._job_client.merge.run([(self._load_table, pq.read_table(self._file_path))])


class MergesSmallFiles(MergesAtOnce):
    """Before one of dlt's job clients: a table of which all files are small is merged at once."""

    merge_job = _InlineJob

    @property
    def merge(self) -> InlineMerge:
        return INLINE[self.config.destination_type.rpartition(".")[2]](self)

    def through_staging(self) -> list[str]:
        package = Container()[LoadPackageStateInjectableContext]
        files = _files(package.storage, package.load_id)
        # With files in a bucket, which the warehouse reads for itself, dlt makes other jobs.
        is_staged = getattr(self.config, "staging_config", None) is not None
        return sorted(
            {
                table
                for table, file in files
                if is_staged or is_personal(self.prepare_load_table(table)) or not _is_small(file)
            }
        )


def _files(storage: PackageStorage, load_id: str) -> Iterator[tuple[str, Path]]:
    for job in storage.list_new_jobs(load_id):
        file = Path(storage.storage.make_full_path(job))
        yield ParsedLoadJobFileName.parse(file.name).table_name, file


def _is_small(file: Path) -> bool:
    # Many rows of few bytes, and few of many, are not read to find out.
    is_parquet = file.suffix == ".parquet"
    if not is_parquet or file.stat().st_size > _MOST_TEXTS * _ROWS_OF_JSON:
        return False
    return pq.read_metadata(file).num_rows * 2 <= _ROWS_OF_JSON and fits(pq.read_table(file))


def fits(rows: pa.Table) -> bool:
    """Whether a few statements hold the rows; whether they may is `is_personal`'s to say."""
    texts = [*_texts(rows)]
    return len(texts) <= _MOST_TEXTS and all(_size(text) <= _ROWS_OF_JSON for text in texts)


def _texts(rows: pa.Table) -> Iterator[str]:
    """The rows as JSON, in parts of `_ROWS_OF_JSON`; a row that has more is a part by itself."""
    part: list[str] = []
    size = 0
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        text = json.dumps(row, ensure_ascii=False, default=datetime.isoformat)
        more = _size(text) + 2
        if part and size + more > _ROWS_OF_JSON:
            yield f"[{', '.join(part)}]"
            part, size = [], 0
        part.append(text)
        size += more
    if part:
        yield f"[{', '.join(part)}]"


def _packed(statements: Iterable[_Statement], most: int) -> Iterator[_Statement]:
    """The same, in one text as many as have ``most`` bytes of parameters."""
    texts: list[str] = []
    values: dict[str, str] = {}
    for sql, parameters in statements:
        if texts and sum(map(_size, (values | parameters).values())) > most:
            yield "; ".join(texts), values
            texts, values = [], {}
        texts.append(sql)
        values |= parameters
    if texts:
        yield "; ".join(texts), values


def _size(text: str) -> int:
    return len(text.encode())
