"""Runs a module as a child process and measures its whole process tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

__all__ = ["Measured", "measure"]

_EVERY = 0.05
_CURVE_EVERY = 0.5


@dataclass(frozen=True)
class Measured:
    """One run of one child.

    Attributes:
        way: what ran, of `benchmarks.ways` or `benchmarks.scenarios`.
        people: leads that it was given.
        cpu_seconds: user and system time of the child and all its children.
        peak_mb: the largest sum of resident memory over the tree, sampled every 50 ms.
        result: what the child printed; ``rows`` by table among it.
        curve: ``(seconds, MB)`` twice a second, the largest since the one before.
    """

    way: str
    people: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    result: dict[str, Any]
    curve: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rows(self) -> dict[str, int]:
        rows: dict[str, int] = self.result["rows"]
        return rows

    @property
    def people_per_cpu_second(self) -> float:
        return self.people / self.cpu_seconds


def measure(module: str, way: str, url: str, people: int, folder: Path) -> Measured:
    """Run ``python -m module way url people folder`` once.

    Raises:
        RuntimeError: the child failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module, way, url, str(people), str(folder)]
    before = os.times()
    started = time.monotonic()
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file)  # noqa: S603 - our own module
        curve = _watch(process, started)
    seconds = time.monotonic() - started
    after = os.times()
    if process.returncode:
        raise RuntimeError(f"{way} ended with {process.returncode}")
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    result = json.loads(output.read_text().splitlines()[-1])
    peak = max(mb for _, mb in curve)
    return Measured(way, people, seconds, cpu, peak, result, curve)


def _watch(process: subprocess.Popen[bytes], started: float) -> list[tuple[float, float]]:
    root = psutil.Process(process.pid)
    curve = []
    peak, until = 0.0, _CURVE_EVERY
    while process.poll() is None:
        total = 0
        try:
            for member in (root, *root.children(recursive=True)):
                total += member.memory_info().rss
        except psutil.Error:
            pass
        peak = max(peak, total / 2**20)
        elapsed = time.monotonic() - started
        if elapsed >= until:
            curve.append((round(elapsed, 1), round(peak, 1)))
            peak, until = 0.0, elapsed + _CURVE_EVERY
        time.sleep(_EVERY)
    return [*curve, (round(time.monotonic() - started, 1), round(peak, 1))]
