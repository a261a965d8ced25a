"""SQL and small loads at the destination, beside the pipeline that loads the answers.

A pipeline of its own (``<name>_ledger``), so that a package which the data pipeline left pending
never stands in the way of the ledger, and the dataset exists before the data pipeline extracts for
the first time: dlt deletes pending packages of a dataset that is not there
(api-notes: dlt-first-run).
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.pipeline import LoadInfo
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from amplemarket_source.environment import run_environment
from amplemarket_source.memory import DestinationMemory, MemoryBudget, Share
from amplemarket_source.schema.table import Table, resource_for
from amplemarket_source.schema.tables import ENRICHMENT_REQUESTS, LOCK, REQUEST_LEADS
from amplemarket_source.storable import escaped
from amplemarket_source.warehouse.capabilities import name_of, require_guarantees
from amplemarket_source.warehouse.place import place_of
from amplemarket_source.warehouse.refusals import translated

__all__ = ["Warehouse", "drop_packages", "has_ledger", "remove_torn_files", "tables_at"]

_LEDGER = "{}_ledger"
_TORN = re.compile(r"[0-9a-f]{16}")
_NOT_LOADED = "-"
"""``_dlt_load_id`` of a row that no load has settled."""
_CHUNK = 100_000
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
        self._pipeline: dlt.Pipeline
        self._client: SqlClientBase[Any]
        self._memory: DestinationMemory | None = None

    def __enter__(self) -> Warehouse:
        """Connect, and drop what an earlier process extracted and did not get to load."""
        try:
            with translated("open", "the ledger", self._outer):
                require_guarantees(self._outer)
                self._apart(self._connect)
            if self._memory is not None:
                self._budget.add("destination", self._limit)
                self._stack.callback(self._budget.remove, "destination")
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def is_one_process(self) -> bool:
        """Whether the destination itself admits one process at a time: a DuckDB file does."""
        return name_of(self._outer) == "duckdb"

    def load(self, tables: Mapping[Table, Iterable[pa.Table]]) -> None:
        """Load rows, merged by their keys; a table without rows is made all the same.

        Text is `escaped`. Of a load that fails nothing stays behind.
        """

        def rows(table: Table, given: Iterable[pa.Table]) -> Iterator[pa.Table]:
            load_id = dlt.current.load_package_state()["load_id"]
            schema = table.arrow_schema
            yield schema.empty_table()
            for part in given:
                stamp = pa.repeat(pa.scalar(load_id), part.num_rows)
                position = part.schema.get_field_index("_dlt_load_id")
                part = part.set_column(position, schema.field("_dlt_load_id"), stamp)
                yield _escaped_rows(part).cast(schema)

        resources = [resource_for(table, rows(table, given)) for table, given in tables.items()]
        with translated("write", "the ledger", self._outer):
            try:
                self._apart(lambda: self._run(resources))
            except Exception as error:
                try:
                    if not self.make_room(error):
                        raise
                    self._apart(self._load_pending)
                except Exception:
                    # dlt would load it in place of the next rows (api-notes: dlt-pending).
                    self._apart(lambda: drop_packages(self._pipeline))
                    raise

    def make_room(self, error: Exception) -> bool:
        """Give DuckDB more memory, if that is what a load failed of; False if not."""
        with self._lock:
            return self._memory is not None and self._memory.make_room(error)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has some. Text among the parameters is `escaped`."""
        parameters = tuple(escaped(p) if isinstance(p, str) else p for p in parameters)
        with self._lock, translated("use", "the ledger", self._outer):
            try:
                return self._unless_in_conflict(sql, *parameters)
            except Exception as error:
                # What DuckDB has no memory for has not been done.
                if not self.make_room(error):
                    raise
                return self._unless_in_conflict(sql, *parameters)

    def read(self, sql: str, *parameters: Any) -> Iterator[pa.Table]:
        """The rows of one query, 100,000 at a time."""
        with (
            self._lock,
            translated("read", "the ledger", self._outer),
            self._client.execute_query(sql, *parameters) as cursor,
        ):
            for chunk in cursor.iter_arrow(_CHUNK):
                # BigQuery's cursor gives batches where all others give tables.
                is_batch = isinstance(chunk, pa.RecordBatch)
                yield pa.Table.from_batches([chunk]) if is_batch else chunk

    def read_for(self, sql: str, keys: pa.ChunkedArray) -> Iterator[pa.Table]:
        """The rows of one query about ``keys``, which meet the tables at the destination.

        DuckDB joins them where they are; elsewhere each statement takes some thousands along.

        Args:
            sql: with ``{keys}`` where they go.

        Example::

            warehouse.read_for("SELECT id FROM people WHERE id IN ({keys})", ids)
        """
        connection = self._client.native_connection
        if hasattr(connection, "register"):
            with self._lock:
                connection.register("asked_keys", pa.table({"asked": keys}))
                try:
                    yield from self.read(sql.format(keys="SELECT asked FROM asked_keys"))
                finally:
                    connection.unregister("asked_keys")
            return
        as_json = _KEYS_OF_JSON.get(name_of(self._outer))
        at_once = _KEYS_AT_ONCE if as_json else _MARKS_AT_ONCE
        for start in range(0, len(keys), at_once):
            some = keys.slice(start, at_once).to_pylist()
            if as_json:
                yield from self.read(sql.format(keys=as_json), json.dumps(some))
            else:
                yield from self.read(sql.format(keys=", ".join(["%s"] * len(some))), *some)

    def insert(self, table: Table, *rows: Mapping[str, Any]) -> None:
        """Insert rows that belong to no load, with one statement; None leaves a column null.

        Args:
            rows: at least one; all with the same columns.
        """
        # A None has no type, which BigQuery asks of every parameter (api-notes: bigquery-null).
        given = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        names = ", ".join([*given, "_dlt_load_id"])
        lines: list[str] = []
        values: list[Any] = []
        for row in rows:
            marks = ["NULL" if row[name] is None else "%s" for name in given]
            lines.append(f"({', '.join([*marks, '%s'])})")
            values += [row[name] for name in given if row[name] is not None] + [_NOT_LOADED]
        self.rows(
            f"INSERT INTO {self.name(table.name)} ({names}) VALUES {', '.join(lines)}", *values
        )

    def staging_tables(self, names: Iterable[str]) -> list[str]:
        """The qualified names of those of the tables that dlt has made in its staging dataset."""
        with (
            self._lock,
            translated("read", "the staging dataset", self._outer),
            self._client.with_staging_dataset() as staging,
        ):
            if not staging.has_dataset():
                return []
            return [staging.make_qualified_table_name(n) for n in names if self.has_table(n)]

    def quoted(self, name: str) -> str:
        """A name as a statement has it, where it may be a word of SQL's."""
        return self._client.escape_column_name(name, casefold=False)

    def name(self, table: str) -> str:
        """The qualified name of a table."""
        return self._client.make_qualified_table_name(table)

    def has_table(self, table: str) -> bool:
        """Whether the destination has the table yet."""
        with self._lock, translated("read", "the ledger", self._outer):
            try:
                self._client.execute_sql(f"SELECT 1 FROM {self.name(table)} WHERE 1 = 0")
            except DestinationUndefinedEntity:
                return False
        return True

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

    def _unless_in_conflict(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        # The destination has taken back what it calls a conflict, so an INSERT is safe as well.
        again = Retrying(
            retry=retry_if_exception(_is_conflict),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=stop_after_delay(_PATIENCE),
            reraise=True,
        )
        return [tuple(row) for row in again(self._client.execute_sql, sql, *parameters) or ()]

    def _connect(self) -> None:
        outer = self._outer
        self._pipeline = dlt.pipeline(
            _LEDGER.format(outer.pipeline_name),
            destination=outer.destination,
            dataset_name=outer.dataset_name,
            pipelines_dir=outer.pipelines_dir,
        )
        # What a user's settings say of all pipelines must not reach the record of purchases.
        self._pipeline.refresh = None
        self._pipeline.dataset_name = outer.dataset_name
        for pipeline in (outer, self._pipeline):
            # dlt makes them for everybody to read, and packages hold people.
            Path(pipeline.working_dir).chmod(0o700)
        _forget_torn_files(self._pipeline)
        self._client = self._pipeline.sql_client()
        self._client.open_connection()
        self._stack.callback(self._client.close_connection)
        if self.is_one_process:
            self._memory = DestinationMemory(outer, self._client)
        # What an earlier run planned and did not get to record: it sent nothing of it, and its
        # input rows may be of someone erased by now.
        drop_packages(self._pipeline)

    def _limit(self, share: Share) -> None:
        with self._lock:
            if self._memory is not None:
                self._memory.limit(share)

    def _load_pending(self) -> None:
        with run_environment():
            self._pipeline.run().raise_on_failed_jobs()

    def _run(self, resources: list[DltResource]) -> None:
        # In a plain run of the user's as well: the files of this load are ours, and hold leads.
        with run_environment():
            info: LoadInfo = self._pipeline.run(
                resources, schema=dlt.Schema(self._pipeline.pipeline_name)
            )
        info.raise_on_failed_jobs()

    def _apart(self, work: Callable[[], None]) -> None:
        """Do work with this pipeline while the outer one may be extracting.

        dlt keeps the context of a running extract by thread and one active pipeline by process: so
        it takes a thread of its own, and the outer pipeline is made active again
        (api-notes: dlt-active-pipeline).
        """
        with self._lock, ThreadPoolExecutor(1, thread_name_prefix="ledger") as thread:
            try:
                thread.submit(work).result()
            finally:
                self._outer.activate()


def tables_at(pipeline: dlt.Pipeline, names: Iterable[str]) -> dict[str, set[str]]:
    """The columns of those of the tables that the destination has; one statement.

    What dlt's schema says of tables may have been extracted and never loaded.
    """
    client: Any = pipeline.destination_client()
    with translated("read", "the dataset", pipeline), client:
        return {
            name: {column.lower() for column in columns}
            for name, columns in client.get_storage_tables(list(names))
        }


def drop_packages(pipeline: dlt.Pipeline) -> None:
    """Delete the packages of ours that ``pipeline`` has not loaded, whatever state they are in.

    Those of other sources of the same pipeline stay. dlt's own way of giving a package up keeps
    what was in it in files (api-notes: dlt-abort).
    """
    load_ids = {
        *pipeline.list_extracted_load_packages(),
        *pipeline.list_normalized_load_packages(),
    }
    for load_id in load_ids:
        for folder in Path(pipeline.working_dir).rglob(load_id):
            if folder.is_dir() and _is_ours(folder):
                shutil.rmtree(folder, ignore_errors=True)


def remove_torn_files(pipeline: dlt.Pipeline) -> None:
    """Delete what dlt was writing among its schemas when the disk was full or a kill came.

    dlt takes such a file for a schema, and every run fails at its name (api-notes: dlt-torn). To be
    called while nobody else can write there.
    """
    for name in (pipeline.pipeline_name, _LEDGER.format(pipeline.pipeline_name)):
        for file in Path(pipeline.pipelines_dir, name, "schemas").glob("*"):
            if _TORN.fullmatch(file.name):
                file.unlink()
    _forget_torn_files(pipeline)


def _forget_torn_files(pipeline: dlt.Pipeline) -> None:
    """Take them out of dlt's own state, where whoever opens the pipeline meanwhile has put them."""
    if any(_TORN.fullmatch(name) for name in pipeline.state.get("schema_names") or ()):
        with pipeline.managed_state():
            pass  # lists the schemas anew


def _is_ours(package: Path) -> bool:
    try:
        tables = json.loads((package / "schema.json").read_text(encoding="utf-8"))["tables"]
    except (OSError, ValueError, KeyError):
        # Cut short by a kill: it cannot be loaded, whosever it is.
        return True
    return any(table in tables for table in (ENRICHMENT_REQUESTS.name, LOCK.name))


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


def has_ledger(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination holds a record of purchases; creates nothing, not even a file.

    Raises:
        SettingsError: the destination cannot be used.
        Busy: another process has the DuckDB file open.
        DestinationError: it cannot be read.
    """
    with translated("open", "the ledger", pipeline):
        if name_of(pipeline) == "duckdb" and place_of(pipeline).is_missing:
            return False
        require_guarantees(pipeline)
        with pipeline.sql_client() as client:
            name = client.make_qualified_table_name(REQUEST_LEADS.name)
            try:
                client.execute_sql(f"SELECT 1 FROM {name} WHERE 1 = 0")
            except DestinationUndefinedEntity:
                return False
    return True
