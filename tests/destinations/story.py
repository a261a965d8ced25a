"""What happens in one household, chapter by chapter; each test asks for the chapter it is about.

A load takes a second on DuckDB and ten on an emulator, so the guarantees share one dataset: a
chapter is played when it is first asked for, after all that come before it, and what was seen at
its end is kept. Asked for alone, a test plays what it needs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amplemarket_source.load.waves import load_pending
from amplemarket_source.model import COMPANIES, PEOPLE
from amplemarket_source.privacy.erase import erase, identifier_keys
from amplemarket_source.report import RunReport
from amplemarket_source.sandbox.faults import Fault
from tests.destinations.household import Household
from tests.destinations.recount import differences
from tests.support.steps import SteppedRun, open_ledger

__all__ = ["CHAPTERS", "FORGOTTEN", "LEADS", "LONG_TEXT", "REMOVED_LATER", "Seen", "Story"]

ROOT = Path(__file__).parents[2]
LEADS = [
    *({"email": f"ada{n}@ada{n}.example", "external_id": f"a{n}"} for n in range(5)),
    {"email": "notfound1@nowhere.example", "external_id": "n"},
    {"email": "removed1@gone.example", "external_id": "r"},
    {"email": "not an address", "external_id": "x"},
]
FORGOTTEN = "ada0@ada0.example"
REMOVED_LATER = "ada4"
LONG_TEXT = "An \"old\" 'friend'; \\n 100 % — δοκιμή 🎈\n\t" * 2_000
KILLED_AT = 22
"""Of the 17 copies and 17 merges of a load; DuckDB has 17 jobs in all, and dies at the 9th."""


def grown(person: dict[str, Any]) -> dict[str, Any]:
    """A person with fields that nobody has documented, at every level, and hard values."""
    company = person["company"]
    return {
        **person,
        "headline": LONG_TEXT,
        "pronouns": "they/them",
        "score": 0.1,
        "created_at": "2026-01-01T00:00:00Z",  # holds CREATE, which dlt takes for DDL on BigQuery
        "social": {"github": {"stars": 2**53 + 1}},
        "location_details": {**person["location_details"], "postal_code": "0123"},
        "experiences": [
            {**item, "seniority": "senior", "details": {"remote": True}}
            for item in person["experiences"]
        ],
        "company": {
            **company,
            "revenue": 2**62,
            "ticker": "INI",
            "locations": [{**item, "timezone": "UTC"} for item in company["locations"]],
        },
    }


@dataclass
class Seen:
    """What a chapter left.

    Attributes:
        counts: rows by table.
        wrong: values that differ from the server's; see `recount.differences`.
        posts: POSTs that the server has seen so far.
    """

    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    posts: int = 0
    report: RunReport = field(default_factory=RunReport)
    notes: dict[str, Any] = field(default_factory=dict)


class Story:
    """Plays the chapters of `CHAPTERS` in a household, each once."""

    def __init__(self, household: Household) -> None:
        self.household = household
        self._seen: dict[str, Seen] = {}
        self._failed: dict[str, BaseException] = {}

    def after(self, chapter: str) -> Seen:
        """What was seen at the end of a chapter.

        Raises:
            whatever the first chapter raised that did not end.
        """
        for name, play in CHAPTERS.items():
            if name in self._failed:
                raise self._failed[name]
            if name not in self._seen:
                try:
                    self._seen[name] = play(self.household)
                except BaseException as error:
                    self._failed[name] = error
                    raise
            if name == chapter:
                break
        return self._seen[chapter]


def _look(household: Household, report: RunReport, *, values: bool = True, **notes: Any) -> Seen:
    return Seen(
        counts=household.counts(),
        wrong=differences(household) if values else [],
        posts=household.posts(),
        report=report,
        notes=notes,
    )


def _refresh(household: Household, **settings: Any) -> RunReport:
    """Buy everybody again."""
    household.clock.advance(3600)
    return household.run(LEADS, refresh_after="0s", **settings)


def _nothing(household: Household) -> Seen:
    """A first load in which every value is null and every list empty."""
    household.sandbox.configure(children="none", nulls=True)
    pipeline = household.pipeline()
    load_pending(pipeline)
    with SteppedRun(pipeline, household.settings(), household.clock) as run:
        run.prepare({PEOPLE: LEADS, COMPANIES: [{"domain": "globex.example"}]})
        run.load()
    return _look(household, run.report, values=False, columns=columns_of(household))


def _resumed(household: Household) -> Seen:
    """Everybody is bought, the machine is lost, and another one goes on."""
    household.sandbox.configure(children="full", nulls=False)
    household.clock.advance(3600)
    household.buy(LEADS, refresh_after="0s", reveal_phone_numbers=True, poll_timeout="0s")
    posts, in_flight = household.posts(), household.requests()[-1]
    household.wipe_disk()
    report = household.run(None)
    schema = household.pipeline().default_schema
    return _look(household, report, posts=posts, in_flight=in_flight, restored=set(schema.tables))


def _fewer(household: Household) -> Seen:
    """Fewer children, and fields that nobody has documented."""
    household.sandbox.configure(children="fewer", generation=1)
    household.sandbox.set_faults(Fault("row_patch", value=grown))
    report = _refresh(household)
    seen = _look(household, report, columns=columns_of(household))
    household.sandbox.set_faults()
    return seen


def _none(household: Household) -> Seen:
    """On another machine: no children any more, and one person whom the API has removed."""
    household.wipe_disk()
    household.sandbox.configure(
        children="none", removed_prefixes=("removed", REMOVED_LATER), generation=2
    )
    return _look(household, _refresh(household), columns=columns_of(household))


def _again(household: Household) -> Seen:
    """The same list once more."""
    return _look(household, household.run(LEADS), values=False)


def _held(household: Household) -> Seen:
    """A request of which nobody knows whether it arrived, and a run after that."""
    household.sandbox.set_faults(Fault("post_drop_after_accept", count=1))
    eve = [{"email": "eve@eve.example", "external_id": "eve"}]
    first = household.run(eve)
    posts = household.posts()
    report = household.run([*LEADS, *eve])
    return _look(household, report, values=False, posts=posts, first=first.exit_code)


def _forgotten(household: Household) -> Seen:
    """A person is erased, and asked for again."""
    with open_ledger(household.pipeline()) as ledger:
        erase(
            ledger,
            lead_keys=identifier_keys(FORGOTTEN, None),
            person_ids=[],
            at=household.clock.now(),
        )
    report = household.run([{"email": FORGOTTEN.upper()}], refresh_after="0s")
    return _look(household, report, values=False, mentions=_mentions(household, FORGOTTEN))


def _killed(household: Household) -> Seen:
    """A run that dies while it loads, and the next one."""
    household.sandbox.configure(children="full", generation=3)
    household.clock.advance(3600)
    home = household.home
    nth = 9 if home.name == "duckdb" else KILLED_AT
    words = (
        *(home.name, home.place, household.folder, household.machine, household.dataset),
        *(household.server.url, household.clock.now().isoformat(), nth),
    )
    ended = subprocess.run(
        [sys.executable, "-m", "tests.destinations.killed", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr
    posts = household.posts()
    report = household.run(LEADS)
    return _look(household, report, posts=posts)


def columns_of(household: Household) -> dict[str, dict[str, str]]:
    """Type by table and column, as ``information_schema`` says; names in lower case."""
    with household.pipeline().sql_client() as client:
        dataset = client.dataset_name
        if household.home.name == "bigquery":
            place, where = f"`{client.project_id}.{dataset}`.INFORMATION_SCHEMA.COLUMNS", "1 = 1"
        else:
            place, where = "information_schema.columns", f"lower(table_schema) = '{dataset}'"
        rows = client.execute_sql(
            f"SELECT table_name, column_name, data_type FROM {place} WHERE {where}"
        )
    found: dict[str, dict[str, str]] = {}
    for table, column, data_type in rows or ():
        found.setdefault(table.lower(), {})[column.lower()] = data_type.upper()
    return found


def _mentions(household: Household, text: str) -> list[str]:
    """Tables that say ``text`` anywhere, staging included."""
    pipeline = household.pipeline()
    found = []
    names = [name for name in columns_of(household) if not name.startswith("amplemarket_probe")]
    with pipeline.sql_client() as client:
        for name in names:
            rows = client.execute_sql(f"SELECT * FROM {client.make_qualified_table_name(name)}")
            found += [name] * (text in repr(rows).lower())
        with client.with_staging_dataset():
            # DuckDB has no staging tables (tests/load/test_duckdb_merge.py).
            loaded = ("people", "leads", "enrichment_results", "rejects")
            for name in loaded if household.home.name != "duckdb" else ():
                table = client.make_qualified_table_name(name)
                rows = client.execute_sql(f"SELECT count(*) FROM {table}") or [(0,)]
                found += [f"staging {name}"] * (rows[0][0] > 0)
                if household.home.name == "snowflake":
                    stage = client.make_qualified_table_name(f"%{name}")
                    found += [f"stage of {name}"] * bool(client.execute_sql(f"LIST @{stage}"))
    return found


CHAPTERS: dict[str, Callable[[Household], Seen]] = {
    "nothing": _nothing,
    "resumed": _resumed,
    "fewer": _fewer,
    "none": _none,
    "again": _again,
    "held": _held,
    "forgotten": _forgotten,
    "killed": _killed,
}
