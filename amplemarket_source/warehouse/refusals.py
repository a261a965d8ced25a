"""What a destination says against us, as one sentence without its own words.

A driver's message can quote the values of a statement, and tells a user about classes of Python. So
it is in no message and in no traceback, only in the error's context, for code that looks for it.
What is told is recognised by the words below, or is no more than that the destination refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException

from amplemarket_source.errors import (
    DISK_FULL,
    AmplemarketError,
    Busy,
    DestinationError,
    SettingsError,
    UsageError,
    causes,
    how_to_install,
    is_disk_full,
)
from amplemarket_source.warehouse.capabilities import name_of
from amplemarket_source.warehouse.place import place_of

__all__ = ["reason_of", "translated"]

_LOCKED = re.compile(r'could not set lock on file "([^"]*)"', re.IGNORECASE)
"""DuckDB (api-notes: duckdb-one-process)."""
_NO_CONNECTION = {
    "it refuses the user or the password": (
        "password authentication failed",
        "no password supplied",
        "incorrect username or password",
        "jwt token is invalid",
        "invalid_grant",
        "default credentials were not found",
    ),
    "nobody listens there (connection refused)": ("connection refused",),
    "there is no such host": (
        "could not translate host name",
        "name or service not known",
        "nodename nor servname",
        "temporary failure in name resolution",
        "failed to resolve",
    ),
    "it does not answer": ("timeout expired", "timed out", "no route to host", "is unreachable"),
    "there is no such database or user": ("fatal:  database", "fatal:  role"),
}
"""PostgreSQL's, Snowflake's and Google's words, and the operating system's."""
_NOT_ALLOWED = ("permission denied", "insufficient privileges", "access denied", "read-only")


@contextmanager
def translated(verb: str, what: str, pipeline: dlt.Pipeline) -> Iterator[None]:
    """Turn whatever the destination raises into an error of ours, without its values.

    Args:
        verb, what: what was tried, such as ``read``, ``the ledger``.
        pipeline: whose destination it is.

    Raises:
        SettingsError: a setting or a package is missing.
        Busy: another process has the DuckDB file open.
        DestinationError: anything else.
    """
    try:
        yield
    except (DestinationError, Busy, UsageError):
        raise
    except Exception as error:
        # What it says may be the row that it refuses, and a traceback ends in many a log.
        raise _translation(error, verb, what, pipeline) from None


def _translation(
    error: Exception, verb: str, what: str, pipeline: dlt.Pipeline
) -> AmplemarketError:
    for cause in causes(error):
        locked = _LOCKED.search(str(cause))
        if locked:
            return Busy(
                f"Another process has the DuckDB file {locked[1]} open: a second run, a notebook "
                "or a DuckDB shell. Run again when it has ended; nothing was bought."
            )
        if isinstance(cause, ConfigFieldMissingException):
            return SettingsError(
                f"Destination {name_of(pipeline)} needs settings that were not found: "
                f"{', '.join(cause.fields)}. {_credentials(pipeline)}"
            )
    if isinstance(error, ImportError) or isinstance(error.__cause__, ImportError):
        return SettingsError(
            f"Destination {name_of(pipeline)} needs packages that are not installed: "
            f"{_drivers(pipeline)}"
        )
    return DestinationError(
        f"Could not {verb} {what} at {_where(pipeline)}: {reason_of(error, pipeline)}."
    )


def reason_of(error: BaseException, pipeline: dlt.Pipeline) -> str:
    """Why the destination of ``pipeline`` refused, and what to do: a clause without a full stop."""
    if is_disk_full(error):
        return DISK_FULL
    said = " ".join(str(cause).lower() for cause in causes(error))
    for what, words in _NO_CONNECTION.items():
        if any(word in said for word in words):
            return f"{what}. {_credentials(pipeline).rstrip('.')}"
    if any(word in said for word in _NOT_ALLOWED):
        return "it does not allow that. `amplemarket doctor` says which right is missing"
    return "the destination refused. `amplemarket doctor` says what of it works"


def _where(pipeline: dlt.Pipeline) -> str:
    try:
        return place_of(pipeline).text
    except Exception:
        # An error is being told; what else is wrong must not take its place.
        return name_of(pipeline)


def _credentials(pipeline: dlt.Pipeline) -> str:
    name = name_of(pipeline)
    return (
        f"Check [destination.{name}.credentials] in .dlt/secrets.toml, or "
        f"DESTINATION__{name.upper()}__CREDENTIALS in the environment."
    )


def _drivers(pipeline: dlt.Pipeline) -> str:
    name = name_of(pipeline)
    # dlt 1.31 was checked with 4 of Snowflake's connector; 5 is another program.
    more = ["snowflake-connector-python<5"] if name == "snowflake" else []
    return how_to_install(f"dlt[{name}]", *more)
