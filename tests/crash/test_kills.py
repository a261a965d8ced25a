"""The short form of the kill harness; ``python -m tests.crash.harness --kills 200`` is the long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_run_that_is_killed_anywhere_loses_nothing_and_buys_nothing_twice(seed: int) -> None:
    # In a process of its own: it forks, and a process with other tests' threads must not.
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.harness", "--kills", "10", "--seed", str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert int(figures["runs killed"]) >= 5
    assert (figures["charged twice"], figures["lost"]) == ("0", "0")
