"""What a run takes of the machine: one budget that its stages share, and memory that goes back.

A million leads are to fit into 600 MB. Left alone, DuckDB takes four fifths of the machine for a
merge, and the allocators of Arrow and of the C library keep what was freed. So the two DuckDB
databases of a run, its workbench and, where the destination is one, the destination, are told for
each stage how much they may keep:

==============  =========  ===========
stage           workbench  destination
==============  =========  ===========
``plan``        112 MB     96 MB
``transform``   40 MB      64 MB
``merge``       64 MB      96 MB
==============  =========  ===========
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import dlt
import duckdb
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseTransientException
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.errors import causes

__all__ = ["DestinationMemory", "MemoryBudget", "Share", "Stage", "release_memory", "share_arenas"]

Stage = Literal["plan", "transform", "merge"]
Part = Literal["workbench", "destination"]


@dataclass(frozen=True)
class Share:
    """What one database may take: memory, as DuckDB writes sizes, and threads."""

    memory: str
    threads: int = 1


_SHARES: dict[Stage, dict[Part, Share]] = {
    "plan": {"workbench": Share("112MB", threads=2), "destination": Share("96MB")},
    "transform": {"workbench": Share("40MB"), "destination": Share("64MB")},
    "merge": {"workbench": Share("64MB"), "destination": Share("96MB")},
}
_BETWEEN: Stage = "merge"
_ONCE = {
    # Further threads cost memory and a quarter more processor time; the API is slower than one.
    "threads": "1",
    # Keeping the order of a load in memory is of no use: rows have keys.
    "preserve_insertion_order": "false",
}
_JOBS = 1
"""Load jobs side by side: each holds rows of its table, and keys to delete, in memory."""


class MemoryBudget:
    """Tells the databases of a run how much memory they may keep in each of its stages.

    Example::

        memory = MemoryBudget()
        memory.add("workbench", workbench.limit)
        with memory.stage("plan"):
            ...
    """

    def __init__(self) -> None:
        self._parts: dict[Part, Callable[[Share], None]] = {}
        self._stage = _BETWEEN

    def add(self, part: Part, limit: Callable[[Share], None]) -> None:
        """Let a database take part.

        Args:
            limit: called with the share of the database, at once and for each stage.
        """
        self._parts[part] = limit
        limit(_SHARES[self._stage][part])

    def remove(self, part: Part) -> None:
        """The database is about to be closed."""
        self._parts.pop(part, None)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """The block is one stage of the run; what it freed goes back to the machine after it."""
        self._enter(stage)
        try:
            yield
        finally:
            self._enter(_BETWEEN)
            release_memory()

    def _enter(self, stage: Stage) -> None:
        for part, limit in self._parts.items():
            if _SHARES[stage][part] != _SHARES[self._stage][part]:
                limit(_SHARES[stage][part])
        self._stage = stage


class DestinationMemory:
    """Bounds the DuckDB database of a destination for as long as a connection keeps it open.

    What the user's own ``global_config`` of the destination says stays as it is.

    Args:
        client: connected to the database; used by one thread at a time.
    """

    def __init__(self, pipeline: dlt.Pipeline, client: SqlClientBase[Any]) -> None:
        self._client = client
        own = getattr(client.credentials, "global_config", None) or {}
        for name, value in _ONCE.items():
            if name not in own:
                client.execute_sql(f"SET GLOBAL {name} = {value}")
        self._is_ours = "memory_limit" not in own
        [(self._without,)] = client.execute_sql("SELECT current_setting('memory_limit')") or [("",)]
        if pipeline.destination is not None:
            pipeline.destination.caps_params.setdefault("max_parallel_load_jobs", _JOBS)
        self.limit(_SHARES[_BETWEEN]["destination"])

    def limit(self, share: Share) -> None:
        """Keep to ``share`` from now on."""
        if self._is_ours:
            # Where it cannot let go of enough, DuckDB says so and keeps the limit it had.
            with contextlib.suppress(DatabaseTransientException):
                self._client.execute_sql(f"SET GLOBAL memory_limit = '{share.memory}'")

    def make_room(self, error: Exception) -> bool:
        """Lift the bound for good, if that is what a load failed of; False if not.

        Rows of many megabytes need more.
        """
        if not self._is_ours or not any(
            isinstance(cause, duckdb.OutOfMemoryException) for cause in causes(error)
        ):
            return False
        # By its value: RESET changes what DuckDB says, not what it does (api-notes: duckdb-memory).
        self.limit(Share(self._without))
        self._is_ours = False
        return True


def release_memory() -> None:
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
