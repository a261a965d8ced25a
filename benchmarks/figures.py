"""What was measured last, in ``figures.json``; the pages' tables are made of it.

A part of the benchmark is measured whole and replaced whole, with the day and the machine. Each
run of a child is a record, so that whoever doubts a median sees what it is of.

    cog -r README.md benchmarks/README.md      # writes the tables into the pages
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from benchmarks.asked import Asked
from benchmarks.measure import Measured

__all__ = ["FILE", "Beside", "Figures", "here"]

FILE = Path(__file__).parent / "figures.json"


@dataclass(frozen=True)
class Beside:
    """A run beside what is known already.

    Attributes:
        destination: of the run.
        known: people that it had.
    """

    destination: str
    known: int
    measured: Measured


class Figures:
    """The records of every part, by its name.

    Example::

        figures = Figures.read()
        figures.replace("pace", paced(50_000))
        figures.write()
    """

    def __init__(self, parts: dict[str, Any]) -> None:
        self._parts = parts

    @classmethod
    def read(cls, file: Path = FILE) -> Figures:
        """Those that are there; none where nothing was measured yet."""
        return cls(json.loads(file.read_text()) if file.exists() else {})

    def write(self, file: Path = FILE) -> None:
        file.write_text(json.dumps(self._parts, indent=1, sort_keys=True) + "\n")

    def replace(self, part: str, records: Sequence[Measured | Beside | Asked]) -> None:
        """Measured now, on this machine."""
        self._parts[part] = {"where": here(), "records": [_without_curve(one) for one in records]}

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def where(self, part: str) -> str:
        """The machine and the day."""
        return str(self._parts[part]["where"])

    def measured(self, part: str) -> list[Measured]:
        return [Measured(**record) for record in self._parts[part]["records"]]

    def beside(self, part: str) -> list[Beside]:
        return [
            Beside(**{**record, "measured": Measured(**record["measured"])})
            for record in self._parts[part]["records"]
        ]

    def asked(self) -> list[Asked]:
        return [Asked(**record) for record in self._parts["asked"]["records"]]


def here() -> str:
    """This machine and this day, as a table says it."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}, "
        f"{datetime.now(timezone.utc):%Y-%m-%d}"
    )


def _without_curve(record: Measured | Beside | Asked) -> dict[str, Any]:
    fields = asdict(record)
    for measured in (fields, fields.get("measured", {})):
        measured.pop("curve", None)
        for name in ("seconds", "cpu_seconds", "peak_mb"):
            if name in measured:
                measured[name] = round(measured[name], 2)
    return fields
