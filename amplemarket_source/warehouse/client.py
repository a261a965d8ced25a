"""SQL and small loads at the destination, beside the pipeline that loads the answers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.storages.load_package import create_load_id
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from amplemarket_source.destination.inline import INLINE, fits
from amplemarket_source.destination.merging import statements
from amplemarket_source.errors import AmplemarketError
from amplemarket_source.memory import DestinationMemory, MemoryBudget, Share
from amplemarket_source.schema.table import Table, as_dlt_knows, is_personal
from amplemarket_source.storable import escaped
from amplemarket_source.warehouse.capabilities import name_of, require_guarantees
from amplemarket_source.warehouse.loads import LedgerLoads, stamped
from amplemarket_source.warehouse.refusals import translated
from amplemarket_source.warehouse.tables import TablesThere, columns_at

__all__ = ["Statement", "Warehouse"]

logger = logging.getLogger("amplemarket")

Statement = tuple[str, tuple[Any, ...]]
"""SQL with ``%s`` where its parameters go, and these."""

_NOT_LOADED = "-"
"""``_dlt_load_id`` of a row that no load has settled."""
_CHUNK = 100_000
_ROWS_AT_ONCE = 5_000
_MARKS_AT_ONCE = 5_000
_KEYS_AT_ONCE = 20_000
"""In one statement (api-notes: warehouse-parameters)."""
_KEYS_OF_JSON = {
    "postgres": "SELECT json_array_elements_text(%s::json)",
    "bigquery": "SELECT asked FROM UNNEST(JSON_VALUE_ARRAY(%s)) AS asked",
    "snowflake": "SELECT value::string FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%s)))",
}
"""A query of keys that come as one parameter, a JSON array."""
_CONFLICTS = (  # (api-notes: conflicts)
    "concurrent update",  # BigQuery, while a transaction changes the same table
    "could not serialize access",  # BigQuery, PostgreSQL
    "too many dml statements",  # BigQuery, which lets twenty wait
    "transaction conflict",  # DuckLake
    "database is locked",  # SQLite as the catalog of a DuckLake
    "conflict on update",  # DuckDB
)
_PATIENCE = 120.0  # seconds; as long as a merge that stands in the way may take


class Warehouse:
    """Statements and loads at the destination of ``pipeline``; safe to use from several threads.

    Use as a context manager: one connection stays open, which on DuckDB also keeps every other
    process out for as long. A statement that the load of another table's rows stands in the way of
    is tried again.

    Args:
        pipeline: names the destination and the dataset.
        memory: the budget in which a DuckDB destination takes part; None where nothing is loaded.

    Example::

        with Warehouse(pipeline) as warehouse:
            warehouse.rows(f"SELECT count(*) FROM {warehouse.name('people')}")

    Raises:
        SettingsError: the destination cannot hold the guarantees; see `destinations`.
        Busy: another process has the DuckDB file open.
        DestinationError: anything else the destination says; its text holds no values.
    """

    def __init__(self, pipeline: dlt.Pipeline, memory: MemoryBudget | None = None) -> None:
        self._outer = pipeline
        self._budget = memory or MemoryBudget()
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._loads = LedgerLoads(pipeline)
        self._soon: list[Statement] = []
        self._job: Any
        self._tables: TablesThere
        self._client: SqlClientBase[Any]
        self._memory: DestinationMemory | None = None

    def __enter__(self) -> Warehouse:
        """Connect, and drop what an earlier process extracted and did not get to load."""
        try:
            with translated("open", "the ledger", self._outer):
                require_guarantees(self._outer)
                self._loads.apart(self._connect)
            if self._memory is not None:
                self._budget.add("destination", self._limit)
                self._stack.callback(self._budget.remove, "destination")
            self._stack.callback(self._run_what_is_left)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def pipeline(self) -> dlt.Pipeline:
        """Whose destination and dataset it is."""
        return self._outer

    @property
    def is_one_process(self) -> bool:
        """Whether the destination itself admits one process at a time: a DuckDB file does."""
        return name_of(self._outer) == "duckdb"

    @property
    def _takes_scripts(self) -> bool:
        """Whether statements with parameters go over in one text, all or nothing.

        (api-notes: postgres-script)
        """
        return name_of(self._outer) == "postgres"

    def lacking(self, tables: Iterable[Table]) -> list[Table]:
        """Those of the tables that the destination has not got, or not with all their columns.

        One statement for all that the package declares, and none once they are there.
        """
        with self._lock, translated("read", "the ledger", self._outer):
            return self._tables.lacking(list(tables))

    def has_table(self, table: str) -> bool:
        """Whether the destination has the table yet."""
        with self._lock, translated("read", "the ledger", self._outer):
            return self._tables.has(table)

    def make(self, tables: Iterable[Table]) -> None:
        """Make those of the tables that the destination lacks, and columns that they lack."""
        with self._lock, translated("make", "the ledger", self._outer):
            self._tables.make(list(tables))

    def load(self, tables: Mapping[Table, Sequence[pa.Table]]) -> None:
        """Load rows, merged by their keys; whatever lacks for them is made.

        DuckDB merges them where they are, and warehouses take some thousand in the statements that
        merge them; it is a load of dlt's elsewhere. Text is `escaped`.
        """
        given = {
            table: _escaped_rows(rows).cast(table.arrow_schema)
            for table, parts in tables.items()
            if parts and (rows := pa.concat_tables(parts)).num_rows
        }
        if lacking := self.lacking(given):
            self.make(lacking)
        count = sum(rows.num_rows for rows in given.values())
        with self._lock, translated("write", "the ledger", self._outer):
            # In the order in which they were given: one of them may delete what is loaded here.
            self._run_what_waits()
            if self.is_one_process:
                try:
                    self._merge_in_place(given)
                except Exception as error:
                    if not self.make_room(error):
                        raise
                    self._merge_in_place(given)
            elif self._takes_scripts and count <= _ROWS_AT_ONCE:
                self._merge_by_script(given)
            elif name_of(self._outer) in INLINE and all(map(_may_be_inline, given.items())):
                self._merge_inline(given)
            else:
                self._loads.load(given)

    def _merge_in_place(self, given: Mapping[Table, pa.Table]) -> None:
        load_id, connection = create_load_id(), self._client.native_connection
        with self._client.begin_transaction():
            for table, rows in given.items():
                connection.register("given_rows", stamped(rows, load_id))
                try:
                    for statement in statements(
                        as_dlt_knows(table), "given_rows", self._client, by_name=True
                    ):
                        self._client.execute_sql(statement)
                finally:
                    connection.unregister("given_rows")
            self._job.complete_load(load_id)

    def _merge_by_script(self, given: Mapping[Table, pa.Table]) -> None:
        from amplemarket_source.destination.postgres_client import merge_script

        load_id = create_load_id()
        merges = [
            merge_script(as_dlt_knows(table), stamped(rows, load_id).to_pylist(), self._client)
            for table, rows in given.items()
        ]
        self.together(*((sql, (rows,)) for sql, rows in merges))
        self._job.complete_load(load_id)

    def _merge_inline(self, given: Mapping[Table, pa.Table]) -> None:
        load_id = create_load_id()
        rows = [(as_dlt_knows(table), stamped(rows, load_id)) for table, rows in given.items()]
        _again()(INLINE[name_of(self._outer)](self._job).run, rows)
        self._job.complete_load(load_id)

    def make_room(self, error: Exception) -> bool:
        """Give DuckDB more memory, if that is what a load failed of; False if not."""
        with self._lock:
            return self._memory is not None and self._memory.make_room(error)

    def checkpoint(self) -> None:
        """Let a DuckDB file take in what its log holds; elsewhere nothing is done."""
        if self.is_one_process:
            # It can be refused, and is made up for when the file is closed.
            with self._lock, suppress(DatabaseException):
                self._client.execute_sql("CHECKPOINT")

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has some. Text among the parameters is `escaped`."""
        return self.together((sql, parameters))

    def together(self, *statements: Statement) -> list[tuple[Any, ...]]:
        """Run statements in their order, after those that wait (`soon`); the rows of the last.

        One round trip, and all or nothing, where the destination takes a text of several.
        """
        with self._lock, translated("use", "the ledger", self._outer):
            *before, last = self._with_what_waits(*statements)
            for one in before:
                self._run(one)
            return self._run(last)

    def soon(self, sql: str, *parameters: Any) -> None:
        """Run a statement with whatever is run next, in one round trip where that can be.

        If that fails, this one is lost as well: for records on which nothing depends.
        """
        with self._lock:
            self._soon.append((sql, parameters))

    def read(self, sql: str, *parameters: Any) -> Iterator[pa.Table]:
        """The rows of one query, 100,000 at a time."""
        with self._lock, translated("read", "the ledger", self._outer):
            *before, (sql, parameters) = self._with_what_waits((sql, parameters))
            for one in before:
                self._run(one)
            with self._client.execute_query(sql, *parameters) as cursor:
                for chunk in cursor.iter_arrow(_CHUNK):
                    # BigQuery's cursor gives batches where all others give tables.
                    is_batch = isinstance(chunk, pa.RecordBatch)
                    yield pa.Table.from_batches([chunk]) if is_batch else chunk

    def read_for(self, sql: str, keys: pa.ChunkedArray, also: str = "") -> Iterator[pa.Table]:
        """The rows of one query about ``keys``, which meet the tables at the destination.

        DuckDB joins them where they are; elsewhere each statement takes some thousands along.

        Args:
            sql: with ``{keys}`` where they go, and ``{also}``.
            also: what goes there, in the first statement alone.

        Example::

            warehouse.read_for("SELECT id FROM people WHERE id IN ({keys})", ids)
        """
        connection = self._client.native_connection
        if hasattr(connection, "register"):
            with self._lock:
                connection.register("asked_keys", pa.table({"asked": keys}))
                try:
                    yield from self.read(sql.format(keys="SELECT asked FROM asked_keys", also=also))
                finally:
                    connection.unregister("asked_keys")
            return
        for marks, values, is_first in self._in_portions(keys):
            one = sql.format(keys=marks, also=also if is_first else "")
            yield from self.read(one, *values)

    def run_for(self, sql: str, keys: pa.ChunkedArray, *parameters: Any) -> None:
        """Run one statement about ``keys``, some thousands at a time.

        Args:
            sql: with ``{keys}`` where they go, and the places of ``parameters`` before that.

        Example::

            warehouse.run_for("DELETE FROM people WHERE id IN ({keys})", ids)
        """
        for marks, values, _ in self._in_portions(keys):
            self.rows(sql.format(keys=marks), *parameters, *values)

    def _in_portions(self, keys: pa.ChunkedArray) -> Iterator[tuple[str, list[Any], bool]]:
        """What stands for some of the keys in a statement, its parameters, whether they are first.

        (api-notes: warehouse-parameters)
        """
        as_json = _KEYS_OF_JSON.get(name_of(self._outer))
        at_once = _KEYS_AT_ONCE if as_json else _MARKS_AT_ONCE
        for start in range(0, len(keys), at_once):
            some = keys.slice(start, at_once).to_pylist()
            marks = as_json or ", ".join(["%s"] * len(some))
            yield marks, [json.dumps(some)] if as_json else some, start == 0

    def insert(self, table: Table, *rows: Mapping[str, Any]) -> None:
        """Insert rows that belong to no load, with one statement; None leaves a column null.

        Args:
            rows: at least one; all with the same columns.
        """
        self.together(self.insertion(table, *rows))

    def insertion(self, table: Table, *rows: Mapping[str, Any]) -> Statement:
        """What `insert` runs."""
        # A None has no type, which BigQuery asks of every parameter (api-notes: bigquery-null).
        given = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        names = ", ".join([*given, "_dlt_load_id"])
        lines: list[str] = []
        values: list[Any] = []
        for row in rows:
            marks = ["NULL" if row[name] is None else "%s" for name in given]
            lines.append(f"({', '.join([*marks, '%s'])})")
            values += [row[name] for name in given if row[name] is not None] + [_NOT_LOADED]
        sql = f"INSERT INTO {self.name(table.name)} ({names}) VALUES {', '.join(lines)}"
        return sql, tuple(values)

    def staging_tables(self, names: Iterable[str]) -> list[str]:
        """The qualified names of those of the tables that dlt has made in its staging dataset."""
        with (
            self._lock,
            translated("read", "the staging dataset", self._outer),
            self._job.with_staging_dataset(),
        ):
            if not self._client.has_dataset():
                return []
            found = columns_at(self._job, names)
            return [self.name(name) for name, columns in found.items() if columns]

    def quoted(self, name: str) -> str:
        """A name as a statement has it, where it may be a word of SQL's."""
        return self._client.escape_column_name(name, casefold=False)

    def name(self, table: str) -> str:
        """The qualified name of a table."""
        return self._client.make_qualified_table_name(table)

    def table_elsewhere(self, dataset: str, table: str) -> str | None:
        """The qualified name of a table in another dataset of the destination, if it is there."""
        with (
            self._lock,
            translated("read", f"the dataset {dataset}", self._outer),
            self._client.with_alternative_dataset_name(dataset),
        ):
            if not (self._client.has_dataset() and columns_at(self._job, [table])[table]):
                return None
            return self.name(table)

    def undocumented(self, table: Table) -> list[str]:
        """The columns that undocumented fields have made, quoted for a statement."""
        nothing = f"SELECT * FROM {self.name(table.name)} WHERE 1 = 0"
        with (
            self._lock,
            translated("read", "the ledger", self._outer),
            self._client.execute_query(nothing) as cursor,
        ):
            names = [column[0] for column in cursor.description]
        return [self.quoted(name) for name in names if table.column(name.lower()) is None]

    def _with_what_waits(self, *statements: Statement) -> list[Statement]:
        """Statements and those before them: as one where that can be, else one after the other."""
        given = [
            (sql, tuple(escaped(p) if isinstance(p, str) else p for p in parameters))
            for sql, parameters in (*self._soon, *statements)
        ]
        self._soon = []
        return [_as_script(given)] if self._takes_scripts else given

    def _run_what_waits(self) -> None:
        if self._soon:
            self.together()

    def _run_what_is_left(self) -> None:
        try:
            self._run_what_waits()
        except AmplemarketError as error:
            logger.warning("The end of the run could not be recorded: %s", error)

    def _run(self, statement: Statement) -> list[tuple[Any, ...]]:
        try:
            return self._unless_in_conflict(statement)
        except Exception as error:
            # What DuckDB has no memory for has not been done.
            if not self.make_room(error):
                raise
            return self._unless_in_conflict(statement)

    def _unless_in_conflict(self, statement: Statement) -> list[tuple[Any, ...]]:
        sql, parameters = statement
        return [tuple(row) for row in _again()(self._client.execute_sql, sql, *parameters) or ()]

    def _connect(self) -> None:
        self._job = self._loads.open()
        self._tables = TablesThere(self._job)
        self._client = self._job.sql_client
        self._client.open_connection()
        self._stack.callback(self._client.close_connection)
        if self.is_one_process:
            self._memory = DestinationMemory(self._outer, self._client)

    def _limit(self, share: Share) -> None:
        with self._lock:
            if self._memory is not None:
                self._memory.limit(share)


def _may_be_inline(given: tuple[Table, pa.Table]) -> bool:
    table, rows = given
    return not is_personal(as_dlt_knows(table)) and fits(rows)


def _again() -> Retrying:
    """Calls what the destination has taken back for a conflict, so an INSERT is safe as well."""
    return Retrying(
        retry=retry_if_exception(_is_conflict),
        wait=wait_random_exponential(multiplier=0.2, max=10),
        stop=stop_after_delay(_PATIENCE),
        reraise=True,
    )


def _as_script(given: Sequence[Statement]) -> Statement:
    if len(given) == 1:
        return given[0]
    # Where a text has parameters, a % in it is written twice.
    texts = [sql if parameters else sql.replace("%", "%%") for sql, parameters in given]
    return "; ".join(texts), tuple(one for _, parameters in given for one in parameters)


def _escaped_rows(rows: pa.Table) -> pa.Table:
    """``rows`` with every text `escaped`; Arrow's text is UTF-8, so only NUL can be in it."""
    for position, field in enumerate(rows.schema):
        if not pa.types.is_string(field.type):
            continue
        column = rows.column(position)
        if pc.any(pc.match_substring(column, "\x00")).as_py():
            column = pc.replace_substring(column, "\x00", "\\u0000")
            rows = rows.set_column(position, field, column)
    return rows


def _is_conflict(error: BaseException) -> bool:
    said = str(error).lower()
    return any(text in said for text in _CONFLICTS)
