"""Runs a way as a child process and measures its whole process tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

__all__ = ["Measured", "measure"]

_EVERY = 0.05


@dataclass(frozen=True)
class Measured:
    """One run of one way.

    Attributes:
        cpu_seconds: user and system time of the child and all its children.
        peak_mb: the largest sum of resident memory over the tree, sampled every 50 ms.
        rows: by table.
    """

    way: str
    people: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    rows: dict[str, int]

    @property
    def people_per_cpu_second(self) -> float:
        return self.people / self.cpu_seconds

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "people_per_cpu_second": round(self.people_per_cpu_second, 1)}


def measure(way: str, url: str, people: int, folder: Path) -> Measured:
    """Run ``way`` once.

    Raises:
        RuntimeError: the child failed.
    """
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.ways", way, url, str(people), str(folder)]
    before = os.times()
    started = time.monotonic()
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file)  # noqa: S603 - our own module
        peak = _watch(process)
    seconds = time.monotonic() - started
    after = os.times()
    if process.returncode:
        raise RuntimeError(f"{way} ended with {process.returncode}")
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    rows = json.loads(output.read_text().splitlines()[-1])
    return Measured(way, people, seconds, cpu, peak / 2**20, rows)


def _watch(process: subprocess.Popen[bytes]) -> int:
    root = psutil.Process(process.pid)
    peak = 0
    while process.poll() is None:
        total = 0
        try:
            for member in (root, *root.children(recursive=True)):
                total += member.memory_info().rss
        except psutil.Error:
            pass
        peak = max(peak, total)
        time.sleep(_EVERY)
    return peak
