"""What only ours does, each in a child process of its own.

``load``   leads to merged tables, for the curve of memory over time
``again``  the same leads once more, with every outcome known: nothing to buy
``increment`` new leads beside those that are known in the folder
``pace``   leads to merged tables with a server that limits calls and answers late
``intake`` a list to a plan: read, checked, keyed, compared with what is known, cut into requests
``reader`` the least that Python can do with the same file: `csv.DictReader` and a set of addresses

Run as ``python -m benchmarks.scenarios SCENARIO URL PEOPLE FOLDER``; prints a JSON document with
``rows`` by table, ``calls`` to the API and ``seconds`` by stage.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.command import plan_people, run_people, write_leads

_NO_LIMIT = "600000"
_NEW = 100_000_000
"""From this number on nobody is known by `load`."""
_NO_CALLS: dict[str, Any] = {
    "tables": {},
    "api": {"calls": {}, "throttled": 0},
    "seconds": {},
}


def load(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    return run_people(url, folder, "--requests-per-minute", _NO_LIMIT)


def again(url: str, count: int, folder: Path) -> dict[str, Any]:
    document = run_people(url, folder, "--requests-per-minute", _NO_LIMIT)
    if document["requests"]["bought"] or document["plans"][0]["fresh"] != count:
        raise RuntimeError("something was bought although everything is known")
    return document


def increment(url: str, count: int, folder: Path) -> dict[str, Any]:
    earlier = len(list(folder.glob("increment-*")))
    (folder / f"increment-{earlier}").touch()
    write_leads(folder / "leads.csv", count, _NEW + earlier * count)
    document = run_people(url, folder, "--requests-per-minute", _NO_LIMIT)
    if document["plans"][0]["to_buy"] != count:
        raise RuntimeError("not every lead was new")
    return document


def pace(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    return run_people(url, folder)


def intake(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    document = plan_people(folder)
    if document["plans"][0]["to_buy"] != count:
        raise RuntimeError("not every lead is to be bought")
    return _NO_CALLS


def reader(url: str, count: int, folder: Path) -> dict[str, Any]:
    write_leads(folder / "leads.csv", count)
    with (folder / "leads.csv").open(newline="") as file:
        if len({row["email"].strip().lower() for row in csv.DictReader(file)}) != count:
            raise RuntimeError("not every lead was read")
    return _NO_CALLS


SCENARIOS = {
    scenario.__name__: scenario for scenario in (load, again, increment, pace, intake, reader)
}

if __name__ == "__main__":
    name, url, count, folder = sys.argv[1:]
    document = SCENARIOS[name](url, int(count), Path(folder))
    result = {
        # Of two runs all the same but for the record of runs.
        "rows": {n: c for n, c in document["tables"].items() if n != "enrichment_runs"},
        "calls": sum(document["api"]["calls"].values()),
        "throttled": document["api"]["throttled"],
        "seconds": document["seconds"],
    }
    print(json.dumps(result))
