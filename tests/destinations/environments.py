"""The emulators' virtual environments, and all that `make test-all` needs made beforehand.

    python -m tests.destinations.environments

An emulator does not fit the environment of dlt (it wants another sqlglot, DuckDB or Python), and
one that is talked to over HTTP is the more honest test.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.environments import ALL, Environment, Missing

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


def main() -> int:
    """Returns: 0 when every environment is there; 1 otherwise, where all are asked for."""
    with ThreadPoolExecutor(2) as pool:
        missing = [said for said in pool.map(_attempt, ENVIRONMENTS.values()) if said]
    for said in missing:
        print(said, file=sys.stderr)
    return 1 if missing and os.environ.get(ALL) else 0


def _attempt(environment: Environment) -> str:
    try:
        environment.ensure()
    except Missing as missing:
        return str(missing)
    return ""


if __name__ == "__main__":
    sys.exit(main())
