"""What happens in one deployment, chapter by chapter; each test asks for the chapter it is about.

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

from amplemarket_source.kinds import COMPANIES, EMAILS, PEOPLE
from amplemarket_source.load.waves import load_pending
from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.keys import identifier_keys
from amplemarket_source.privacy.leftovers import empty_working_folders
from amplemarket_source.report import RunReport
from amplemarket_source.report_page import figures
from amplemarket_source.sandbox.faults import Fault
from amplemarket_source.schema.tables import EMAIL_VALIDATIONS, HISTORIES
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.recount import differences
from tests.support.steps import SteppedRun, open_ledger

__all__ = ["CHAPTERS", "FORGOTTEN", "LEADS", "LONG_TEXT", "REMOVED_LATER", "Scenario", "Seen"]

ROOT = Path(__file__).parents[2]
LEADS = [
    *({"email": f"ada{n}@ada{n}.example", "external_id": f"a{n}"} for n in range(5)),
    {"email": "notfound1@nowhere.example", "external_id": "n"},
    {"email": "removed1@gone.example", "external_id": "r"},
    {"email": "not an address", "external_id": "x"},
]
FORGOTTEN = "ada0@ada0.example"
ADDRESSES = [{"email": FORGOTTEN}, {"email": "risky.one@catchall.example"}]
"""Those that are validated."""
REMOVED_LATER = "ada4"
LONG_TEXT = "An \"old\" 'friend'; \\n 100 % — δοκιμή 🎈\n\t" * 2_000
KILLED_AT = 22
"""Of the 19 copies and 19 merges of a load; where files are merged at once there are 19 jobs, and
the 9th is the last that starts."""


LATER_COLUMNS = {
    "people": ["request_key"],
    "companies": ["request_key"],
    "leads": ["erased_at"],
    "enrichment_results": ["erased_at"],
    "rejects": ["request_key", "first_rejected_at"],
}
"""What the version before histories did not have."""


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


class Scenario:
    """Plays the chapters of `CHAPTERS` in a deployment, each once."""

    def __init__(self, deployment: WarehouseDeployment) -> None:
        self.deployment = deployment
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
                    self._seen[name] = play(self.deployment)
                except BaseException as error:
                    self._failed[name] = error
                    raise
            if name == chapter:
                break
        return self._seen[chapter]


def _look(
    deployment: WarehouseDeployment, report: RunReport, *, values: bool = True, **notes: Any
) -> Seen:
    return Seen(
        counts=deployment.counts(),
        wrong=differences(deployment) if values else [],
        posts=deployment.posts(),
        report=report,
        notes=notes,
    )


def _refresh(deployment: WarehouseDeployment, **settings: Any) -> RunReport:
    """Buy everybody again, phone numbers as well: else those that were revealed would stay."""
    deployment.clock.advance(3600)
    return deployment.run(LEADS, refresh_after="0s", reveal_phone_numbers=True, **settings)


def _nothing(deployment: WarehouseDeployment) -> Seen:
    """A first load in which every value is null and every list empty."""
    deployment.sandbox.configure(children="none", nulls=True)
    pipeline = deployment.pipeline()
    load_pending(pipeline)
    with SteppedRun(pipeline, deployment.settings(), deployment.clock) as run:
        inputs = {PEOPLE: LEADS, COMPANIES: [{"domain": "globex.example"}], EMAILS: ADDRESSES}
        run.prepare(inputs)
        run.load()
    return _look(deployment, run.report, values=False, columns=columns_of(deployment))


def _resumed(deployment: WarehouseDeployment) -> Seen:
    """Everybody is bought, the machine is lost, and another one goes on."""
    deployment.sandbox.configure(children="full", nulls=False)
    deployment.clock.advance(3600)
    deployment.buy(LEADS, refresh_after="0s", reveal_phone_numbers=True, poll_timeout="0s")
    posts, in_flight = deployment.posts(), deployment.requests()[-1]
    deployment.wipe_disk()
    report = deployment.run(None)
    schema = deployment.pipeline().default_schema
    return _look(deployment, report, posts=posts, in_flight=in_flight, restored=set(schema.tables))


def _fewer(deployment: WarehouseDeployment) -> Seen:
    """Fewer children, and fields that nobody has documented."""
    deployment.sandbox.configure(children="fewer", generation=1)
    deployment.sandbox.set_faults(Fault("row_patch", value=grown))
    report = _refresh(deployment)
    seen = _look(deployment, report, columns=columns_of(deployment))
    deployment.sandbox.set_faults()
    return seen


def _none(deployment: WarehouseDeployment) -> Seen:
    """On another machine: no children any more, and one person whom the API has removed."""
    deployment.wipe_disk()
    deployment.sandbox.configure(
        children="none", removed_prefixes=("removed", REMOVED_LATER), generation=2
    )
    return _look(deployment, _refresh(deployment), columns=columns_of(deployment))


def _again(deployment: WarehouseDeployment) -> Seen:
    """The same list once more."""
    return _look(deployment, deployment.run(LEADS), values=False)


def _held(deployment: WarehouseDeployment) -> Seen:
    """A request of which nobody knows whether it arrived, and a run after that."""
    deployment.sandbox.set_faults(Fault("post_drop_after_accept", count=1))
    eve = [{"email": "eve@eve.example", "external_id": "eve"}]
    first = deployment.run(eve)
    posts = deployment.posts()
    report = deployment.run([*LEADS, *eve])
    notes = {
        "first": first.exit_code,
        "figures": figures(deployment.pipeline(), clock=deployment.clock),
    }
    return _look(deployment, report, values=False, posts=posts, **notes)


def _forgotten(deployment: WarehouseDeployment) -> Seen:
    """A person is erased, and asked for again."""
    with open_ledger(deployment.pipeline()) as ledger:
        erase(
            ledger.warehouse,
            lead_keys=identifier_keys(FORGOTTEN, None),
            person_ids=[],
            at=deployment.clock.now(),
        )
        empty_working_folders(deployment.pipeline(), ledger.warehouse)
    report = deployment.run([{"email": FORGOTTEN.upper()}], refresh_after="0s")
    return _look(deployment, report, values=False, mentions=_mentions(deployment, FORGOTTEN))


def _killed(deployment: WarehouseDeployment) -> Seen:
    """A run that dies while it loads, and the next one."""
    deployment.sandbox.configure(children="full", generation=3)
    deployment.clock.advance(3600)
    warehouse = deployment.warehouse
    nth = KILLED_AT if warehouse.name == "ducklake" else 9
    words = (
        *(
            warehouse.name,
            warehouse.place,
            deployment.folder,
            deployment.machine,
            deployment.dataset,
        ),
        *(deployment.server.url, deployment.clock.now().isoformat(), nth),
    )
    ended = subprocess.run(
        [sys.executable, "-m", "tests.destinations.killed", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr
    posts = deployment.posts()
    report = deployment.run(LEADS)
    return _look(deployment, report, posts=posts)


def _earlier(deployment: WarehouseDeployment) -> Seen:
    """The tables become what the version before histories left, and another machine opens them."""
    told = ("leads", "enrichment_results", "rejects")
    before = {
        name: [row for row in deployment.table(name) if row.get("kind") != EMAILS.name]
        for name in ("people", "companies", *told)
    }
    as_an_earlier_version_left_it(deployment)
    deployment.wipe_disk()
    with open_ledger(deployment.pipeline()):
        pass
    again = deployment.run(LEADS)
    return _look(deployment, again, values=False, before=before)


def as_an_earlier_version_left_it(deployment: WarehouseDeployment) -> None:
    """Take away what was not there before there were histories and validations, and what dlt has
    noted of it."""
    with deployment.pipeline().sql_client() as client:
        name = client.make_qualified_table_name
        for table, columns in LATER_COLUMNS.items():
            for column in columns:
                client.execute_sql(f"ALTER TABLE {name(table)} DROP COLUMN {column}")
        for table in ("leads", "enrichment_results", "enrichment_requests"):
            client.execute_sql(f"DELETE FROM {name(table)} WHERE kind = '{EMAILS.name}'")
        for new in (*HISTORIES, EMAIL_VALIDATIONS):
            client.execute_sql(f"DROP TABLE {name(new.name)}")
        client.execute_sql(f"DELETE FROM {name('_dlt_version')} WHERE 1 = 1")


def columns_of(deployment: WarehouseDeployment) -> dict[str, dict[str, str]]:
    """Type by table and column, as ``information_schema`` says; names in lower case."""
    with deployment.pipeline().sql_client() as client:
        dataset = client.dataset_name
        if deployment.warehouse.name == "bigquery":
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


def _mentions(deployment: WarehouseDeployment, text: str) -> list[str]:
    """Tables that say ``text`` anywhere, staging included."""
    pipeline = deployment.pipeline()
    found = []
    names = [name for name in columns_of(deployment) if not name.startswith("amplemarket_probe")]
    with pipeline.sql_client() as client:
        for name in names:
            rows = client.execute_sql(f"SELECT * FROM {client.make_qualified_table_name(name)}")
            found += [name] * (text in repr(rows).lower())
        with client.with_staging_dataset():
            # There where a load went through it (tests/destinations/test_merging.py).
            loaded = ("people", "leads", "enrichment_results", "rejects")
            for name in loaded if client.has_dataset() else ():
                table = client.make_qualified_table_name(name)
                rows = client.execute_sql(f"SELECT count(*) FROM {table}") or [(0,)]
                found += [f"staging {name}"] * (rows[0][0] > 0)
                if deployment.warehouse.name == "snowflake":
                    stage = client.make_qualified_table_name(f"%{name}")
                    found += [f"stage of {name}"] * bool(client.execute_sql(f"LIST @{stage}"))
    return found


CHAPTERS: dict[str, Callable[[WarehouseDeployment], Seen]] = {
    "nothing": _nothing,
    "resumed": _resumed,
    "fewer": _fewer,
    "none": _none,
    "again": _again,
    "held": _held,
    "forgotten": _forgotten,
    "killed": _killed,
    "earlier": _earlier,
}
