"""What only ours does, each in a child process of its own.

``load``   leads to merged tables, for the curve of memory over time
``again``  the same leads once more, with every outcome known: nothing to buy
``pace``   leads to merged tables with a server that limits calls and answers late

Run as ``python -m benchmarks.scenarios SCENARIO URL PEOPLE FOLDER``; prints a JSON document with
``rows`` by table, ``calls`` to the API and ``seconds`` by stage.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.command import run_people, write_leads

_NO_LIMIT = "600000"


def load(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    return run_people(url, folder, "--requests-per-minute", _NO_LIMIT)


def again(url: str, count: int, folder: Path) -> dict[str, Any]:
    document = run_people(url, folder, "--requests-per-minute", _NO_LIMIT)
    if document["requests"]["bought"] or document["plans"][0]["fresh"] != count:
        raise RuntimeError("something was bought although everything is known")
    return document


def pace(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    return run_people(url, folder)


SCENARIOS = {scenario.__name__: scenario for scenario in (load, again, pace)}

if __name__ == "__main__":
    name, url, count, folder = sys.argv[1:]
    document = SCENARIOS[name](url, int(count), Path(folder))
    result = {
        "rows": document["tables"],
        "calls": sum(document["api"]["calls"].values()),
        "throttled": document["api"]["throttled"],
        "seconds": document["seconds"],
    }
    print(json.dumps(result))
