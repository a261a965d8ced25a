"""What the tests of the command share that is no fixture."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amplemarket_source.sandbox import SandboxServer

KEY = "sandbox-key"


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document; fails if there is anything else."""
        return json.loads(self.out)  # type: ignore[no-any-return]


Command = Callable[..., Finished]


def write_leads(file: Path, leads: Sequence[Mapping[str, str]]) -> str:
    """A CSV file of leads; returns its path."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, sorted({name for lead in leads for name in lead}))
        writer.writeheader()
        writer.writerows(leads)
    return str(file)


def posts(server: SandboxServer) -> int:
    """How many enrichment requests have reached the server."""
    return sum(call.method == "POST" for call in server.sandbox.calls)
