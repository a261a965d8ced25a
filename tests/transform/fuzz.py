"""Generated pages through the tables: ``python -m tests.transform.fuzz --pages 10000 --seed 1``.

Prints pages, rows, leaves, rejects, share of tolerant pages, seconds; ends with 1 at the first
leaf that is lost, and with the seed and the number of the request at a crash. A request that takes
longer than `_LONGEST` CPU seconds is a hang: the stacks are printed and the process ends.

The figures of the last runs are in ``tests/README.md``. It is how a list that begins with null was
found to break Arrow's parser.
"""

from __future__ import annotations

import argparse
import faulthandler
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.workbench import Workbench
from tests.transform.generate import Generator
from tests.transform.harness import Bench, Warehouse, page
from tests.transform.loss import check_envelope, count, lost

_LONGEST = 60.0
_LOADS_OF_A_DESTINATION = 20
_ODDITIES = (0.0, 0.05, 0.3, 1.0)


def main(pages: int, seed: int) -> int:
    """Runs until ``pages`` are through; gives the exit code."""
    done = rows = leaves = rejects = tolerant = request = 0
    seconds = slowest = 0.0
    faulthandler.register(signal.SIGVTALRM, chain=True)  # then die of it
    memory = ColumnRegistry()
    with (
        tempfile.TemporaryDirectory() as folder,
        Workbench(Path(folder) / "workbench") as work,
    ):
        bench = Bench(work, Path(folder) / "spool")
        while done < pages:
            random = Random(f"{seed}-{request}")
            generator = Generator(random, random.choice(_ODDITIES))
            if request % _LOADS_OF_A_DESTINATION == 0:
                memory = ColumnRegistry()
            size = random.choice((1, 5, 10, 20))
            made = [
                generator.rows(range(number * size, (number + 1) * size))
                for number in range(min(random.choice((1, 3, 10, 30)), pages - done))
            ]
            everything = [row for some in made for row in some]
            envelopes = [generator.envelope() for _ in made]
            bodies = [page(some, **one) for some, one in zip(made, envelopes, strict=True)]
            for body in bodies:
                check_envelope(body)
            memory.limits = generator.limits()
            answer = bench.answer(bodies, leads=size * len(made))
            signal.setitimer(signal.ITIMER_VIRTUAL, _LONGEST)
            started = time.process_time()
            try:
                batches = bench.load([answer], memory)
            except Exception:
                print(f"crash: seed {seed}, request {request}", file=sys.stderr)
                raise
            took = time.process_time() - started
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            warehouse = Warehouse().apply(batches)
            gone = lost(everything, warehouse, envelopes)
            if gone:
                print(f"lost: seed {seed}, request {request}: {gone[:5]!r}", file=sys.stderr)
                return 1
            seconds, slowest = seconds + took, max(slowest, took)
            done, rows = done + len(made), rows + len(everything)
            leaves, rejects = leaves + count(everything), rejects + len(warehouse["rejects"])
            tolerant += bench.tolerated_pages
            request += 1
    print(
        f"seed {seed}: {done} pages, {request} requests, {rows} rows, {leaves} leaves, "
        f"{rejects} rejects, {tolerant / done:.0%} of the pages by the tolerant way, "
        f"{seconds:.1f} CPU seconds in the tables, slowest request {slowest:.2f} s, nothing lost"
    )
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(main(given.pages, given.seed))
