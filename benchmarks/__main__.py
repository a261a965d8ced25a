"""``python -m benchmarks``: measures, and writes ``figures.json`` and plots."""

from __future__ import annotations

import argparse
import compileall
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.asked import WAREHOUSES, Asked, ask
from benchmarks.figures import Beside, Figures
from benchmarks.known import DESTINATIONS, destination, know, pipeline_to
from benchmarks.measure import Measured, measure
from benchmarks.plots import plot_memory, plot_rates
from benchmarks.tables import agree, table
from benchmarks.ways import WAYS

RESULTS = Path(__file__).parent / "results"
PARTS = ("ways", "memory", "growth", "pace", "intake", "known", "asked")
_PATIENCE = 240.0  # seconds
_INCREMENTS = 5
"""Runs of new leads beside known ones, which differ by how full the last row groups are."""


@contextmanager
def server(**options: Any) -> Iterator[str]:
    """The bundled API server in a process of its own, without a rate limit if not told."""
    given = {"retry_after": 0, "requests_per_minute": None, "polls_until_done": 1, **options}
    command = [sys.executable, "-m", "amplemarket_source.sandbox", "--options", json.dumps(given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for as long as the block lasts."""
    made = Path(tempfile.mkdtemp(prefix="amplemarket-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def compare(people: int, repeats: int, ways: Sequence[str]) -> list[Measured]:
    """Every way, one after the other, as often as asked; each with a new server.

    What takes minutes is measured once.
    """
    measured: list[Measured] = []
    for _ in range(repeats):
        slow = {m.way for m in measured if m.seconds > _PATIENCE}
        for way in (way for way in ways if way not in slow):
            with folder() as empty, server() as url:
                measured.append(_said(measure("benchmarks.ways", way, url, people, empty)))
    agree(measured)
    return measured


def remember(sizes: Sequence[int]) -> list[Measured]:
    """For each size a run that buys all, and one more that finds nothing to buy."""
    measured = []
    for people in sizes:
        with folder() as home, server() as url:
            measured += [
                _said(measure("benchmarks.scenarios", scenario, url, people, home))
                for scenario in ("load", "again")
            ]
    return measured


def grown(sizes: Sequence[int], people: int, repeats: int) -> list[Beside]:
    """A run of new leads beside so many that were bought before, in DuckDB."""
    measured = []
    for known in sizes:
        with folder() as home, server() as url:
            if known:
                _said(measure("benchmarks.scenarios", "load", url, known, home))
            for run in range(repeats):
                own = home if known else home / str(run)
                one = measure("benchmarks.scenarios", "increment", url, people, own)
                measured.append(Beside("duckdb", known, _said(one)))
    return measured


def paced(people: int) -> list[Measured]:
    """At the API's own limit, with 300 ms of latency an answer and one wait before each result."""
    limits = {"requests_per_minute": 500, "latency": 0.3, "polls_until_done": 2, "retry_after": 1}
    with folder() as home, server(**limits) as url:
        return [_said(measure("benchmarks.scenarios", "pace", url, people, home))]


def taken_in(people: int, repeats: int) -> list[Measured]:
    """A list to a plan, beside the least that Python can do with the same file."""
    measured = []
    for _ in range(repeats):
        for scenario in ("intake", "reader"):
            with folder() as home:
                measured.append(_said(measure("benchmarks.scenarios", scenario, "", people, home)))
    return measured


def beside(known: Sequence[int], repeats: int) -> list[Beside]:
    """A plan of ten leads beside so many known ones, by destination and number."""
    measured = []
    for name in DESTINATIONS:
        with folder() as home, destination(name, home) as url:
            there = 0
            for number in sorted({0, *known}):
                know(pipeline_to(url, home / "knows"), there + 1, number)
                there = number
                for run in range(repeats):
                    own = home / f"{number}-{run}"
                    one = measure("benchmarks.known", name, url, 10, own)
                    measured.append(Beside(name, number, _said(one)))
    return measured


def asked(warehouses: Sequence[str]) -> list[Asked]:
    """What a warehouse is asked, ours and plain."""
    measured = []
    for name in warehouses:
        with folder() as home, server() as url:
            measured += ask(name, url, home)
    return measured


def _said(one: Measured) -> Measured:
    print(
        f"{one.way:6} {one.people:>9,} people  {one.seconds:7.1f} s  "
        f"{one.cpu_seconds:7.1f} CPU s  {one.peak_mb:6.0f} MB",
        file=sys.stderr,
    )
    return one


def main() -> None:
    """Parse the arguments, measure, write the figures; a part left out stays as it was."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--people", type=int, nargs="+", default=[100, 20_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--grown", type=int, nargs="+", default=[0, 100_000, 1_000_000])
    parser.add_argument("--increment", type=int, default=10_000)
    parser.add_argument("--warehouses", nargs="+", choices=WAREHOUSES, default=WAREHOUSES)
    parser.add_argument("--known", type=int, nargs="+", default=[100_000, 2_000_000])
    parser.add_argument("--paced", type=int, default=100_000)
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for folder_of_code in ("amplemarket_source", "benchmarks"):
        # As an installed package is; some machines tell Python not to do it by itself.
        compileall.compile_dir(RESULTS.parents[1] / folder_of_code, quiet=1)
    measuring: dict[str, Callable[[], Sequence[Measured | Beside | Asked]]] = {
        "ways": lambda: [
            m for n in arguments.people for m in compare(n, arguments.repeats, arguments.ways)
        ],
        "memory": lambda: remember(arguments.sizes),
        "growth": lambda: grown(
            arguments.grown, arguments.increment, max(arguments.repeats, _INCREMENTS)
        ),
        "pace": lambda: paced(arguments.paced),
        "intake": lambda: taken_in(max(arguments.sizes), arguments.repeats),
        "known": lambda: beside(arguments.known, arguments.repeats),
        "asked": lambda: asked(arguments.warehouses),
    }
    for part in arguments.parts:
        records = measuring[part]()
        # After each part, so that a run of an hour that ends early is not for nothing.
        figures = Figures.read()
        figures.replace(part, records)
        figures.write()
        curves = [one for one in records if isinstance(one, Measured)]
        if part == "ways":
            large = sorted(arguments.people)[-2:]
            plot_rates([m for m in curves if m.people in large], RESULTS / "rates.png")
        elif part == "memory":
            plot_memory([m for m in curves if m.way == "load"], RESULTS / "memory.png")
        print(f"{table(part, figures)}\n", flush=True)


if __name__ == "__main__":
    main()
