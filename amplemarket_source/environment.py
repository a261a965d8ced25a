"""Settings of dlt and Arrow that a run needs, unless the user's environment says otherwise.

Nothing is imported here: some of them count only if they are set before dlt or Arrow is.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BEFORE_IMPORTS", "WHILE_RUNNING", "keep_values_out_of_logs", "run_environment"]

WHILE_RUNNING = {
    # Files and staging tables would keep the data of a person who is erased later
    # (api-notes: dlt-leftovers, snowflake-staged-files).
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "DESTINATION__SNOWFLAKE__KEEP_STAGED_FILES": "false",
    # A load that lost a table would count as done (api-notes: dlt-lost-table).
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


_ABOUT_OURS = re.compile(
    r"\b(people|companies|leads|rejects|erasures|enrichment_[a-z]+|_amplemarket_[a-z_]+)"
    r"(__[a-z_]+)?\.[0-9a-f]{6,}"
)
"""The name of a job that loads one of our tables."""
_ABOUT_STREAMS = re.compile(
    r"\b(users|sequences|mailboxes|call_dispositions|task_types|task_statuses|excluded_domains|"
    r"excluded_emails|lead_lists|lead_list_leads|calls|tasks|accounts|contacts|job_openings)"
    r"(__[a-z_]+)?\.[0-9a-f]{6,}"
)
"""The same of the workspace's. Tables of other sources may have these names, so it is looked for
only where a workspace is synced."""


class _WithoutValues(logging.Filter):
    """Cuts what dlt logs of a load of ours to what happened, and to which job.

    A destination quotes the row that it refuses, and dlt logs that with the job's name
    (api-notes: dlt-said).

    Args:
        about: recognises it by the job's name.
    """

    def __init__(self, about: re.Pattern[str]) -> None:
        super().__init__()
        self._about = about

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno >= logging.WARNING and self._about.search(text):
            kind = record.exc_info[0] if record.exc_info else None
            what = text.partition(" with message ")[0].partition("\n")[0]
            record.msg = f"{what} ({kind.__name__})" if kind else what
            record.args, record.exc_info, record.exc_text = None, None, None
        return True


_FILTER = _WithoutValues(_ABOUT_OURS)
_STREAMS_FILTER = _WithoutValues(_ABOUT_STREAMS)


def keep_values_out_of_logs(*, streams: bool = False) -> None:
    """From now on dlt's log says of a load that failed what failed, and quotes no row of ours.

    What it says of other tables stays as it is.

    Args:
        streams: the tables of the workspace are ours as well.
    """
    logging.getLogger("dlt").addFilter(_FILTER)
    if streams:
        logging.getLogger("dlt").addFilter(_STREAMS_FILTER)


@contextmanager
def run_environment() -> Iterator[None]:
    """`WHILE_RUNNING` holds in the block; what the user has set stays as it is.

    Example::

        with run_environment():
            pipeline.run(...)
    """
    keep_values_out_of_logs()
    added = [name for name in WHILE_RUNNING if name not in os.environ]
    for name in added:
        os.environ[name] = WHILE_RUNNING[name]
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
