"""Short runs against one dataset for hours: ``python -m tests.crash.soak --minutes 120 --seed 1``.

Each action is a process of its own: a run with some new and some known leads, a resume, or an
erasure. The server misbehaves at random, a third of the processes die by SIGKILL at a random
instant, and now and then the working folder is lost. In the end everything is settled, and every
invariant is checked against the server's own log, which was never touched.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

# First: it sets what dlt reads when it is imported.
from tests.crash.harness import Place, Server, in_child, serving, undisturbed

# isort: split
import duckdb

from amplemarket_source.errors import UsageError
from amplemarket_source.run.forget import forget
from tests.crash import driver

_FAULTS: tuple[dict[str, Any], ...] = (
    {"name": "post_drop_after_accept", "count": 1},
    {"name": "post_503", "count": 1},
    {"name": "post_503_after_accept", "count": 1},
    {"name": "post_no_id", "count": 1},
    {"name": "post_429", "count": 2},
    {"name": "poll_503", "count": 3},
    {"name": "poll_429", "count": 2},
    {"name": "gone_404", "count": 1},
    {"name": "html_body", "count": 1},
    {"name": "cut_json", "count": 1},
    {"name": "cut_body", "count": 1},
    {"name": "page_set", "value": {"status": "processing"}, "count": 1},
    {"name": "rows_duplicated", "count": 3},
    {"name": "rows_shuffled", "count": 3},
    {"name": "ends_error_with_rows", "count": 1},
    {"name": "canceled_elsewhere", "count": 1},
)
_MOST_RUNS = 10
_WINDOW = 60  # of the leads that were asked for, how many may be asked for again


class Soak:
    """The state of the world beside the dataset: what was asked for, who was erased."""

    def __init__(self, folder: Path, server: Server, seed: int, took: float) -> None:
        self.folder = folder
        self.server = server
        self.chance = random.Random(seed)
        self.known: list[str] = []
        self.erased: set[str] = set()
        self.took = took
        self.figures: Counter[str] = Counter()

    def act(self) -> None:
        """One action, which may be killed."""
        chosen = self.chance.random()
        kill = self.chance.uniform(0.02, self.took) if self.chance.random() < 0.33 else None
        if self.chance.random() < 0.05:
            shutil.rmtree(self.folder / "pipelines", ignore_errors=True)
            self.figures["working folders lost"] += 1
        some = self.chance.sample(_FAULTS, self.chance.choice((0, 0, 1, 1, 2, 3)))
        self.server.post("faults", some)
        self.figures["faults switched on"] += len(some)
        if chosen < 0.15 and self.known:
            email = self.chance.choice(self.known[-_WINDOW:])
            self.erased.add(email)
            self._child("erasures", lambda: self._forget(email), kill)
        elif chosen < 0.25:
            self._child("runs without new leads", lambda: self._run("waves", []), kill)
        else:
            mode = "plain" if self.chance.random() < 0.25 else "waves"
            leads = self._leads()
            started = time.monotonic()
            self._child("runs", lambda: self._run(mode, leads), kill)
            if kill is None:
                self.took = 0.8 * self.took + 0.2 * (time.monotonic() - started)
        self.server.post("faults", [])

    def _leads(self) -> list[dict[str, str]]:
        start = len(self.known)
        new = []
        for number in range(start, start + self.chance.randint(1, 9)):
            kind = self.chance.choices(("jane", "notfound", "removed"), (8, 1, 1))[0]
            new.append(f"{kind}{number}@acme{number}.example")
        again = self.chance.sample(self.known[-_WINDOW:], min(4, len(self.known)))
        self.known += new
        return [{"email": email, "external_id": str(n)} for n, email in enumerate([*again, *new])]

    def _run(self, mode: str, leads: list[dict[str, str]]) -> None:
        # A row that cannot be sent stands for no leads at all.
        leads = leads or driver.LEADS[-1:]
        driver.run_once(self.folder, self.server.url, mode, "hold", leads=leads)

    def _forget(self, email: str) -> None:
        # Nobody may be there yet, who is kept out all the same; before the first run, nothing is.
        with suppress(UsageError):
            forget(driver.pipeline_in(self.folder, "waves"), email=email)

    def _child(self, what: str, work: Any, kill: float | None) -> None:
        status, said = in_child(work, kill)
        self.figures[what] += 1
        self.figures["killed"] += status == -signal.SIGKILL
        if status == 1:
            self.figures[f"ended by {str(said).partition(':')[0]}"] += 1

    def settle(self) -> None:
        """Without faults, until nothing is left; whoever was to be erased is erased again."""
        for email in sorted(self.erased):
            status, said = in_child(lambda email=email: self._forget(email))  # type: ignore[misc]
            assert status == 0, said
        for _ in range(_MOST_RUNS):
            status, said = in_child(lambda: self._run("waves", []))
            assert status == 0, said
            _, found = in_child(lambda: driver.dump(self.folder))
            if set(found["open"]) <= {"held"}:
                return
        raise AssertionError(f"not settled after {_MOST_RUNS} runs: {found['open']}")

    def check(self) -> list[str]:
        """Every invariant, against the server's log and the tables as they are."""
        log = self.server.log()
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as database:
            return [*self._money(database, log), *self._tables(database), *self._gone(database)]

    def _money(self, database: Any, log: dict[str, Any]) -> list[str]:
        def rows(sql: str) -> list[Any]:
            return database.execute(sql).fetchall()  # type: ignore[no-any-return]

        database.execute("USE amplemarket_data")
        submitted: dict[str, int] = log["submitted"]["people"]
        problems = []
        again = sum(times - 1 for times in submitted.values())
        ((unanswered,),) = rows(
            "SELECT coalesce(sum(unanswered_count), 0) FROM enrichment_requests "
            "WHERE loaded_at IS NOT NULL AND status <> 'completed'"
        )
        if again > unanswered:
            problems.append(f"bought again: {again} times, {unanswered} leads were not answered")
        self.figures["leads submitted"] = len(submitted)
        self.figures["submitted again, unanswered before"] = again
        accounted = {row[0] for row in rows("SELECT lead_key FROM enrichment_results")}
        held = rows(
            "SELECT DISTINCT lead_key FROM _amplemarket_request_leads "
            "JOIN enrichment_requests USING (request_key) WHERE status = 'held'"
        )
        accounted |= {row[0] for row in held}
        self.figures["leads held and reported"] = len(held)
        keys = {
            driver.lead_key(driver.PEOPLE, {"email": lead.removeprefix("email=")}): lead
            for lead in submitted
        }
        if lost := [lead for key, lead in keys.items() if key not in accounted]:
            problems.append(f"lost: {len(lost)} leads, such as {lost[0]}")
        charges: dict[str, list[Any]] = {}
        for charge in log["charges"]:
            charges.setdefault(str(charge["request_id"]), []).append(charge)
        erased = {f"email={email}" for email in self.erased}
        for request_id, estimated, most in rows(
            "SELECT request_id, email_credits_estimated + phone_credits_estimated, "
            "email_credits_max + phone_credits_max FROM enrichment_requests "
            "WHERE loaded_at IS NOT NULL AND request_id IS NOT NULL"
        ):
            made = charges.get(request_id, [])
            told = sum(charge["credits"] for charge in made if charge["lead"] not in erased)
            if not told <= estimated <= sum(charge["credits"] for charge in made) <= most:
                problems.append(f"request {request_id}: estimated {estimated}, charged {told}")
        return problems

    def _tables(self, database: Any) -> list[str]:
        problems = []
        for what, sql in _INVARIANTS.items():
            ((wrong,),) = database.execute(sql).fetchall()
            if wrong:
                problems.append(f"{what}: {wrong} rows")
        ((self.figures["people"],),) = database.execute("SELECT count(*) FROM people").fetchall()
        return problems

    def _gone(self, database: Any) -> list[str]:
        tables = database.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        problems = []
        for schema, table in tables:
            content = repr(database.table(f'"{schema}"."{table}"').fetchall())
            if told := [email for email in self.erased if email in content]:
                problems.append(f"{schema}.{table} tells of {len(told)} who were erased")
        for path in (self.folder / "pipelines").rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            if any(email.encode() in content for email in self.erased):
                problems.append(f"{path.name} tells of somebody who was erased")
        self.figures["people erased"] = len(self.erased)
        return problems


_INVARIANTS = {
    "two rows of one person": "SELECT count(*) - count(DISTINCT id) FROM people",
    "two outcomes of one lead": (
        "SELECT count(*) - count(DISTINCT (kind, lead_key)) FROM enrichment_results"
    ),
    "two rows of one lead": "SELECT count(*) - count(DISTINCT lead_id) FROM leads",
    "experiences without a person": (
        "SELECT count(*) FROM people__experiences WHERE person_id NOT IN (SELECT id FROM people)"
    ),
    "enriched without a person": (
        "SELECT count(*) FROM enrichment_results WHERE status = 'enriched' AND kind = 'people' "
        "AND person_id NOT IN (SELECT id FROM people)"
    ),
    "a person nobody paid for": (
        "SELECT count(*) FROM people WHERE enrichment_request_id NOT IN "
        "(SELECT request_id FROM enrichment_requests WHERE loaded_at IS NOT NULL)"
    ),
    "requests whose leads do not add up": (
        "SELECT count(*) FROM enrichment_requests WHERE loaded_at IS NOT NULL AND lead_count <> "
        "enriched_count + not_found_count + gdpr_removed_count + unanswered_count"
    ),
    "an erasure that is not through": "SELECT count(*) FROM erasures WHERE erased_at IS NULL",
}


def main() -> int:
    """Returns: 0 when every invariant holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    until = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as name, serving() as server:
        _, took = undisturbed(Place(Path(name) / "before"), server, "waves")
        server.post("reset")
        (Path(name) / "soak").mkdir()
        soak = Soak(Path(name) / "soak", server, given.seed, took)
        actions = 0
        while time.monotonic() < until:
            soak.act()
            actions += 1
            if actions % 50 == 0:
                print(f"{actions} actions: {dict(soak.figures)}", file=sys.stderr, flush=True)
        soak.settle()
        problems = soak.check()
    for problem in problems:
        print(problem)
    table = {"minutes": given.minutes, "actions": actions, "problems": len(problems)}
    for label, figure in {**table, **soak.figures}.items():
        print(f"{label:<42}{figure:>8}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
