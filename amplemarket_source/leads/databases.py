"""Leads from databases: any that SQLAlchemy knows, and the destination itself."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from amplemarket_source.errors import InputError, how_to_install
from amplemarket_source.leads.files import shown_address

__all__ = ["DestinationLeads", "QueryLeads", "query_leads", "refused"]


_ROWS = 1 << 14
_DUCKDB = "duckdb:///"
# These can be raised before a row is read, so their text holds no person's data.
_TELLING = (
    duckdb.CatalogException,
    duckdb.BinderException,
    duckdb.ParserException,
    duckdb.IOException,
)


@dataclass(frozen=True)
class QueryLeads:
    """The rows of a query, each time it is iterated: Arrow batches or lists of mappings.

    Attributes:
        sql: one SELECT statement.
        url: the database, as SQLAlchemy writes addresses.
        source_name: how errors call it, without user, password and options.
    """

    sql: str
    url: str
    source_name: str

    def __iter__(self) -> Iterator[pa.RecordBatch | list[Mapping[str, Any]]]:
        if self.url.startswith(_DUCKDB):
            yield from _from_duckdb(self)
        else:
            yield from _from_sqlalchemy(self)


def query_leads(sql: str, url: str) -> QueryLeads:
    """Leads from a database, to be given as ``leads``; nothing is read yet.

    ``duckdb:///file.duckdb`` works as installed. Any other address goes through SQLAlchemy
    (extra ``sql``) and its driver: ``sqlite:///file.db`` needs no other, ``postgresql://...``
    the extra ``postgres``.

    Args:
        sql: a query whose columns are named as the README says (Input).
        url: the database, ``dialect://...``.

    Raises:
        InputError: ``url`` is not an address; on reading, whatever the database says against it.

    Example::

        >>> leads = query_leads("SELECT email FROM crm.contacts", "duckdb:///crm.duckdb")
    """
    dialect, colon, _ = url.partition("://")
    if not colon or not dialect:
        raise InputError(
            "this is not the address of a database",
            source="query",
            advice="Write it like duckdb:///file.duckdb, sqlite:///file.db or postgresql://...",
        )
    return QueryLeads(sql=sql, url=url, source_name=shown_address(url))


def _from_duckdb(query: QueryLeads) -> Iterator[pa.RecordBatch]:
    try:
        with duckdb.connect(query.url.removeprefix(_DUCKDB), read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield from pa.RecordBatchReader.from_stream(connection.sql(query.sql))
    except duckdb.ConnectionException:
        raise InputError(
            "the file is open as the destination of this run",
            source=query.source_name,
            advice="Leave --from out: --query alone reads from the destination.",
        ) from None
    except (duckdb.Error, pa.ArrowException) as error:
        raise _refused(query.source_name, error, tell=isinstance(error, _TELLING)) from None


def _from_sqlalchemy(query: QueryLeads) -> Iterator[list[Mapping[str, Any]]]:
    try:
        sqlalchemy: Any = importlib.import_module("sqlalchemy")
    except ImportError:
        raise InputError(
            "SQLAlchemy, which reads this kind of database, is not installed",
            source=query.source_name,
            advice=how_to_install("dlt[sql_database]"),
        ) from None
    telling = (sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.OperationalError)
    try:
        url = sqlalchemy.make_url(query.url)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            # SQLite would make an empty one.
            raise InputError("there is no such file", source=query.source_name)
        if url.drivername in ("postgres", "postgresql"):
            # The driver that dlt's extra brings; which one SQLAlchemy takes depends on its version.
            url = url.set(drivername="postgresql+psycopg2")
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            # no_parameters: a per cent sign in the SQL is a per cent sign to every driver.
            streaming = connection.execution_options(stream_results=True, no_parameters=True)
            result = streaming.exec_driver_sql(query.sql)
            yield from result.mappings().partitions(_ROWS)
    except ImportError as error:
        raise InputError(
            f"the driver {error.name!r} is not installed",
            source=query.source_name,
            advice=f"For PostgreSQL: {how_to_install('dlt[postgres]')}",
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise _refused(query.source_name, cause, tell=isinstance(error, telling)) from None


_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class DestinationLeads:
    """The rows of a query at the destination itself, each time it is iterated; streamed.

    Args:
        pipeline: names the destination.
        sql: one SELECT statement; or None for a whole table.
        table: ``table``, ``schema.table`` or ``database.schema.table``, such as a dbt model; a name
            alone is looked for in the dataset of the pipeline.

    Raises:
        InputError: whatever the destination says against it.

    Example::

        leads = DestinationLeads(pipeline, table="analytics.stg_leads")
    """

    pipeline: dlt.Pipeline
    sql: str | None = None
    table: str | None = None

    @property
    def source_name(self) -> str:
        """How errors and rejects call it."""
        return self.table or "query"

    def __iter__(self) -> Iterator[pa.Table | list[Mapping[str, Any]]]:
        try:
            with self.pipeline.sql_client() as client:
                sql = self.sql or f"SELECT * FROM {self._qualified(client)}"
                if self.pipeline.destination.destination_name == "postgres":
                    yield from _by_cursor(client.native_connection, sql, self.source_name)
                    return
                with client.execute_query(sql) as cursor:
                    yield from cursor.iter_arrow(_ROWS)
        except DatabaseException as error:
            raise refused(self.source_name, error) from None

    def _qualified(self, client: Any) -> str:
        parts = (self.table or "").split(".")
        if len(parts) == 1:
            return str(client.make_qualified_table_name(parts[0]))
        # As a person writes it: quoted only where SQL would not take it, so that the destination
        # folds its case.
        return ".".join(
            part if _PLAIN_NAME.fullmatch(part) else client.escape_column_name(part, casefold=False)
            for part in parts
        )


def _by_cursor(connection: Any, sql: str, source: str) -> Iterator[list[Mapping[str, Any]]]:
    """Row by row from the server: the driver's usual cursor takes all of them into memory."""
    cursor = connection.cursor(name="amplemarket_leads", withhold=True)
    try:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_ROWS):
            names = [column.name for column in cursor.description]
            yield [dict(zip(names, row, strict=True)) for row in rows]
    except connection.Error as error:
        tell = isinstance(error, connection.ProgrammingError)
        raise _refused(source, error, tell=tell) from None
    finally:
        with suppress(connection.Error):  # it is not there, if the query failed
            cursor.close()


def refused(source: str, error: DatabaseException) -> InputError:
    """What a destination says against a query, as far as it can hold no value of a row."""
    cause = getattr(error, "dbapi_exception", error)
    tell = isinstance(error, DatabaseUndefinedRelation) or isinstance(cause, _TELLING)
    return _refused(source, cause, tell=tell)


def _refused(source: str, error: BaseException, *, tell: bool) -> InputError:
    text = str(error).strip().partition("\n")[0] if tell else ""
    what = f"the query failed: {text.rstrip('.')}" if text else "the query failed"
    return InputError(what if text else f"{what} ({type(error).__name__})", source=source)
