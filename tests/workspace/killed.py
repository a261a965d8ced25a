"""A sync in a process of its own that dies by SIGKILL: `python -m tests.workspace.killed`.

Arguments: the folder, the server's address, and where to die: ``read:N``, before the N-th call;
``load:N``, before the N-th table is merged; ``done:0``, when all are and dlt has not noted it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dlt.destinations.impl.duckdb.duck import DuckDbClient

from amplemarket_source.api.client import ApiClient
from amplemarket_source.destination import duckdb_client
from tests.workspace.synced import Synced

__all__ = ["dying"]


def dying(point: str, die: Any) -> tuple[type, str, Any]:
    """What is to be replaced, by its class and name, and by what, so that ``die`` is called."""
    where, _, number = point.partition(":")
    cls, name = {
        "read": (ApiClient, "_exchange"),
        "load": (duckdb_client._MergeJob, "run"),
        "done": (DuckDbClient, "complete_load"),
    }[where]
    count, as_it_was = itertools.count(), getattr(cls, name)

    def replaced(*given: Any, **named: Any) -> Any:
        if next(count) == int(number):
            die()
        return as_it_was(*given, **named)

    return cls, name, replaced


def main(folder: str, url: str, point: str) -> None:
    cls, name, replaced = dying(point, lambda: os.kill(os.getpid(), signal.SIGKILL))
    setattr(cls, name, replaced)
    server: Any = SimpleNamespace(url=url, workspace=None)
    Synced(Path(folder), server).sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
