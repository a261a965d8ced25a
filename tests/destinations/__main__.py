"""The table of destinations by guarantees: ``python -m tests.destinations [DESTINATION ...]``.

Runs the conformance suite and prints one row for each guarantee, one column for each destination.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

from tests.destinations.warehouses import ALL_WAREHOUSES, version_of

_SIGNS = {"passed": "yes", "failed": "NO", "skipped": "-"}


class _Table:
    """A pytest plugin: the outcome of each guarantee on each destination."""

    def __init__(self, wanted: list[str]) -> None:
        self._wanted = wanted
        self._places: dict[str, tuple[str, str]] = {}
        self.outcomes: dict[str, dict[str, str]] = {}
        self.reasons: dict[str, str] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = []
        for item in items:
            marker = item.get_closest_marker("guarantee")
            warehouse = getattr(getattr(item, "callspec", None), "params", {}).get("warehouse")
            if marker is not None and warehouse in self._wanted:
                self._places[item.nodeid] = (marker.args[0], warehouse)
                kept.append(item)
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        guarantee, warehouse = self._places[report.nodeid]
        row = self.outcomes.setdefault(guarantee, {})
        if row.get(warehouse) != "failed" and (report.when == "call" or report.outcome != "passed"):
            row[warehouse] = report.outcome
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            self.reasons[warehouse] = str(report.longrepr[2]).removeprefix("Skipped: ")

    def __str__(self) -> str:
        lines = [f"{'':<56}" + "".join(f"{warehouse:<11}" for warehouse in self._wanted)]
        for guarantee, row in self.outcomes.items():
            signs = (_SIGNS.get(row.get(warehouse, ""), "?") for warehouse in self._wanted)
            lines.append(f"{guarantee:<56}" + "".join(f"{sign:<11}" for sign in signs).rstrip())
        lines.append(f"{'filesystem, and all that only adds':<56}refused before anything is bought")
        lines += [
            "",
            *(
                f"{warehouse}: checked against {version_of(warehouse)}"
                for warehouse in self._wanted
            ),
        ]
        lines += [f"- on {warehouse}: {reason}" for warehouse, reason in self.reasons.items()]
        return "\n".join(lines)


def main() -> int:
    """Returns: pytest's exit code; 0 when every guarantee holds."""
    wanted = [
        warehouse for warehouse in ALL_WAREHOUSES if warehouse in sys.argv[1:] or not sys.argv[1:]
    ]
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    table = _Table(wanted)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent)], [table])
    print(table)
    if code:
        print(said.getvalue(), file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
