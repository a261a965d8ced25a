"""The short form of the kill harness; ``python -m tests.crash.harness --kills 200`` is the long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("what", "kills"),
    [
        (("--seed", "1"), 7),
        pytest.param(("--seed", "2"), 10, marks=pytest.mark.long),
        (("--seed", "3", "--emails"), 3),
    ],
)
def test_a_run_that_is_killed_anywhere_loses_nothing_and_buys_nothing_twice(
    what: tuple[str, ...], kills: int
) -> None:
    # In a process of its own: it forks, and a process with other tests' threads must not.
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.harness", "--kills", str(kills), *what],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert int(figures["runs killed"]) >= kills // 2
    assert (figures["charged twice"], figures["lost"]) == ("0", "0")
