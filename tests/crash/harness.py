"""Kills runs and checks what is left: ``python -m tests.crash.harness --kills 200 --seed 1``.

Each case is a real process that dies by SIGKILL, before or after a named step or at a random
instant, on the same disk or with its working folder wiped and only the warehouse kept. Then runs
follow until everything is settled, and the warehouse is compared with an undisturbed run's and with
the charge log of the server, which is a process of its own and was never touched.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name, _value in {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "OMP_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(_name, _value)

from tests.crash import driver  # noqa: E402 - dlt reads its environment when it is imported

_MOST_RUNS = 5


@dataclass(frozen=True)
class Kill:
    """One way to die."""

    mode: str
    boundary: str  # of the driver's, or "random"
    when: str = ""
    nth: int = 1
    after_seconds: float = 0.0
    empty_disk: bool = False

    def __str__(self) -> str:
        place = f"{self.when} {self.boundary} #{self.nth}" if self.when else "at random"
        return f"{self.mode}, {place}, {'empty' if self.empty_disk else 'same'} disk"


class Server:
    """The bundled server in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def log(self) -> dict[str, Any]:
        # The vendor goes on with a request whose id we lost.
        self.post("settle")
        with urllib.request.urlopen(f"{self.url}/_sandbox/log") as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def serving() -> Iterator[Server]:
    options = json.dumps({"retry_after": 0, "requests_per_minute": None})
    process = subprocess.Popen(
        [sys.executable, "-m", "amplemarket_source.sandbox", "--options", options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()


def in_child(work: Callable[[], Any], kill_after: float | None = None) -> tuple[int, Any]:
    """Do work in a forked process; its exit status (negative: the signal) and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            if "CRASH_VERBOSE" not in os.environ:
                os.dup2(null, 1)
                os.dup2(null, 2)
            result = json.dumps(work()).encode()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(result)
            status = 0
        except BaseException as error:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(status)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(written) if written else None


class Case:
    """One kill, the runs after it, and the checks."""

    def __init__(self, kill: Kill, folder: Path, server: Server, expected: dict[str, Any]) -> None:
        self.kill = kill
        self._folder = folder
        self._server = server
        self._expected = expected
        self.problems: list[str] = []
        self.held = 0
        self.reached = False

    def play(self) -> None:
        self._server.post("reset")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self.reached = self._first_run() == -signal.SIGKILL
        if self.kill.empty_disk:
            shutil.rmtree(self._folder / "pipelines", ignore_errors=True)
        found = self._settle("hold")
        self._check_money(found)
        if found["held"]:
            self.held = len(found["held"])
            found = self._settle("resubmit")
        for table, rows in self._expected.items():
            if found["tables"].get(table) != rows:
                self.problems.append(f"{table} differs from an undisturbed run's")

    def _first_run(self) -> int:
        """The run to be killed; its exit status. In an upgrade, another version makes it."""
        return in_child(self._killed_run, self.kill.after_seconds or None)[0]

    def _killed_run(self) -> None:
        if self.kill.when:
            driver.die_at(self.kill.boundary, self.kill.when, self.kill.nth)
        driver.run_once(self._folder, self._server.url, self.kill.mode, "hold")

    def _settle(self, on_ambiguous: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(_MOST_RUNS):
            status, said = in_child(
                lambda: driver.run_once(
                    self._folder, self._server.url, self.kill.mode, on_ambiguous
                )
            )
            if status != 0:
                self.problems.append(f"a later run failed: {said}")
            _, found = in_child(lambda: driver.dump(self._folder))
            settled = set(found["landed"]) | (
                set(found["held"]) if on_ambiguous == "hold" else set()
            )
            if settled >= set(driver.KEYS.values()) and "people" in found["tables"]:
                return found
        self.problems.append(f"not settled after {_MOST_RUNS} runs")
        return found

    def _check_money(self, found: dict[str, Any]) -> None:
        log = self._server.log()
        submitted = {
            driver.KEYS[lead.removeprefix("email=")]: times
            for lead, times in log["submitted"]["people"].items()
        }
        if twice := [key for key, times in submitted.items() if times > 1]:
            self.problems.append(f"charged twice: {len(twice)} leads")
        accounted = set(found["landed"]) | set(found["held"])
        if lost := set(submitted) - accounted:
            self.problems.append(f"lost: {len(lost)} leads")
        # To the credit: what the ledger says, and what the server charged for those requests.
        known = {request[0] for request in found["requests"] if request[5]}
        charged = {"email": 0.0, "phone": 0.0}
        unknown = 0.0
        for charge in log["charges"]:
            if str(charge["request_id"]) in known:
                charged["phone" if charge["reason"] == "phone" else "email"] += charge["credits"]
            else:
                unknown += charge["credits"]
        ledger = [sum(request[place] for request in found["requests"]) for place in (3, 4)]
        if ledger != [charged["email"], charged["phone"]]:
            self.problems.append(f"the ledger says {ledger}, the server charged {charged}")
        at_stake = sum(request[2] for request in found["requests"] if request[1] == "held")
        if unknown > at_stake:
            self.problems.append(f"{unknown} credits charged, {at_stake} reported as held")


def undisturbed(folder: Path, server: Server, mode: str) -> tuple[dict[str, Any], float]:
    """The tables of a run that nothing happens to, and how long one takes."""
    server.post("reset")
    started = time.monotonic()
    status, said = in_child(lambda: _modules_of_a_run(folder, server, mode))
    took = time.monotonic() - started
    assert status == 0, said
    for module in said:
        # Once here instead of in every child.
        with suppress(ImportError):
            importlib.import_module(module)
    _, found = in_child(lambda: driver.dump(folder))
    assert set(found["landed"]) >= set(driver.KEYS.values())
    shutil.rmtree(folder)
    return found["tables"], took


def _modules_of_a_run(folder: Path, server: Server, mode: str) -> list[str]:
    driver.run_once(folder, server.url, mode, "hold")
    return [name for name in sys.modules if name.startswith(("dlt.", "amplemarket_source."))]


def drawn(kills: int, seed: int, took: float) -> list[Kill]:
    """Cases: every boundary in turn, before and after, on both disks; a quarter at random."""
    chance = random.Random(seed)
    places = [(name, when) for name in driver.BOUNDARIES for when in ("before", "after")]
    chance.shuffle(places)
    found = []
    for number in range(kills):
        mode = "plain" if chance.random() < 0.3 else "waves"
        empty = chance.random() < 0.4
        if number % 4 == 3:
            moment = chance.uniform(0.02, took)
            found.append(Kill(mode, "random", after_seconds=moment, empty_disk=empty))
        else:
            name, when = places[(number - number // 4) % len(places)]
            # A load has dozens of jobs; everything else happens a few times.
            dozens = name in ("load job", "merge")
            nth = chance.randint(1, 40) if dozens else chance.choice((1, 1, 2))
            found.append(Kill(mode, name, when, nth, empty_disk=empty))
    return found


def play(
    kills: list[Kill],
    folder: Path,
    server: Server,
    expected: dict[str, Any],
    make: Callable[[Kill, Path, Server, dict[str, Any]], Case] = Case,
) -> Counter[str]:
    """Play cases one after the other; prints what went wrong."""
    figures: Counter[str] = Counter()
    for number, kill in enumerate(kills):
        case = make(kill, folder / "case", server, expected)
        case.play()
        figures["runs killed"] += case.reached
        figures["steps not reached"] += not case.reached
        figures["empty disk" if kill.empty_disk else "same disk"] += 1
        figures["at random instants"] += kill.boundary == "random"
        figures["plain pipeline.run"] += kill.mode == "plain"
        figures["cases with a held batch"] += bool(case.held)
        figures["leads held, reported with their credits"] += case.held
        for problem in case.problems:
            figures["problems"] += 1
            figures["charged twice"] += problem.startswith("charged twice")
            figures["lost"] += problem.startswith("lost")
            print(f"case {number}: {kill}: {problem}", flush=True)
    return figures


def main() -> int:
    """Returns: 0 when every case came out right."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.harness", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name, serving() as server:
        folder = Path(name)
        expected, took = undisturbed(folder / "reference", server, "waves")
        kills = drawn(given.kills, given.seed, took)
        figures = play(kills, folder, server, expected)
    boundaries = {(kill.boundary, kill.when) for kill in kills if kill.when}
    table = {
        "kills": len(kills),
        "boundaries": len(boundaries),
        **dict.fromkeys(("problems", "charged twice", "lost"), 0),
        **figures,
        "seconds": round(time.monotonic() - started),
    }
    for label, figure in table.items():
        print(f"{label:<42}{figure:>6}")
    return 1 if figures["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
