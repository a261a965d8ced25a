"""Settings of dlt and Arrow that a run needs, unless the user's environment says otherwise.

Nothing is imported here: some of them count only if they are set before dlt or Arrow is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BEFORE_IMPORTS", "WHILE_RUNNING", "run_environment"]

WHILE_RUNNING = {
    # Files and staging tables would keep the data of a person who is erased later
    # (api-notes: dlt-leftovers, snowflake-staged-files).
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DESTINATION__SNOWFLAKE__KEEP_STAGED_FILES": "false",
    # A load that lost a table would count as done (api-notes: dlt-failed-jobs).
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
    # Else dlt reads on before a batch has reached every table, and holds five of them
    # (api-notes: dlt-fifo).
    "EXTRACT__NEXT_ITEM_MODE": "fifo",
}
BEFORE_IMPORTS = {
    # The C library gives back what Arrow frees, Arrow's own allocator keeps most of it.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@contextmanager
def run_environment() -> Iterator[None]:
    """`WHILE_RUNNING` holds in the block; what the user has set stays as it is.

    Example::

        with run_environment():
            pipeline.run(...)
    """
    added = [name for name in WHILE_RUNNING if name not in os.environ]
    for name in added:
        os.environ[name] = WHILE_RUNNING[name]
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
