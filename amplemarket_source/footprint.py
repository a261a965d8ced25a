"""What a run takes of the machine: DuckDB's share is bounded, and memory not needed goes back.

A million leads are to fit into 600 MB (contract, section 7). Left alone, DuckDB takes four fifths
of the machine for a merge, and the allocators of Arrow and of the C library keep what was freed.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.errors import causes

__all__ = ["DuckDbMemory", "give_back", "share_arenas"]

_AT_WORK, _AT_REST = "96MB", "64MB"
_ONCE = {
    # Further threads cost memory and a quarter more processor time; the API is slower than one.
    "threads": "1",
    # Keeping the order of a load in memory is of no use: rows have keys.
    "preserve_insertion_order": "false",
}
_JOBS = 1
"""Load jobs side by side: each holds rows of its table, and keys to delete, in memory."""


class DuckDbMemory:
    """Bounds a DuckDB database for as long as a connection keeps it open.

    What the user's own ``global_config`` of the destination says stays as it is.

    Args:
        client: connected to the database; used by one thread at a time.

    Example::

        memory = DuckDbMemory(pipeline, client)
        memory.rest()  # and flatten pages
        memory.work()  # and load them
    """

    def __init__(self, pipeline: dlt.Pipeline, client: SqlClientBase[Any]) -> None:
        self._client = client
        own = getattr(client.credentials, "global_config", None) or {}
        for name, value in _ONCE.items():
            if name not in own:
                client.execute_sql(f"SET GLOBAL {name} = {value}")
        self._is_ours = "memory_limit" not in own
        [(self._without,)] = client.execute_sql("SELECT current_setting('memory_limit')") or [("",)]
        self.work()
        if pipeline.destination is not None:
            pipeline.destination.caps_params.setdefault("max_parallel_load_jobs", _JOBS)

    def rest(self) -> None:
        """Nothing is loaded for now, so that something else may use the memory."""
        self._limit(_AT_REST)

    def work(self) -> None:
        """A load is next."""
        self._limit(_AT_WORK)

    def make_room(self, error: Exception) -> bool:
        """Lift the bound for good, if that is what a load failed of; False if not.

        Rows of many megabytes need more.
        """
        if not self._is_ours or not any(
            isinstance(cause, duckdb.OutOfMemoryException) for cause in causes(error)
        ):
            return False
        # By its value: RESET changes what DuckDB says and not what it does.
        self._limit(self._without)
        self._is_ours = False
        return True

    def _limit(self, size: str) -> None:
        if self._is_ours:
            # Where it cannot let go of enough, DuckDB says so and keeps the limit it had.
            with contextlib.suppress(DatabaseTransientException):
                self._client.execute_sql(f"SET GLOBAL memory_limit = '{size}'")


def give_back() -> None:
    """Give memory that was freed back to the machine; some milliseconds.

    Arrow's pool and the C library keep freed pages for later. After a step that needed many they
    would stand beside what the next step needs.
    """
    pa.default_memory_pool().release_unused()
    if _TRIM is not None:
        _TRIM(0)


def share_arenas() -> None:
    """Let threads allocate from two arenas; each would keep freed memory in one of its own.

    To be called before there are threads.
    """
    if _MALLOPT is not None:
        _MALLOPT(_M_ARENA_MAX, 2)


_M_ARENA_MAX = -8  # malloc.h


def _in_c_library(name: str) -> Callable[..., int] | None:
    """A function that only the GNU C library has."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
    return function


_TRIM = _in_c_library("malloc_trim")
_MALLOPT = _in_c_library("mallopt")
