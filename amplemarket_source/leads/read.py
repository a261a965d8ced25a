"""Every input that the README lists (Input), as one stream of text batches; a database with a query
among them.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from amplemarket_source.errors import InputError, how_to_install
from amplemarket_source.leads.columns import (
    Header,
    arrow_batches,
    is_arrow,
    parquet_batches,
    row_batches,
)
from amplemarket_source.leads.files import find_file, shown_address
from amplemarket_source.leads.text_files import csv_batches, jsonl_batches
from amplemarket_source.model import Kind

__all__ = ["LeadStream", "LeadsInput", "QueryLeads", "query_leads", "read_leads"]


_ROWS = 1 << 14
_DUCKDB = "duckdb:///"


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
    # These can be raised before a row is read, so their text holds no person's data.
    telling = (
        duckdb.CatalogException,
        duckdb.BinderException,
        duckdb.ParserException,
        duckdb.IOException,
    )
    try:
        with duckdb.connect(query.url.removeprefix(_DUCKDB), read_only=True) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield from pa.RecordBatchReader.from_stream(connection.sql(query.sql))
    except (duckdb.Error, pa.ArrowException) as error:
        raise _refused(query, error, tell=isinstance(error, telling)) from None


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
        raise _refused(query, cause, tell=isinstance(error, telling)) from None


def _refused(query: QueryLeads, error: BaseException, *, tell: bool) -> InputError:
    text = str(error).strip().partition("\n")[0] if tell else ""
    what = f"the query failed: {text.rstrip('.')}" if text else "the query failed"
    return InputError(
        what if text else f"{what} ({type(error).__name__})", source=query.source_name
    )


_RELATION_ROWS = 1 << 14

LeadsInput: TypeAlias = Any
"""A path or URL (``-`` is standard input), an iterable of mappings, anything Arrow, a dlt resource
or relation, or what :func:`~amplemarket_source.leads.read.query_leads` gives."""


class LeadStream:
    """The rows of one input, once.

    Attributes:
        header: which columns are read and, complete when the rows are through, which are not.
    """

    def __init__(self, header: Header, batches: Iterator[pa.RecordBatch]) -> None:
        self.header = header
        self._batches = batches

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches of ``header.schema``, in the order of the input.

        Raises:
            InputError: the input cannot be read to its end, has no row, or no usable column.
        """
        rows = 0
        for batch in self._batches:
            rows += batch.num_rows
            yield batch
        if not rows:
            raise InputError("there are no leads in it", source=self.header.source)
        self.header.check()


def read_leads(source: LeadsInput, kind: Kind) -> LeadStream:
    """Open an input; reading happens when the stream is iterated.

    Args:
        source: any input that the README lists (Input).
        kind: which columns are meant.

    Raises:
        InputError: it is no input at all, or a file whose suffix says nothing.

    Example::

        >>> stream = read_leads([{"Email": "jane@acme.example", "shoe size": 38}], PEOPLE)
        >>> [batch.num_rows for batch in stream], stream.header.ignored
        ([1], ('shoe size',))
    """
    if isinstance(source, (str, os.PathLike)):
        file = find_file(source)
        header = Header(kind, file.name)
        readers = {"csv": csv_batches, "jsonl": jsonl_batches, "parquet": parquet_batches}
        return LeadStream(header, readers[file.format](file, header))
    if isinstance(source, QueryLeads):
        header = Header(kind, source.source_name)
        return LeadStream(header, row_batches(source, header))
    header = Header(kind, kind.payload_key)
    if hasattr(source, "iter_arrow"):
        return LeadStream(header, row_batches(source.iter_arrow(_RELATION_ROWS), header))
    if is_arrow(source):
        return LeadStream(header, arrow_batches(source, header))
    if isinstance(source, Iterable) and not isinstance(source, (Mapping, bytes, bytearray)):
        return LeadStream(header, row_batches(source, header))
    raise InputError(
        f"{type(source).__name__} is not a list of leads",
        source=header.source,
        advice="Give a path, a list of mappings, an Arrow table, or a dlt resource.",
    )
