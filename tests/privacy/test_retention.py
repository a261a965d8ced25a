"""Retention: whose latest answer is too old leaves, the ledger stays, and nobody is kept out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.run import forget as module
from amplemarket_source.run.forget import forget
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from amplemarket_source.warehouse.client import Warehouse
from tests.privacy.people import mentions
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment, email_leads

pytestmark = [pytest.mark.xdist_group("retention"), pytest.mark.slow]

_OUTCOMES = (
    "SELECT lead_key, status, enriched_at, request_key FROM enrichment_results ORDER BY lead_key"
)
_TOLD = ("ada@ada", "eve@eve", "two words", "notfound1@")


@pytest.fixture(scope="module")
def aged_folder(
    tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path
) -> tuple[Path, datetime]:
    """A deployment with Ada, Eve and a miss of 40 days ago, Ada's addresses as keys; Bob of now."""
    folder, clock = tmp_path_factory.mktemp("aged") / "deployment", ManualClock()
    shutil.copytree(empty_warehouse, folder)
    with SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server:
        deployment = Deployment(folder, server, clock)
        deployment.run(
            [
                {"email": "ada@ada.example", "external_id": "ada@ada.example"},
                {"email": "ADA@ada.example", "title": "CTO", "external_id": "crm-1"},
                {"linkedin_url": "two words", "external_id": "crm-2"},
                *email_leads("eve", "notfound1"),
            ],
            reveal_email=True,
            reveal_phone_numbers=True,
        )
        clock.advance(40 * 86_400)
        deployment.run(email_leads("bob"))
    return folder, clock.now()


@pytest.fixture
def aged(
    tmp_path: Path, aged_folder: tuple[Path, datetime], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """A copy of it, with an API of its own."""
    folder, now = aged_folder
    shutil.copytree(folder, tmp_path / "deployment")
    clock = ManualClock(now)
    monkeypatch.setattr(module, "SystemClock", lambda: clock)
    with SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server:
        yield Deployment(tmp_path / "deployment", server, clock)


def test_everyone_older_leaves_every_table_with_the_fields_of_their_leads(aged: Deployment) -> None:
    before = aged.rows(_OUTCOMES)
    spent = aged.rows("SELECT sum(email_credits_estimated) FROM enrichment_requests")
    erasure = forget(aged.pipeline(), older_than="30d")
    assert (erasure.found, erasure.suppressed, erasure.leads_blanked) == (True, False, 4)
    assert erasure.rows_removed["people"] == 2
    assert erasure.rows_removed["people__experiences"] > 0
    assert mentions(aged, *_TOLD) == set()
    assert aged.people() == 1
    assert aged.rows(
        "SELECT count(*) FROM people__experiences WHERE person_id NOT IN (SELECT id FROM people)"
    ) == [(0,)]
    assert aged.rows(_OUTCOMES) == before
    assert aged.rows("SELECT count(*) FROM enrichment_results WHERE person_id IS NOT NULL") == [
        (1,)
    ]
    assert aged.rows("SELECT sum(email_credits_estimated) FROM enrichment_requests") == spent
    assert aged.rows("SELECT count(*) FROM leads WHERE external_id = 'crm-1'") == [(1,)]


def test_it_is_recorded_and_keeps_nobody_out(aged: Deployment) -> None:
    forget(aged.pipeline(), older_than="30d")
    kinds = aged.rows("SELECT key_of, reason, count(*) FROM erasures GROUP BY ALL ORDER BY ALL")
    assert kinds == [("lead", "retention", 4), ("person", "retention", 2)]
    plan = aged.run(email_leads("ada"), refresh_after="1d").plan.kinds[0]
    assert (plan.suppressed, plan.to_buy) == (0, 1)
    assert aged.people() == 2
    assert not forget(aged.pipeline(), older_than="30d").found


def test_who_asks_to_be_forgotten_after_that_is_kept_out(aged: Deployment) -> None:
    forget(aged.pipeline(), older_than="30d")
    aged.run(email_leads("ada"), refresh_after="1d")
    forget(aged.pipeline(), email="ada@ada.example")
    assert aged.rows("SELECT DISTINCT reason FROM erasures ORDER BY 1") == [
        ("request",),
        ("retention",),
    ]
    assert aged.run(email_leads("ada"), refresh_after="0s").plan.kinds[0].suppressed == 1


def test_whoever_was_answered_anew_stays_with_all_their_leads(aged: Deployment) -> None:
    aged.run([{"email": "ADA@ada.example", "title": "CTO"}], refresh_after="1d")
    forget(aged.pipeline(), older_than="30d")
    assert aged.people() == 2
    assert aged.rows("SELECT count(*) FROM leads WHERE lower(email) = 'ada@ada.example'") == [(3,)]


def test_a_lead_that_is_asked_for_keeps_its_fields(aged: Deployment) -> None:
    aged.buy(email_leads("eve"), refresh_after="1d", poll_timeout="0s")
    forget(aged.pipeline(), older_than="30d")
    assert aged.rows("SELECT email FROM leads WHERE external_id = 'eve'") == [("eve@eve.example",)]
    aged.run(None)
    assert aged.outcomes()["eve"] == "enriched"


def test_the_number_of_statements_does_not_grow_with_the_people(
    aged: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, asked = Warehouse.rows, []

    def counting(warehouse: Warehouse, sql: str, *values: Any) -> Any:
        asked.append(sql)
        return rows(warehouse, sql, *values)

    monkeypatch.setattr(Warehouse, "rows", counting)
    forget(aged.pipeline(), older_than="30d")
    few = len(asked)
    aged.run([{"email": f"p{number}@many.example"} for number in range(600)])
    aged.clock.advance(40 * 86_400)
    asked.clear()
    assert forget(aged.pipeline(), older_than="30d").leads_blanked >= 600
    assert len(asked) == few


def test_retention_that_dies_anywhere_is_finished_by_the_next(
    aged: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Warehouse.rows
    for place in range(0, 15, 2):
        left = place

        def dying(warehouse: Warehouse, sql: str, *values: Any) -> Any:
            nonlocal left
            if sql.startswith(("UPDATE", "DELETE", "INSERT")):
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
            return rows(warehouse, sql, *values)

        with monkeypatch.context() as patch:
            patch.setattr(Warehouse, "rows", dying)
            try:
                forget(aged.pipeline(), older_than="30d")
            except KeyboardInterrupt:
                continue
    forget(aged.pipeline(), older_than="30d")
    assert mentions(aged, *_TOLD) == set()
    assert aged.people() == 1
