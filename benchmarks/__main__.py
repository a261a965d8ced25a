"""``python -m benchmarks``: the table of ratios, the plot and the raw figures."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

import psutil

from benchmarks.measure import Measured, measure
from benchmarks.ways import WAYS

RESULTS = Path(__file__).parent / "results"


@contextmanager
def server() -> Iterator[str]:
    """The bundled API server in a process of its own, without a rate limit."""
    options = json.dumps({"retry_after": 0, "requests_per_minute": None, "polls_until_done": 1})
    command = [sys.executable, "-m", "amplemarket_source.sandbox", "--options", options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def compare(people: int, repeats: int, ways: list[str]) -> list[Measured]:
    """Every way, one after the other, as often as asked, against one server."""
    measured = []
    for _ in range(repeats):
        for way in ways:
            folder = Path(tempfile.mkdtemp(prefix="amplemarket-bench-"))
            try:
                with server() as url:
                    measured.append(measure(way, url, people, folder / way))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            last = measured[-1]
            print(
                f"{way:6} {people:>8,} people  {last.seconds:7.1f} s  "
                f"{last.cpu_seconds:7.1f} CPU s  {last.peak_mb:6.0f} MB",
                file=sys.stderr,
            )
    agree(measured)
    return measured


def agree(measured: list[Measured]) -> None:
    """Refuse figures of ways that did not do the same work."""
    expected = measured[0].rows
    for one in measured:
        wrong = {name: n for name, n in one.rows.items() if expected.get(name, n) != n}
        if wrong:
            raise SystemExit(f"{one.way} has other rows than {measured[0].way}: {wrong}")


def table(measured: list[Measured]) -> str:
    """Medians as Markdown, with ratios against ``ours``."""
    lines = [
        "| people | way | people per CPU second | ours is | seconds | peak MB |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for people in sorted({m.people for m in measured}):
        rates = {
            way: median(
                m.people_per_cpu_second for m in measured if (m.way, m.people) == (way, people)
            )
            for way in dict.fromkeys(m.way for m in measured)
            if any((m.way, m.people) == (way, people) for m in measured)
        }
        for way, rate in rates.items():
            own = [m for m in measured if (m.way, m.people) == (way, people)]
            lines.append(
                f"| {people:,} | {way} | {rate:,.0f} | {rates['ours'] / rate:.2f} x | "
                f"{median(m.seconds for m in own):.1f} | {median(m.peak_mb for m in own):.0f} |"
            )
    return "\n".join(lines)


def plot(measured: list[Measured], file: Path) -> None:
    """Bars of people per CPU second, one group for each size."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    sizes = sorted({m.people for m in measured})
    figure, axes = pyplot.subplots(1, len(sizes), figsize=(4.5 * len(sizes), 3.2), squeeze=False)
    for axis, people in zip(axes[0], sizes, strict=True):
        ways = [w for w in WAYS if any((m.way, m.people) == (w, people) for m in measured)]
        rates = [
            median(m.people_per_cpu_second for m in measured if (m.way, m.people) == (w, people))
            for w in ways
        ]
        axis.barh(ways, rates, color=["#0b6e4f" if w == "ours" else "#9aa5b1" for w in ways])
        axis.bar_label(axis.containers[0], fmt="{:,.0f}", padding=3)
        axis.set_title(f"{people:,} people")
        axis.set_xlabel("people per CPU second")
        axis.margins(x=0.2)
        axis.invert_yaxis()
    figure.tight_layout()
    figure.savefig(file, dpi=120)


def main() -> None:
    """Parse the arguments, measure, write ``benchmarks/results``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    arguments = parser.parse_args()
    measured = [
        one for n in arguments.people for one in compare(n, arguments.repeats, arguments.ways)
    ]
    RESULTS.mkdir(exist_ok=True)
    machine = (
        f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB, "
        f"Python {platform.python_version()}, {datetime.now(timezone.utc):%Y-%m-%d}, "
        f"medians of {arguments.repeats}"
    )
    text = f"{table(measured)}\n\n{machine}\n"
    (RESULTS / "table.md").write_text(text)
    (RESULTS / "raw.json").write_text(json.dumps([m.as_dict() for m in measured], indent=1))
    plot(measured, RESULTS / "rates.png")
    print(text)


if __name__ == "__main__":
    main()
