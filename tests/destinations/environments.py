"""The emulators' virtual environments.

An emulator does not fit the environment of dlt (it wants another sqlglot, DuckDB or Python), and
one that is talked to over HTTP is the more honest test.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.environments import Environment, Missing

__all__ = ["ENVIRONMENTS", "Missing", "server_of"]

_EMULATORS = Path(__file__).parent / "emulators"

ENVIRONMENTS = {
    "snowflake": Environment(
        "snowflake",
        "fakesnow 0.12.1",
        _EMULATORS / "snowflake.txt",
        python=None if sys.version_info >= (3, 11) else "3.13",
    ),
    "bigquery": Environment(
        "bigquery", "local-bigquery 0.3.2", _EMULATORS / "bigquery.txt", python="3.13"
    ),
}


def server_of(name: str) -> Path:
    """The program that an emulator's environment runs."""
    return _EMULATORS / f"{name}_server.py"
