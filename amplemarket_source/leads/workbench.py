"""The DuckDB database on disk in which a run's leads are sorted out, whatever their number."""

from __future__ import annotations

import contextlib
from pathlib import Path

import duckdb

from amplemarket_source.leads.identity import install_identity

__all__ = ["folder_of", "let_workbench_rest", "open_workbench"]

_AT_REST = "64MB"


def open_workbench(folder: Path, memory_limit: str = "128MB") -> duckdb.DuckDBPyConnection:
    """Open (and make, where it is not there) the work database in ``folder``.

    It holds personal data: the folder is made for its owner only, and whoever opened the
    workbench deletes it when the run is through.

    Args:
        folder: of the run; gets ``work.duckdb`` and what does not fit the memory.
        memory_limit: for DuckDB's own buffers, as DuckDB writes sizes. What is larger spills.

    Returns:
        A connection with the macros of :mod:`~amplemarket_source.leads.identity`.

    Example::

        >>> work = open_workbench(run_folder)
        >>> take_in("leads.csv", PEOPLE, work, seen_at=clock.now())
        Intake(read=5000, invalid=12, duplicate=88, unique=4900, ignored_columns=('notes',))
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = duckdb.connect(
        folder / "work.duckdb",
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(folder / "spilled"),
            "threads": 2,
            # Order is a column here; keeping it by other means costs memory.
            "preserve_insertion_order": False,
            # Nothing is fetched from a server of DuckDB's behind the user's back.
            "autoinstall_known_extensions": False,
        },
    )
    # DuckDB 1.4 draws its bar on standard output, where --json may have nothing else.
    connection.execute("SET enable_progress_bar = false")
    install_identity(connection)
    return connection


def let_workbench_rest(work: duckdb.DuckDBPyConnection) -> None:
    """Keep little of the workbench in memory: once all is planned, only lookups are left."""
    # Where it cannot let go of enough, DuckDB says so and goes on with the limit it had.
    with contextlib.suppress(duckdb.OutOfMemoryException):
        work.execute("SET threads = 1")
        work.execute(f"SET memory_limit = '{_AT_REST}'")


def folder_of(work: duckdb.DuckDBPyConnection) -> str | None:
    """The folder of a workbench; None for one in memory."""
    rows = work.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    return str(Path(rows[0][0]).parent) if rows[0][0] else None
