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
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

for _name, _value in {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    "OMP_NUM_THREADS": "1",
}.items():
    os.environ.setdefault(_name, _value)

import psycopg2  # noqa: E402 - dlt reads its environment when it is imported

from tests.crash import driver  # noqa: E402
from tests.destinations.servers import postgres_server  # noqa: E402
from tests.support.remembered import remember_types  # noqa: E402

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
    known: bool = False  # the destination has its tables already

    def __str__(self) -> str:
        place = f"{self.when} {self.boundary} #{self.nth}" if self.when else "at random"
        disk, tables = "empty" if self.empty_disk else "same", "known" if self.known else "new"
        return f"{self.mode}, {place}, {disk} disk, {tables} dataset"


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


class Place:
    """The folder of a case with its DuckDB file; or with the URL of a PostgreSQL database.

    Args:
        folder: of all cases.
        postgres: a server's URL, the database included.
    """

    def __init__(self, folder: Path, postgres: str | None = None) -> None:
        self.folder = folder / "case"
        self._known = folder / "known"
        self._postgres = postgres

    def make(self, known: bool = False) -> None:
        """Empty, or with the tables of a run that bought nothing."""
        self.clear()
        if known:
            shutil.copytree(self._known, self.folder)
        else:
            self.folder.mkdir(parents=True)
        if self._postgres is not None:
            self._execute(
                "DROP DATABASE IF EXISTS a_case WITH (FORCE)",
                f"CREATE DATABASE a_case TEMPLATE {'known' if known else 'template0'}",
            )
            url = f"{self._postgres.rpartition('/')[0]}/a_case"
            (self.folder / driver.POSTGRES).write_text(url)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def learn(self, server: Server, mode: str = "waves") -> None:
        """Make the tables that ``known`` cases begin with, by a run that buys nothing."""
        self.make()
        status, said = in_child(
            lambda: driver.run_once(
                self.folder, server.url, mode, "hold", driver.LEADS[-1:], max_invalid=1.0
            )
        )
        assert status == 0, said
        self.folder.rename(self._known)
        if self._postgres is not None:
            self._execute("ALTER DATABASE a_case RENAME TO known")

    def _execute(self, *statements: str) -> None:
        connection = psycopg2.connect(self._postgres)
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


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

    def __init__(self, kill: Kill, place: Place, server: Server, expected: dict[str, Any]) -> None:
        self.kill = kill
        self._place = place
        self._folder = place.folder
        self._server = server
        self._expected = expected
        self._kind = driver.kind_of(kill.mode)
        self._keys = driver.KEYS[self._kind]
        self.problems: list[str] = []
        self.differences: list[str] = []
        self.held = 0
        self.reached = False

    def play(self) -> None:
        self._server.post("reset")
        self._place.make(self.kill.known)
        self.reached = self._first_run() == -signal.SIGKILL
        if self.kill.empty_disk:
            shutil.rmtree(self._folder / "pipelines", ignore_errors=True)
        found = self._settle("hold")
        self._check_money(found)
        if found["held"]:
            self.held = len(found["held"])
            found = self._settle("resubmit")
        for table, rows in self._expected.items():
            if (there := found["tables"].get(table)) != rows:
                self.problems.append(f"{table} differs from an undisturbed run's")
                for sign, left, right in (("-", rows, there or []), ("+", there or [], rows)):
                    self.differences += [
                        f"{sign} {table}: {row}" for row in left if row not in right
                    ]

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
            if settled >= set(self._keys.values()) and "people" in found["tables"]:
                return found
        self.problems.append(f"not settled after {_MOST_RUNS} runs")
        return found

    def _check_money(self, found: dict[str, Any]) -> None:
        log = self._server.log()
        submitted = {
            self._keys[lead.removeprefix("email=")]: times
            for lead, times in log["submitted"][self._kind.table].items()
        }
        if twice := [key for key, times in submitted.items() if times > 1]:
            self.problems.append(f"charged twice: {len(twice)} leads")
        accounted = set(found["landed"]) | set(found["held"])
        if lost := set(submitted) - accounted:
            self.problems.append(f"lost: {len(lost)} leads")
        # To the credit: what the ledger says, and what the server charged for those requests.
        known = {_number(request[0]) for request in found["requests"] if request[5]}
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


def _number(request_id: str | None) -> str | None:
    """A request's number on the server, which is the end of a UUID where it has one."""
    is_uuid = request_id is not None and request_id.count("-") == 4
    return str(UUID(request_id).int & 0xFFFF_FFFF) if is_uuid else request_id


def undisturbed(place: Place, server: Server, mode: str) -> tuple[dict[str, Any], float]:
    """The tables of a run that nothing happens to, and how long one takes."""
    server.post("reset")
    place.make()
    started = time.monotonic()
    status, said = in_child(lambda: _modules_of_a_run(place.folder, server, mode))
    took = time.monotonic() - started
    assert status == 0, said
    for module in said:
        # Once here instead of in every child.
        with suppress(ImportError):
            importlib.import_module(module)
    _, found = in_child(lambda: driver.dump(place.folder))
    assert set(found["landed"]) >= set(driver.KEYS[driver.kind_of(mode)].values())
    place.clear()
    return found["tables"], took


def _modules_of_a_run(folder: Path, server: Server, mode: str) -> list[str]:
    driver.run_once(folder, server.url, mode, "hold")
    return [name for name in sys.modules if name.startswith(("dlt.", "amplemarket_source."))]


def drawn(
    kills: int, seed: int, took: float, random_of_four: int, only: str | None = None
) -> list[Kill]:
    """Cases: every boundary in turn, before and after, on both disks; some at random instants."""
    chance = random.Random(seed)
    places = [(name, when) for name in driver.BOUNDARIES for when in ("before", "after")]
    chance.shuffle(places)
    found = []
    for number in range(kills):
        mode = "plain" if chance.random() < 0.3 else "waves"
        mode = only or mode
        empty, known = chance.random() < 0.4, chance.random() < 0.7
        if number % 4 >= 4 - random_of_four:
            moment = chance.uniform(0.02, took)
            found.append(Kill(mode, "random", after_seconds=moment, empty_disk=empty, known=known))
        else:
            name, when = places[(number - random_of_four * (number // 4)) % len(places)]
            # A load has dozens of jobs; everything else happens a few times.
            dozens = name in ("load job", "merge", "statement")
            nth = chance.randint(1, 40) if dozens else chance.choice((1, 1, 2))
            found.append(Kill(mode, name, when, nth, empty_disk=empty, known=known))
    return found


def play(
    kills: list[Kill],
    place: Place,
    server: Server,
    expected: dict[str, Any],
    make: Callable[[Kill, Place, Server, dict[str, Any]], Case] = Case,
) -> Counter[str]:
    """Play cases one after the other; prints what went wrong."""
    figures: Counter[str] = Counter()
    for number, kill in enumerate(kills):
        case = make(kill, place, server, expected)
        case.play()
        figures["runs killed"] += case.reached
        figures["steps not reached"] += not case.reached
        figures["empty disk" if kill.empty_disk else "same disk"] += 1
        figures["at random instants"] += kill.boundary == "random"
        figures["known dataset" if kill.known else "new dataset"] += 1
        figures["plain pipeline.run"] += kill.mode == "plain"
        figures["cases with a held batch"] += bool(case.held)
        figures["leads held, reported with their credits"] += case.held
        for problem in case.problems:
            figures["problems"] += 1
            figures["charged twice"] += problem.startswith("charged twice")
            figures["lost"] += problem.startswith("lost")
            print(f"case {number}: {kill}: {problem}", flush=True)
        for difference in case.differences[:20]:
            print(f"  {difference}", flush=True)
        if number % 50 == 49:
            print(f"{number + 1} of {len(kills)}: {dict(figures)}", file=sys.stderr, flush=True)
    return figures


def main() -> int:
    """Returns: 0 when every case came out right."""
    remember_types()
    parser = argparse.ArgumentParser(prog="python -m tests.crash.harness", description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--random-of-four", type=int, default=1, help="of four cases, how many at random instants"
    )
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of DuckDB")
    parser.add_argument("--emails", action="store_true", help="validate the addresses instead")
    given = parser.parse_args()
    only = "emails" if given.emails else None
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(postgres_server()) if given.postgres else None
        server = stack.enter_context(serving())
        place = Place(folder, url)
        expected, took = undisturbed(place, server, only or "waves")
        place.learn(server, only or "waves")
        kills = drawn(given.kills, given.seed, took, given.random_of_four, only)
        figures = play(kills, place, server, expected)
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
