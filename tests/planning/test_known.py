"""A list meets the ledger at the destination: no more comes back than the list is about."""

from __future__ import annotations

import pytest

from amplemarket_source import ledger
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.warehouse.client import Warehouse
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import SteppedRun

pytestmark = pytest.mark.slow

_NAMES = [f"lead{number}" for number in range(30)]


def rows_read(run: SteppedRun) -> dict[str, int]:
    tables = ("known", "known_leads", "erased", "request_leads")
    return {
        table: run.session.workbench.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables
    }


def test_a_plan_reads_of_the_ledger_what_its_list_is_about(deployment: Deployment) -> None:
    deployment.run(email_leads(*_NAMES, "notfound1", "removed1"))
    with deployment.opened() as run:
        plan = run.prepare({PEOPLE: email_leads("lead3", "notfound1", "new")})
        assert (plan.kinds[0].fresh, plan.kinds[0].to_buy) == (2, 1)
        # Of all that were asked for, whatever the list: who was erased, and how many are found.
        assert plan.kinds[0].hit_rate == pytest.approx(30 / 31)
        # The one of the new batch is not from the ledger.
        read = {"known": 3, "known_leads": 2, "erased": 1, "request_leads": 1}
        assert rows_read(run) == read


def test_of_a_recorded_lead_nothing_but_its_key_is_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run(email_leads("ada", "notfound1"))
    asked: list[str] = []
    read = Warehouse.read

    def noting(warehouse: Warehouse, sql: str, *parameters: object) -> object:
        asked.append(sql)
        return read(warehouse, sql, *parameters)

    monkeypatch.setattr(Warehouse, "read", noting)
    report = deployment.run(email_leads("ada", "notfound1"))
    assert report.exit_code == 0
    of_leads = [sql for sql in asked if f"{deployment.dataset}.leads " in sql.replace('"', "")]
    assert of_leads
    assert not [sql for sql in of_leads if "erased_at" in sql]


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_list_decides_the_same_whichever_is_longer(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(ledger, "_FEW_KEYS", few)
    deployment.run(email_leads(*_NAMES[:10], "removed1"))
    for leads, fresh, to_buy in (
        (email_leads(*_NAMES, "removed1"), 10, 20),  # longer than what is known
        (email_leads("lead1", "other"), 1, 1),
    ):
        with deployment.opened() as run:
            plan = run.prepare({PEOPLE: leads}).kinds[0]
            assert (plan.fresh, plan.to_buy) == (fresh, to_buy)
    assert deployment.rows("SELECT count(*), count(DISTINCT lead_id) FROM leads") == [(32, 32)]


def test_an_answer_of_an_earlier_list_does_not_replace_a_person_by_nothing(
    deployment: Deployment,
) -> None:
    deployment.run(email_leads("ada"))
    with deployment.opened(refresh_after="0s") as run:
        run.prepare({PEOPLE: email_leads("ada")})
        next(run.completed())  # read, and not loaded
    with deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("grace")})
        known = run.session.workbench.rows("SELECT status FROM known")
        assert known == [("enriched",)]  # ada's, of whom the list says nothing
