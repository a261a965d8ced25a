"""Any sequence of operations keeps the invariants (faults.md).

1. The server never charges more than one clean run would cost.
2. Every lead ends in exactly one place: an outcome, a held request, or not bought.
3. No person without a ledger row that paid for it; nothing settled without its rows.
4. Loading again changes nothing.
5. Nothing of an erased person in any table.
6. The ledger's estimates are what the account was charged, to the credit.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from amplemarket_source.errors import Busy
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.ledger import Ledger
from amplemarket_source.privacy.erase import erase_meant
from amplemarket_source.privacy.identifiers import everyone_meant
from amplemarket_source.run.forget import scrub_pages
from amplemarket_source.sandbox import Fault, SandboxOptions, SandboxServer, validation
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment
from tests.support.keys import lead_key
from tests.support.steps import open_ledger

LONG_FORM = "AMPLEMARKET_SEQUENCES"
"""How many sequences, each time others; without it a few, always the same."""
NAMES = ("ada", "bob", "cy", "dee", "notfound1", "removed1", "refused1")
EMAILS = {name: f"{name}@{name}.example" for name in NAMES}
KEYS = {name: lead_key(PEOPLE, {"email": email}) for name, email in EMAILS.items()}
SOME = st.sets(st.sampled_from(NAMES), min_size=1)
LOST = st.sampled_from(["post_drop_after_accept", "post_503", "post_no_id"])
REVEALS = st.fixed_dictionaries(
    {}, optional={"reveal_email": st.just(True), "reveal_phone_numbers": st.just(True)}
)
SPELLINGS = st.sampled_from(["{0}", " {0}\t", "{0}\u200b", "\ufeff{0}"])
CASES = st.sampled_from([str, str.upper, str.title])
ODD_PAGES = st.sampled_from(
    [
        # Told of all the same.
        Fault("page_set", {"status": "processing"}, count=1, method="GET", path="?page"),
        Fault("page_set", {"status": "completed"}, count=1),
        Fault("gone_404", count=2),
        Fault("gateway_404", count=1),
        Fault("cut_json", count=1),
        Fault("rows_repeated"),
        Fault("rows_duplicated"),
        Fault("rows_shuffled"),
        Fault("echo_partial"),
        Fault("replace_text", {"old": "ada@ada.example", "new": "ADA@ada.example"}),
    ]
)
UNTOLD = st.sampled_from(
    [
        Fault("rows_missing"),
        Fault("replace_text", {"old": "bob@bob.example", "new": "eve@eve.example"}),
        Fault("replace_text", {"old": "bob@bob.example", "new": "ada@ada.example"}),
    ]
)
CRASHES = st.sampled_from(["intended", "posting", "accepted", "submitted", "half", "read"])


class Crash(BaseException):
    """The process is gone; nothing is cleaned up."""


class Buying(RuleBasedStateMachine):
    empty: Path

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copytree(self.empty, self.folder, dirs_exist_ok=True)
        self.clock = ManualClock()
        options = SandboxOptions(requests_per_minute=None)
        self.server = SandboxServer(options, clock=self.clock).__enter__()
        self.deployment = Deployment(self.folder, self.server, self.clock)
        self.erased: set[str] = set()
        self.untold: set[str] = set()
        self.allowed: Counter[str] = Counter()

    def teardown(self) -> None:
        if hasattr(self, "server"):
            self.server.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def leads(self, names: set[str]) -> list[dict[str, str]]:
        return [{"email": EMAILS[name], "external_id": name} for name in sorted(names)]

    def ask(self, names: set[str], times: int = 1) -> None:
        for name in names:
            self.allowed[name] = max(self.allowed[name], times)

    def ask_once_more(self, names: set[str]) -> None:
        submitted = self.submitted()
        for name in names:
            self.ask({name}, submitted[name] + 1)

    @rule(names=SOME, cap=st.sampled_from([None, None, 0.5, 1.0, 2.5]), reveals=REVEALS)
    def run(self, names: set[str], cap: float | None, reveals: dict[str, bool]) -> None:
        # What was not revealed yet is asked for again.
        (self.ask_once_more if reveals else self.ask)(names)
        before = self.committed()
        self.deployment.run(self.leads(names), leads_per_request=2, max_credits=cap, **reveals)
        assert cap is None or self.committed() - before <= cap
        self.erased |= {"removed1"} & names

    def committed(self) -> float:
        found = self.deployment.rows(
            "SELECT coalesce(sum(email_credits_max + phone_credits_max), 0) "
            "FROM enrichment_requests "
            "WHERE status <> 'dropped'"
        )
        return float(found[0][0])

    @rule(names=SOME, cap=st.sampled_from([0.5, 2.0]), per=st.sampled_from(["day", "month"]))
    def run_within_a_period(self, names: set[str], cap: float, per: str) -> None:
        self.ask(names)
        before = self.committed_in(per)
        self.deployment.run(
            self.leads(names), leads_per_request=2, max_credits=cap, max_credits_per=per
        )
        assert self.committed_in(per) <= max(before, cap)

    def committed_in(self, per: str) -> float:
        start = self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        with open_ledger(self.deployment.pipeline()) as ledger:
            return ledger.committed_since(start.replace(day=1) if per == "month" else start)

    @rule(names=SOME, fault=ODD_PAGES)
    def read_odd_pages(self, names: set[str], fault: Fault) -> None:
        self.ask(names)
        self.run_with(names, fault)

    @rule(names=SOME, fault=UNTOLD)
    def miss_a_row(self, names: set[str], fault: Fault) -> None:
        self.ask(names)
        # The run also reads what another has left open.
        waited_for = self.deployment.rows(
            "SELECT lead_key FROM _amplemarket_request_leads JOIN enrichment_requests "
            "USING (request_key) WHERE loaded_at IS NULL"
        )
        self.untold |= names | {name for name, key in KEYS.items() if (key,) in waited_for}
        self.run_with(names, fault)

    def run_with(self, names: set[str], fault: Fault) -> None:
        """Two pages a request, of which the second may be odd alone."""
        self.server.sandbox.configure(page_size=1)
        self.server.sandbox.set_faults(fault)
        self.deployment.run(self.leads(names), leads_per_request=2)
        self.server.sandbox.set_faults()
        self.server.sandbox.configure(page_size=100)

    @rule(names=SOME)
    def buy_for_another_account(self, names: set[str]) -> None:
        self.ask(names)
        account = self.server.sandbox.options.account_id
        self.server.sandbox.configure(account_id="another")
        self.deployment.run(self.leads(names), leads_per_request=2)
        self.server.sandbox.configure(account_id=account)

    @rule()
    def go_to_another_folder(self) -> None:
        here, there, between = (self.folder / name for name in ("pipelines", "there", "between"))
        for old, new in ((here, between), (there, here), (between, there)):
            if old.exists():
                old.rename(new)

    @rule(names=SOME, fault=LOST)
    def lose_an_answer(self, names: set[str], fault: str) -> None:
        self.ask(names)
        self.server.sandbox.set_faults(Fault(fault, count=1))
        self.deployment.run(self.leads(names), leads_per_request=2)
        self.server.sandbox.set_faults()

    @rule(names=SOME, where=CRASHES, empty_disk=st.booleans())
    def crash(self, names: set[str], where: str, empty_disk: bool) -> None:
        self.ask(names)
        patch = pytest.MonkeyPatch()
        _die(patch, where)
        run = self.deployment.opened(leads_per_request=2)
        with suppress(Crash):
            run.__enter__()
            run.prepare({PEOPLE: self.leads(names)})
            list(run.completed())
        patch.undo()
        # What the operating system does for a process that is gone.
        run.stack.close()
        if empty_disk:
            self.deployment.wipe_disk()

    @rule()
    def resume(self) -> None:
        self.deployment.run(None)

    @rule(names=SOME, reveals=REVEALS, hours=st.sampled_from([48, 48, 13]))
    def refresh(self, names: set[str], reveals: dict[str, bool], hours: int) -> None:
        self.clock.advance(timedelta(hours=hours).total_seconds())
        self.ask_once_more(names)
        ages = {"refresh_after": "12h", "retry_not_found_after": "12h"}
        self.deployment.run(self.leads(names), **ages, **reveals)

    @rule(names=SOME)
    def cancel_elsewhere(self, names: set[str]) -> None:
        before = self.submitted()
        self.ask(names)
        self.server.sandbox.set_faults(Fault("canceled_elsewhere", count=1))
        self.deployment.run(self.leads(names))
        self.server.sandbox.set_faults()
        # What was not done may be bought again.
        unanswered = {n for n, s in self.deployment.outcomes().items() if s == "unanswered"}
        for name in unanswered:
            self.allowed[name] = max(self.allowed[name], before[name] + 2)

    @rule(name=st.sampled_from(("ada", "bob")), spelt=SPELLINGS, case=CASES)
    def forget(self, name: str, spelt: str, case: Callable[[str], str]) -> None:
        pairs = [(spelt.format(case(EMAILS[name])), None)]
        with open_ledger(self.deployment.pipeline()) as ledger:
            meant = everyone_meant(ledger.warehouse, keys=(), pairs=pairs, people=())
            erase_meant(ledger.warehouse, meant, at=self.clock.now(), reason="request")
        scrub_pages(self.deployment.pipeline(), meant.keys)
        self.erased.add(name)

    @rule(names=SOME, name=st.sampled_from(("ada", "bob")), at=st.sampled_from([0, 1, 2]))
    def forget_while_a_run_is_stopped(self, names: set[str], name: str, at: int) -> None:
        """Before its POST, before its answers, before its load."""
        self.ask(names)
        with self.deployment.opened(
            leads_per_request=2, poll_timeout="0s" if at == 1 else "1h"
        ) as run:
            run.prepare({PEOPLE: self.leads(names)})
            if at:
                list(run.completed())
        self.forget(name, "{0}", str)
        self.deployment.run(None)

    @rule(names=SOME)
    def two_at_once(self, names: set[str]) -> None:
        self.ask(names)
        with self.deployment.opened(leads_per_request=2) as run:
            run.prepare({PEOPLE: self.leads(names)})
            with pytest.raises(Busy):
                self.deployment.run(self.leads(names))
            list(run.completed())

    @rule()
    def load_again(self) -> None:
        self.deployment.run(None)
        before = self.contents()
        self.deployment.run(None)
        assert self.contents() ^ before == set()
        landed = {row[0] for row in self.deployment.rows("SELECT lead_key FROM enrichment_results")}
        held = {
            row[0]
            for row in self.deployment.rows(
                "SELECT lead_key FROM _amplemarket_request_leads JOIN enrichment_requests "
                "USING (request_key) WHERE status = 'held'"
            )
        }
        assert {KEYS[name] for name, times in self.submitted().items() if times} <= landed | held

    def contents(self) -> set[str]:
        return {
            f"{table}: {row}"
            for table in ("people", "people__experiences", "enrichment_results", "leads")
            for row in self.deployment.rows(f"SELECT * FROM {table}")
        }

    def submitted(self) -> Counter[str]:
        found = self.server.sandbox.submitted("people")
        return Counter({name: found[f"email={email}"] for name, email in EMAILS.items()})

    @invariant()
    def no_lead_is_bought_more_often_than_it_was_asked_for(self) -> None:
        if hasattr(self, "server"):
            for name, times in self.submitted().items():
                assert times <= self.allowed[name], name

    @invariant()
    def everything_adds_up(self) -> None:
        if not hasattr(self, "server"):
            return
        sandbox = self.server.sandbox
        requests = self.deployment.rows(
            "SELECT request_id, email_credits_estimated + phone_credits_estimated, "
            "email_credits_max + phone_credits_max, lead_count, "
            "enriched_count + not_found_count + gdpr_removed_count + unanswered_count "
            "FROM enrichment_requests WHERE loaded_at IS NOT NULL"
        )
        # An answer about somebody erased before it was loaded is read as if there were none, and
        # one that did not come, or under somebody else's name, cannot be read.
        erased = {f"email={EMAILS[name]}" for name in self.erased | self.untold}
        for request_id, estimated, most, leads, outcomes in requests:
            charges = [c for c in sandbox.charges if str(c.request_id) == request_id]
            told = sum(c.credits for c in charges if c.lead not in erased)
            assert told <= estimated <= sum(c.credits for c in charges) <= most
            assert leads == outcomes
        paid_for = self.deployment.rows(
            "SELECT count(*) FROM people p WHERE NOT EXISTS (SELECT 1 FROM enrichment_requests r "
            "WHERE r.request_id = p.enrichment_request_id AND r.loaded_at IS NOT NULL)"
        )
        assert paid_for == [(0,)]
        lost = self.deployment.rows(
            "SELECT count(*) FROM enrichment_results r WHERE r.status = 'enriched' "
            "AND r.person_id NOT IN (SELECT id FROM people)"
        )
        assert lost == [(0,)]

    @invariant()
    def nothing_of_an_erased_person_is_left(self) -> None:
        if not hasattr(self, "server") or not self.erased:
            return
        for table in ("people", "people__experiences", "leads", "enrichment_results", "rejects"):
            text = repr(self.deployment.rows(f"SELECT * FROM {table}"))
            for name in self.erased & {"ada", "bob"}:
                assert EMAILS[name] not in text, table


def _die(patch: pytest.MonkeyPatch, where: str) -> None:
    """Let the process be gone just before a step."""
    from amplemarket_source.journal import Journal
    from amplemarket_source.pages import SpooledRequest

    if where in ("intended", "posting", "accepted"):
        write = Journal.write

        def dying(journal: Journal, event: Any, *rest: Any) -> None:
            if event == where:
                raise Crash
            write(journal, event, *rest)

        patch.setattr(Journal, "write", dying)
        return
    owner, name = {
        "submitted": (Ledger, "accepted"),
        "half": (SpooledRequest, "add"),
        "read": (SpooledRequest, "complete"),
    }[where]

    def gone(*_: Any, **__: Any) -> None:
        raise Crash

    patch.setattr(owner, name, gone)


@pytest.mark.slow
@pytest.mark.timeout(3600 if LONG_FORM in os.environ else 600)
def test_any_sequence_of_operations_keeps_the_invariants(
    empty_warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Buying.empty = empty_warehouse
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!refused).*"))
    run_state_machine_as_test(
        Buying,
        settings=settings(
            max_examples=int(os.environ.get(LONG_FORM, 5)),
            stateful_step_count=7,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=LONG_FORM not in os.environ,
            # A sequence is short, and each step of a shorter one takes seconds.
            phases=[Phase.generate],
            database=None,
        ),
    )
