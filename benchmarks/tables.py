"""Figures as Markdown tables; every ratio is of medians of one run on one machine."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Measured

__all__ = [
    "agree",
    "growth_table",
    "intake_table",
    "known_table",
    "memory_table",
    "pace_table",
    "ways_table",
]

CALLS_A_SECOND = 500 / 60


def agree(measured: Sequence[Measured]) -> None:
    """Refuse figures of ways that did not do the same work."""
    expected = measured[0].rows
    for one in measured:
        wrong = {name: n for name, n in one.rows.items() if expected.get(name, n) != n}
        if wrong:
            raise SystemExit(f"{one.way} has other rows than {measured[0].way}: {wrong}")


def ways_table(measured: Sequence[Measured]) -> str:
    """The four ways, and what one further person costs each of them.

    The last column leaves out what a process costs that loads nothing: the difference between the
    largest and the smallest number of people.
    """
    lines = [
        "| people | way | CPU s | people per CPU second | ours is | seconds | peak MB |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    sizes = sorted({m.people for m in measured})
    names = list(dict.fromkeys(m.way for m in measured))
    cpu = {(name, people): _cpu(measured, name, people) for name in names for people in sizes}
    for people in sizes:
        for name in names:
            own = [m for m in measured if (m.way, m.people) == (name, people)]
            lines.append(
                f"| {people:,} | {name} | {cpu[name, people]:.1f} | "
                f"{people / cpu[name, people]:,.0f} | "
                f"{cpu[name, people] / cpu['ours', people]:.2f} x | "
                f"{median(m.seconds for m in own):.1f} | {median(m.peak_mb for m in own):.0f} |"
            )
    if len(sizes) > 1:
        further = sizes[-1] - sizes[0]
        each = {name: cpu[name, sizes[-1]] - cpu[name, sizes[0]] for name in names}
        lines += [
            f"| {further:,} further | {name} | {each[name]:.1f} | {further / each[name]:,.0f} | "
            f"{each[name] / each['ours']:.2f} x | | |"
            for name in names
        ]
    return "\n".join(lines)


def memory_table(measured: Sequence[Measured]) -> str:
    """Peak memory by size, of a first run and of one that has nothing to buy."""
    lines = [
        "| leads | run | peak MB | seconds | CPU s | people rows | experiences |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    words = {"load": "all bought", "again": "nothing to buy"}
    lines += [
        f"| {m.people:,} | {words[m.way]} | {m.peak_mb:.0f} | {m.seconds:.1f} | "
        f"{m.cpu_seconds:.1f} | {m.rows['people']:,} | {m.rows['people__experiences']:,} |"
        for m in measured
    ]
    return "\n".join(lines)


def growth_table(measured: Sequence[tuple[int, Measured]]) -> str:
    """The same number of new leads beside more and more known ones."""
    lines = [
        "| known | new | CPU s | against the fewest | seconds | peak MB |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    sizes = sorted({known for known, _ in measured})
    runs = {size: [m for known, m in measured if known == size] for size in sizes}
    cpu = {size: median(m.cpu_seconds for m in runs[size]) for size in sizes}
    lines += [
        f"| {size:,} | {runs[size][0].people:,} | {cpu[size]:.1f} | "
        f"{cpu[size] / cpu[sizes[0]]:.2f} x | {median(m.seconds for m in runs[size]):.1f} | "
        f"{median(m.peak_mb for m in runs[size]):.0f} |"
        for size in sizes
    ]
    return "\n".join(lines)


def pace_table(measured: Sequence[Measured]) -> str:
    """Wall time at the rate limit against the least possible for the calls that were made."""
    lines = [
        "| leads | calls | refused (429) | least possible s | seconds | ratio |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for m in measured:
        least = m.result["calls"] / CALLS_A_SECOND
        lines.append(
            f"| {m.people:,} | {m.result['calls']:,} | {m.result['throttled']:,} | {least:.1f} | "
            f"{m.seconds:.1f} | {m.seconds / least:.3f} |"
        )
    return "\n".join(lines)


def intake_table(measured: Sequence[Measured]) -> str:
    """A list to a plan against reading the file and no more."""
    lines = ["| rows | way | CPU s | rows per CPU second | peak MB |", "|---:|---|---:|---:|---:|"]
    people = measured[0].people
    for name in dict.fromkeys(m.way for m in measured):
        own = [m for m in measured if m.way == name]
        cpu = _cpu(measured, name, people)
        lines.append(
            f"| {people:,} | {name} | {cpu:.1f} | {people / cpu:,.0f} | "
            f"{median(m.peak_mb for m in own):.0f} |"
        )
    return "\n".join(lines)


def known_table(measured: Sequence[tuple[str, int, Measured]]) -> str:
    """A plan of a few leads beside many known ones, against the same plan beside none."""
    lines = [
        "| destination | known | seconds | more | CPU s | peak MB | more |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    found: dict[tuple[str, int], tuple[float, float, float]] = {}
    for name, known, _ in measured:
        own = [m for where, number, m in measured if (where, number) == (name, known)]
        found[name, known] = (
            median(m.seconds for m in own),
            median(m.cpu_seconds for m in own),
            median(m.peak_mb for m in own),
        )
    for (name, known), (seconds, cpu, peak) in found.items():
        least_seconds, _, least_peak = found[name, 0]
        lines.append(
            f"| {name} | {known:,} | {seconds:.1f} | {seconds - least_seconds:+.1f} | {cpu:.1f} | "
            f"{peak:.0f} | {peak - least_peak:+.0f} |"
        )
    return "\n".join(lines)


def _cpu(measured: Sequence[Measured], way: str, people: int) -> float:
    return median(m.cpu_seconds for m in measured if (m.way, m.people) == (way, people))
