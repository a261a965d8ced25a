"""Figures as Markdown tables; every ratio is of medians of one run on one machine.

`table` makes the one of a part, `targets` says of each target what was measured, `in_short` is what
the README has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from benchmarks.asked import Asked
from benchmarks.figures import Beside, Figures
from benchmarks.measure import Measured

__all__ = ["agree", "in_short", "table", "targets"]

CALLS_A_SECOND = 500 / 60


def agree(measured: Sequence[Measured]) -> None:
    """Refuse figures of ways that did not do the same work."""
    expected = measured[0].rows
    for one in measured:
        wrong = {name: n for name, n in one.rows.items() if expected.get(name, n) != n}
        if wrong:
            raise SystemExit(f"{one.way} has other rows than {measured[0].way}: {wrong}")


def table(part: str, figures: Figures | None = None) -> str:
    """The table of a part, and where and how often it was measured."""
    figures = figures or Figures.read()
    if part not in figures:
        return "Not measured yet."
    rows, runs = _TABLES[part](figures)
    return "\n".join([*rows, "", f"{figures.where(part)}; {runs}."])


def targets(figures: Figures | None = None) -> str:
    """What is promised, and what was measured of it."""
    figures = figures or Figures.read()
    rows = [(what, target, found, met) for what, target, found, met in _targets(figures)]
    return _markdown(
        ["what", "target", "measured", ""],
        [
            (what, target, found, "met" if met else "**missed**")
            for what, target, found, met in rows
        ],
        right=0,
    )


def in_short(figures: Figures | None = None) -> str:
    """Four lines for a reader who has no time."""
    figures = figures or Figures.read()
    ways, growth = figures.measured("ways"), figures.beside("growth")
    cpu = {way: _cpu(ways, way, _MANY) for way in ("ours", "tuned", "floor")}
    few = {way: _cpu(ways, way, _FEW) for way in ("ours", "plain")}
    known = max(one.known for one in growth)
    new = growth[0].measured.people
    most = max(one.known for one in figures.beside("known"))
    plan = {
        number: _median(_of(figures.beside("known"), "postgres", number), "seconds")
        for number in (0, most)
    }
    return _markdown(
        ["", "ours", "beside it"],
        [
            (
                f"{_MANY:,} people, pages to merged DuckDB tables",
                f"{cpu['ours']:.1f} CPU s",
                f"{cpu['tuned']:.1f} for dlt tuned, {cpu['floor']:.1f} for DuckDB alone",
            ),
            (
                f"{_FEW} leads, the whole command",
                f"{few['ours']:.1f} CPU s",
                f"{few['plain']:.1f} for a plain dlt resource",
            ),
            (
                f"{new:,} new leads beside {known:,} known, in DuckDB",
                f"{_median(_of(growth, 'duckdb', known), 'cpu_seconds'):.1f} CPU s",
                f"{_median(_of(growth, 'duckdb', 0), 'cpu_seconds'):.1f} into an empty file",
            ),
            (
                f"a plan of 10 leads beside {most:,} known, on PostgreSQL",
                f"{plan[most]:.1f} s",
                f"{plan[0]:.1f} s beside none",
            ),
        ],
        right=0,
    )


_FEW, _SOME, _MANY = 100, 20_000, 100_000
_MOST_MB = 600


def _targets(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    for part, said in _TARGETS.items():
        if part in figures:
            yield from said(figures)


def _targets_of_ways(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    ways = figures.measured("ways")
    for people, way, wanted in (
        (_MANY, "plain", 12.0),
        (_MANY, "tuned", 4.0),
        (_MANY, "floor", 0.75),
        (_SOME, "tuned", 3.5),
        (_SOME, "floor", 0.67),
    ):
        ratio = _cpu(ways, way, people) / _cpu(ways, "ours", people)
        yield (
            f"people per CPU second, {people:,} people",
            f"{wanted:g} x {way}",
            f"{ratio:.2f} x",
            ratio >= wanted,
        )
    ratio = _cpu(ways, "ours", _FEW) / _cpu(ways, "plain", _FEW)
    yield f"a run of {_FEW} leads, CPU", "1.5 x plain", f"{ratio:.2f} x", ratio <= 1.5


def _target_of_pace(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    ratio = median(m.seconds / _least_seconds(m) for m in figures.measured("pace"))
    yield "seconds where the API is the limit", "1.1 x", f"{ratio:.2f} x", ratio <= 1.1


def _target_of_memory(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    largest = max(figures.measured("memory"), key=lambda m: (m.people, m.peak_mb))
    yield (
        f"peak memory, {largest.people:,} leads",
        f"{_MOST_MB} MB",
        f"{largest.peak_mb:.0f} MB",
        largest.peak_mb <= _MOST_MB,
    )


def _targets_of_statements(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    asked = [one for one in figures.asked() if one.destination == "postgres"]
    statements = {(one.run, one.way): one.statements for one in asked}
    ours, plain = (statements["100 new beside others", way] for way in ("ours", "plain"))
    yield "statements, 100 new leads, PostgreSQL", f"plain's {plain}", f"{ours}", ours <= plain
    ours = statements["nothing to buy", "ours"]
    yield "statements with nothing to buy", "8", f"{ours}", ours <= 8


def _target_of_plans(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    plans = figures.beside("known")
    most = max(one.known for one in plans)
    more = {
        name: _median(_of(plans, "postgres", most), name) - _median(_of(plans, "postgres", 0), name)
        for name in ("seconds", "peak_mb")
    }
    yield (
        f"a plan of 10 leads beside {most:,} known, PostgreSQL",
        "2 s and 250 MB more",
        f"{more['seconds']:.1f} s and {more['peak_mb']:.0f} MB",
        more["seconds"] <= 2 and more["peak_mb"] <= 250,
    )


def _target_of_growth(figures: Figures) -> Iterable[tuple[str, str, str, bool]]:
    growth = figures.beside("growth")
    most = max(one.known for one in growth)
    cpu = {n: _median(_of(growth, "duckdb", n), "cpu_seconds") for n in (0, most)}
    ratio = cpu[most] / cpu[0]
    yield (
        f"{growth[0].measured.people:,} new leads beside {most:,} known, DuckDB, CPU",
        "1.3 x beside none",
        f"{ratio:.2f} x",
        ratio <= 1.3,
    )


_TARGETS: dict[str, Callable[[Figures], Iterable[tuple[str, str, str, bool]]]] = {
    "ways": _targets_of_ways,
    "pace": _target_of_pace,
    "memory": _target_of_memory,
    "asked": _targets_of_statements,
    "known": _target_of_plans,
    "growth": _target_of_growth,
}


def _ways(figures: Figures) -> tuple[list[str], str]:
    measured = figures.measured("ways")
    rows = []
    for people in sorted({m.people for m in measured}):
        ours = _cpu(measured, "ours", people)
        for way in dict.fromkeys(m.way for m in measured):
            own = [m for m in measured if (m.way, m.people) == (way, people)]
            cpu = _cpu(measured, way, people)
            rows.append(
                (
                    f"{people:,}",
                    way,
                    f"{cpu:.1f}",
                    f"{people / cpu:,.0f}",
                    f"{cpu / ours:.2f} x",
                    f"{_median(own, 'seconds'):.1f}",
                    f"{_median(own, 'peak_mb'):.0f}",
                    f"{len(own)}",
                )
            )
    head = ["people", "way", "CPU s", "people per CPU second", "ours is", "seconds", "peak MB"]
    return _markdown([*head, "runs"], rows, right=2).splitlines(), "medians"


def _memory(figures: Figures) -> tuple[list[str], str]:
    words = {"load": "all bought", "again": "nothing to buy"}
    rows = [
        (
            f"{m.people:,}",
            words[m.way],
            f"{m.peak_mb:.0f}",
            f"{m.seconds:.1f}",
            f"{m.cpu_seconds:.1f}",
            f"{m.rows['people']:,}",
            f"{m.rows['people__experiences']:,}",
        )
        for m in figures.measured("memory")
    ]
    head = ["leads", "run", "peak MB", "seconds", "CPU s", "people rows", "experiences"]
    return _markdown(head, rows).splitlines(), "each once"


def _growth(figures: Figures) -> tuple[list[str], str]:
    measured = figures.beside("growth")
    fewest = _median(_of(measured, "duckdb", min(m.known for m in measured)), "cpu_seconds")
    rows = []
    for known in sorted({one.known for one in measured}):
        own = _of(measured, "duckdb", known)
        cpu = _median(own, "cpu_seconds")
        rows.append(
            (
                f"{known:,}",
                f"{own[0].people:,}",
                f"{cpu:.1f}",
                f"{cpu / fewest:.2f} x",
                f"{_median(own, 'seconds'):.1f}",
                f"{_median(own, 'peak_mb'):.0f}",
            )
        )
    head = ["known", "new", "CPU s", "against the fewest", "seconds", "peak MB"]
    return _markdown(head, rows).splitlines(), _medians_of(len(own))


def _pace(figures: Figures) -> tuple[list[str], str]:
    rows = [
        (
            f"{m.people:,}",
            f"{m.result['calls']:,}",
            f"{m.result['throttled']:,}",
            f"{_least_seconds(m):.1f}",
            f"{m.seconds:.1f}",
            f"{m.seconds / _least_seconds(m):.3f}",
        )
        for m in figures.measured("pace")
    ]
    head = ["leads", "calls", "refused (429)", "least possible s", "seconds", "ratio"]
    return _markdown(head, rows).splitlines(), "once"


def _intake(figures: Figures) -> tuple[list[str], str]:
    measured = figures.measured("intake")
    people = measured[0].people
    rows = []
    for way in dict.fromkeys(m.way for m in measured):
        own = [m for m in measured if m.way == way]
        cpu = _cpu(measured, way, people)
        peak = _median(own, "peak_mb")
        rows.append((f"{people:,}", way, f"{cpu:.1f}", f"{people / cpu:,.0f}", f"{peak:.0f}"))
    head = ["rows", "way", "CPU s", "rows per CPU second", "peak MB"]
    return _markdown(head, rows).splitlines(), _medians_of(len(own))


def _known(figures: Figures) -> tuple[list[str], str]:
    measured = figures.beside("known")
    rows = []
    for destination, known in dict.fromkeys((one.destination, one.known) for one in measured):
        own, none = (_of(measured, destination, number) for number in (known, 0))
        seconds, peak = _median(own, "seconds"), _median(own, "peak_mb")
        rows.append(
            (
                destination,
                f"{known:,}",
                f"{seconds:.1f}",
                f"{seconds - _median(none, 'seconds'):+.1f}",
                f"{_median(own, 'cpu_seconds'):.1f}",
                f"{peak:.0f}",
                f"{peak - _median(none, 'peak_mb'):+.0f}",
            )
        )
    head = ["destination", "known", "seconds", "more", "CPU s", "peak MB", "more"]
    return _markdown(head, rows, right=1).splitlines(), _medians_of(len(own))


def _asked(figures: Figures) -> tuple[list[str], str]:
    measured = figures.asked()
    found = {(one.destination, one.run, one.way): one for one in measured}
    rows = []
    for destination, run in dict.fromkeys((one.destination, one.run) for one in measured):
        ours, plain = (found[destination, run, way] for way in ("ours", "plain"))
        rows.append(
            (
                destination,
                run,
                f"{ours.statements}",
                f"{plain.statements}",
                _read(ours),
                _read(plain),
            )
        )
    head = ["destination", "run", "statements, ours", "plain", "read, ours", "plain"]
    return _markdown(head, rows, right=2).splitlines(), "each once"


_TABLES: dict[str, Callable[[Figures], tuple[list[str], str]]] = {
    "ways": _ways,
    "memory": _memory,
    "growth": _growth,
    "pace": _pace,
    "intake": _intake,
    "known": _known,
    "asked": _asked,
}


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]], right: int = -1) -> str:
    """A table.

    Args:
        right: the first column of numbers, which stand to the right; none where 0, all where -1.
    """
    numbers = [right < 0 or 0 < right <= place for place in range(len(head))]
    rule = "|".join("---:" if is_number else "---" for is_number in numbers)
    lines = [f"| {' | '.join(head)} |", f"|{rule}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _read(one: Asked) -> str:
    if one.megabytes is not None:
        return f"{one.megabytes:.1f} MB"
    return "" if one.values is None else f"{one.values:,} values"


def _least_seconds(measured: Measured) -> float:
    """The least possible for so many calls."""
    calls: int = measured.result["calls"]
    return calls / CALLS_A_SECOND


def _of(measured: Sequence[Beside], destination: str, known: int) -> list[Measured]:
    return [m.measured for m in measured if (m.destination, m.known) == (destination, known)]


def _median(measured: Sequence[Measured], figure: str) -> float:
    return median(getattr(one, figure) for one in measured)


def _cpu(measured: Sequence[Measured], way: str, people: int) -> float:
    return _median([m for m in measured if (m.way, m.people) == (way, people)], "cpu_seconds")


def _medians_of(count: int) -> str:
    return f"medians of {count}"
