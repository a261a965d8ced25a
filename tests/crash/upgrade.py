"""Kills runs of an older version and lets this one finish: ``python -m tests.crash.upgrade``.

The older version is taken from the repository's history. Its code and its driver make the first run
of each case, up to the kill; the runs after it and the checks are the harness's, with today's code.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import amplemarket_source
from tests.crash import driver, first_runs
from tests.crash.harness import Case, Kill, Place, Server, play, serving, undisturbed
from tests.support.remembered import remember_types

ROOT = Path(__file__).parents[2]
OLD = "1d2c16ae4c4a894c7766db3fbcc6a4cde1a22e37"
"""The last version whose modules had other names."""
BEFORE_HISTORIES = "38529b135593e2ade1f4a2b2704a7b1c6b121a33"
"""The last version that kept the latest answer alone."""

KILLS = {
    # After each step: one after the other, they leave behind all that lies between two steps.
    "waves": [
        *(
            Kill("waves", name, "after", nth=20 if name in ("merge", "load job") else 1)
            for name in driver.BOUNDARIES
            if name != "statement"  # the older version's driver does not know it
        ),
        Kill("waves", "package complete", "before"),
        # Another machine takes over, with nothing but the warehouse.
        Kill("waves", "ledger id", "after", empty_disk=True),
        Kill("waves", "merge", "after", nth=20, empty_disk=True),
    ],
    "plain": [
        Kill("plain", "journal accepted", "after"),
        Kill("plain", "extract", "after"),
        Kill("plain", "normalise", "after"),
        Kill("plain", "load job", "after", nth=20),
        Kill("plain", "package complete", "before"),
    ],
}
"""By the way the runs are made; every step is reached."""


class NoHistory(Exception):
    """There is no repository here, or it does not go back to the older version."""


def old_tree(folder: Path, version: str = OLD) -> Path:
    """The code and the tests of the older version, in ``folder``.

    Raises:
        NoHistory: says why.
    """
    try:
        archive = subprocess.run(
            ["git", "archive", "--format=zip", version, "amplemarket_source", "tests"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        raise NoHistory("git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NoHistory(f"the history does not go back to {version[:7]} ({said})") from None
    zipfile.ZipFile(io.BytesIO(archive.stdout)).extractall(folder)
    shutil.copy(first_runs.__file__, folder / "tests" / "crash")
    return folder


class OldVersion:
    """A process that has the older version's modules."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, kill: Kill | None) -> tuple[int, Any]:
        """A run in the folder of the case, to its end or to the kill; its status and its error."""
        assert self._process.stdin is not None
        told = asdict(kill or Kill("waves", "none"))
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        status, said = self.read()
        return status, said

    def read(self) -> Any:
        """The next thing it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the older version has stopped; see above")
        return json.loads(line)


@contextmanager
def old_version(tree: Path, folder: Path, server: Server) -> Iterator[OldVersion]:
    """The older version, whose code is in ``tree``, for runs in ``folder / "case"``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.first_runs", str(folder), server.url],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        old = OldVersion(process)
        for module in old.read():
            assert _is_in(tree, module), f"the older version has {module}"
        assert old.read() == "ready"
        yield old
    finally:
        process.kill()
        process.communicate()


def check_own_modules() -> None:
    """Today's modules are this tree's, whatever copy of the package is installed."""
    for module in (amplemarket_source.__file__, driver.__file__):
        assert _is_in(ROOT, module), f"today's version has {module}"


def _is_in(tree: Path, module: str | None) -> bool:
    return module is not None and Path(module).resolve().is_relative_to(tree.resolve())


class Upgrade(Case):
    """A case whose first run the older version makes."""

    def __init__(self, *given: Any, old: Callable[[Kill | None], tuple[int, Any]]) -> None:
        super().__init__(*given)
        self._old = old
        self._in_doubt = 0

    def _first_run(self) -> int:
        status, said = self._old(self.kill)
        if status != -signal.SIGKILL:
            self.problems.append(f"the first run was not killed: {said or 'step not reached'}")
        self._in_doubt = list(self._last_events().values()).count("posting")
        return status

    def _last_events(self) -> dict[str, str]:
        """Of each request, by what the older version's journal says."""
        journal = self._folder / "pipelines" / ".amplemarket" / "amplemarket" / "journal.jsonl"
        if not journal.exists():
            return {}
        lines = map(json.loads, journal.read_text().splitlines())
        return {line["request_key"]: line["event"] for line in lines}

    def _check_money(self, found: dict[str, Any]) -> None:
        super()._check_money(found)
        held = sum(request[1] == "held" for request in found["requests"])
        # Holding what the journal can tell would be safe, but it would not be taking over.
        if held != self._in_doubt and not self.kill.empty_disk:
            self.problems.append(f"{held} requests held, {self._in_doubt} in doubt by the journal")


def main() -> int:
    """Returns: 0 when every case came out right."""
    remember_types()
    parser = argparse.ArgumentParser(prog="python -m tests.crash.upgrade", description=__doc__)
    parser.add_argument("--mode", choices=sorted(KILLS), default="waves")
    parser.add_argument("--every", type=int, default=1, help="3: a third of the kills")
    parser.add_argument("--tree", type=Path, help="the older version's, as `old_tree` leaves it")
    given = parser.parse_args()
    kills = KILLS[given.mode][:: given.every]
    check_own_modules()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, serving() as server:
        folder = Path(name)
        tree = given.tree or old_tree(folder / "old")
        place = Place(folder)
        expected, _ = undisturbed(place, server, given.mode)
        # The older version did not record erasures there.
        del expected["erasures"]
        # Refused input rows have another id and say more than the version before knew.
        del expected["rejects"]
        with old_version(tree, folder, server) as old:
            make = partial(Upgrade, old=old.run)
            figures = play(kills, place, server, expected, make)
    table = {
        "kills": len(kills),
        **dict.fromkeys(("problems", "charged twice", "lost"), 0),
        **figures,
        "seconds": round(time.monotonic() - started),
    }
    for label, figure in table.items():
        print(f"{label:<42}{figure:>6}")
    return 1 if figures["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
