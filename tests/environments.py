"""Makes the virtual environments of emulators, dbt and schedulers, three at a time.

    python -m tests.environments

A test that finds its own missing makes it, while those that need the same one wait.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.dbt.environment import DBT
from tests.destinations.environments import ENVIRONMENTS
from tests.schedulers.environments import SCHEDULERS
from tests.support.environments import ALL, Environment, Missing

__all__ = ["main"]


def main() -> int:
    """Returns: 0 when every environment is there; 1 otherwise, where all are asked for."""
    environments = [*SCHEDULERS.values(), DBT, *ENVIRONMENTS.values()]
    with ThreadPoolExecutor(3) as pool:
        missing = [said for said in pool.map(_attempt, environments) if said]
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
