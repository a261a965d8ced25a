"""What an erasure leaves outside of the tables: copies in files and in staging tables.

==========================  ======================================================================
a copy is in                why it is there, and what becomes of it
==========================  ======================================================================
dlt's load packages         files of loads that are done or were given up, and what the destination
                            said of a row it refused: removed. What waited has been loaded before
dlt's trace                 quotes what a failed load was told: removed
staging tables              dlt leaves the rows of a plain ``pipeline.run`` in them: emptied
pages on this disk          of requests that are not loaded: removed where they hold one of the
                            people, and read again from the API, which is free
the workbench               of a run that was killed: removed
a DuckDB file               it keeps deleted rows where they were: written anew
==========================  ======================================================================
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import dlt
import duckdb

from amplemarket_source.errors import Busy, DestinationError
from amplemarket_source.pages import Spool
from amplemarket_source.privacy.redact import Suppressions
from amplemarket_source.schema.bookkeeping import REQUEST_LEADS
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.place import place_of
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["empty_working_folders", "forget_failure", "rewrite_file", "scrub_pages"]

_PACKAGES = ("normalize/extracted", "load/new", "load/normalized", "load/loaded")
_TRACE = "trace.pickle"
_COPY = "amplemarket_rewritten"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {"threads": 2, "memory_limit": "400MB"}


def empty_working_folders(pipeline: dlt.Pipeline, warehouse: Warehouse) -> None:
    """Remove every copy of people from dlt's working folders and staging tables, and ours.

    Only while no run of the pipeline is going on and no package waits: state and schemas stay.

    Raises:
        DestinationError: a staging table cannot be emptied.
    """
    for folder in (Path(pipeline.working_dir), Path(f"{pipeline.working_dir}_ledger")):
        for package in (entry for name in _PACKAGES for entry in (folder / name).glob("*")):
            shutil.rmtree(package, ignore_errors=True)
        (folder / _TRACE).unlink(missing_ok=True)
    shutil.rmtree(WorkingFolder.of(pipeline).workbench, ignore_errors=True)
    for table in warehouse.staging_tables(
        [*TABLES, REQUEST_LEADS.name, *(table.name for table in STREAM_TABLES)]
    ):
        # BigQuery takes no DELETE without a condition.
        warehouse.rows(f"DELETE FROM {table} WHERE 1 = 1")


def forget_failure(pipeline: dlt.Pipeline) -> None:
    """Remove what dlt keeps of a load that failed: the destination may have quoted a row."""
    folder = Path(pipeline.working_dir)
    for message in folder.glob("load/*/*/.exceptions/*"):
        message.unlink(missing_ok=True)
    (folder / _TRACE).unlink(missing_ok=True)


def scrub_pages(pipeline: dlt.Pipeline, keys: Iterable[str]) -> None:
    """Remove the pages waiting on this disk that hold somebody with one of these keys.

    They are read again from the API, and redacted on the way to the tables. Only while no run of
    the pipeline is going on.
    """
    Spool(WorkingFolder.of(pipeline).spool, Suppressions(keys).redact).scrub()


def rewrite_file(pipeline: dlt.Pipeline) -> None:
    """Write a DuckDB file anew, with what is in it and nothing of what was.

    DuckDB keeps deleted rows, and what a load replaced, in the middle of others, in blocks that it
    has set free, and in the statistics of columns (api-notes: duckdb-deleted). The copy takes the
    file's place at once or not at all. It needs as much room as the file.

    Elsewhere nothing is done: a warehouse keeps its own past for as long as it is told to. Nothing
    of this process may have the file open.

    Raises:
        Busy: somebody has the file open.
        DestinationError: the copy cannot be written; the file is as it was.
    """
    file = place_of(pipeline).file
    if file is None:
        return
    file = file.resolve()
    copy = file.with_name(f"{file.name}.rewritten")
    copy.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(file), config=_CONFIG) as connection:
            if connection.execute("SELECT * FROM duckdb_connection_count()").fetchall() != [(1,)]:
                raise duckdb.ConnectionException("another connection of this process")
            connection.execute("SET enable_progress_bar = false")
            ((name,),) = connection.execute("SELECT current_database()").fetchall()
            connection.execute("FORCE CHECKPOINT")
            path = str(copy).replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS {_COPY}")
            name = name.replace('"', '""')
            connection.execute(f'COPY FROM DATABASE "{name}" TO {_COPY}')
            connection.execute(f"DETACH {_COPY}")
            shutil.copymode(file, copy)
            # While the old file is locked: whoever comes next opens the new one.
            copy.replace(file)
    except (duckdb.Error, OSError) as error:
        is_busy = isinstance(error, (duckdb.IOException, duckdb.ConnectionException))
        if is_busy and not copy.exists():
            raise Busy(
                f"Everything is erased, but {file} could not be written anew: it is open "
                "elsewhere, in this process or another. It still holds what was erased, in places "
                "that are free. Close it, and run the same command again."
            ) from None
        raise DestinationError(
            f"Everything is erased, but {file} could not be written anew "
            f"({type(error).__name__}). It still holds what was erased, in places that are free. "
            "Make room for a copy of it, and run the same command again."
        ) from None
    finally:
        copy.unlink(missing_ok=True)
        Path(f"{copy}.wal").unlink(missing_ok=True)
