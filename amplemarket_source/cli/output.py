"""What goes to standard output and what to standard error."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

__all__ = ["Output", "print_json", "quiet_libraries"]


def print_json(document: dict[str, Any]) -> None:
    """One JSON document, alone on standard output."""
    click.echo(json.dumps(document, indent=2, default=str))


@dataclass(frozen=True)
class Output:
    """The answer goes to standard output, everything about it to standard error.

    Attributes:
        as_json: the answer is one JSON document.
        quiet: nothing is said on the way.
    """

    as_json: bool
    quiet: bool

    def say(self, text: str) -> None:
        """Something on the way."""
        if not self.quiet:
            # Not by click.echo, which writes past the live line instead of above it.
            print(text, file=sys.stderr, flush=True)

    def answer(self, document: dict[str, Any], text: str) -> None:
        """The answer, in the form that was asked for."""
        if self.as_json:
            print_json(document)
        else:
            click.echo(text)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While it lasts, whatever a library prints goes to standard error."""
        with contextlib.redirect_stdout(sys.stderr):
            yield


def quiet_libraries(*, quiet: bool) -> None:
    """Defaults for dlt, set before it is imported; the user's own environment goes first."""
    defaults = {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR" if quiet else "WARNING",
        # Files and staging tables would keep the data of a person who is erased later.
        "LOAD__DELETE_COMPLETED_JOBS": "true",
        "LOAD__TRUNCATE_STAGING_DATASET": "true",
        "DESTINATION__SNOWFLAKE__KEEP_STAGED_FILES": "false",
        # Else dlt reads on before a batch has reached every table, and holds five of them.
        "EXTRACT__NEXT_ITEM_MODE": "fifo",
        # The C library gives back what Arrow frees, Arrow's own allocator keeps most of it.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.getLogger("amplemarket").addHandler(logging.NullHandler())
