"""The figures to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Measured

__all__ = ["plot_memory", "plot_rates"]

_OURS, _OTHERS = "#0b6e4f", "#9aa5b1"
_MOST_MB = 600


def plot_rates(measured: Sequence[Measured], file: Path) -> None:
    """Bars of people per CPU second, one group for each size."""
    sizes = sorted({m.people for m in measured})
    figure, axes = _pyplot().subplots(1, len(sizes), figsize=(4.5 * len(sizes), 3), squeeze=False)
    for axis, people in zip(axes[0], sizes, strict=True):
        ways = list(dict.fromkeys(m.way for m in measured if m.people == people))
        rates = [
            median(m.people_per_cpu_second for m in measured if (m.way, m.people) == (way, people))
            for way in ways
        ]
        axis.barh(ways, rates, color=[_OURS if way == "ours" else _OTHERS for way in ways])
        axis.bar_label(axis.containers[0], fmt="{:,.0f}", padding=3)
        axis.set_title(f"{people:,} people")
        axis.set_xlabel("people per CPU second")
        axis.margins(x=0.2)
        axis.invert_yaxis()
    _save(figure, file)


def plot_memory(measured: Sequence[Measured], file: Path) -> None:
    """Resident memory of the process tree over a run, one curve for each number of leads."""
    figure, axis = _pyplot().subplots(figsize=(9, 3.2))
    for one in measured:
        seconds, mb = zip(*one.curve, strict=True)
        whole = seconds[-1]
        axis.plot([100 * s / whole for s in seconds], mb, label=f"{one.people:,} leads", lw=1)
    axis.axhline(_MOST_MB, color="#b00020", lw=0.8, ls="--")
    axis.set_ylim(0, None)
    axis.set_xlabel("% of the run")
    axis.set_ylabel("resident MB, process tree")
    axis.legend(loc="lower right")
    _save(figure, file)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, dpi=110)
