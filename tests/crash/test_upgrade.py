"""This version finishes what an older one began; ``python -m tests.crash.upgrade`` does the work.

Here it kills at every third step; without ``--every`` it does at each.

Between the two, modules were moved and renamed; what lies on disk and in the warehouse was not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.harness import Kill, serving
from tests.crash.upgrade import KILLS, ROOT, NoHistory, old_tree, old_version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_EVERY = 3


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's code and tests."""
    try:
        return old_tree(tmp_path_factory.mktemp("older"))
    except NoHistory as error:
        if os.environ.get("CI"):
            pytest.fail(f"The older version is needed here: {error}.")
        pytest.skip(f"Needs the older version from a clone with its history: {error}.")


@pytest.mark.parametrize("mode", sorted(KILLS))
def test_what_an_older_version_was_killed_in_is_finished_and_nothing_bought_twice(
    mode: str, tree: Path
) -> None:
    # In a process of its own, as in test_kills.py.
    done = _python(
        "-m", "tests.crash.upgrade", "--mode", mode, "--tree", str(tree), "--every", str(_EVERY)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert figures["runs killed"] == str(len(KILLS[mode][::_EVERY]))
    assert (figures["charged twice"], figures["lost"]) == ("0", "0")


# dlt.attach comes first: it must find the destination by the name in the state alone.
_TAKE_UP = """
import sys
from pathlib import Path

import dlt

folder, url = Path(sys.argv[1]), sys.argv[2]
attached = dlt.attach("amplemarket", pipelines_dir=str(folder / "attached" / "pipelines"))
assert attached.has_pending_data

from tests.crash import driver, upgrade

upgrade.check_own_modules()
assert isinstance(attached.destination, driver.duckdb)

driver.run_once(folder / "case", url, "waves", "hold")
assert not driver.pipeline_in(folder / "case", "waves").has_pending_data

elsewhere = driver.pipeline_in(folder / "finished", "waves")
elsewhere.sync_destination()
assert not elsewhere.first_run
"""


def test_the_destination_that_an_older_pipelines_state_names_is_found(
    tree: Path, tmp_path: Path
) -> None:
    with serving() as server, old_version(tree, tmp_path, server) as old:
        assert old.run(None)[0] == 0
        (tmp_path / "case").rename(tmp_path / "finished")
        shutil.rmtree(tmp_path / "finished" / "pipelines")
        server.post("reset")
        assert old.run(Kill("waves", "load job", "after", 20))[0] == -9
        shutil.copytree(tmp_path / "case", tmp_path / "attached")
        done = _python("-c", _TAKE_UP, str(tmp_path), server.url)
    assert done.returncode == 0, done.stderr


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In this tree and with its code."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
