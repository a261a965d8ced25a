"""The plan is in the warehouse before the first POST, whatever its size."""

from __future__ import annotations

import pyarrow as pa
import pytest

from amplemarket_source import planning
from amplemarket_source.cli.texts import plan_text
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.schema.bookkeeping import REQUEST_LEADS
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger


def test_a_plan_larger_than_one_load_is_recorded_whole(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "_ROWS_IN_LOAD", 20)
    monkeypatch.setattr(planning, "_ROWS_IN_GROUP", 10)
    leads = email_leads(*(f"lead{number}" for number in range(55)))
    report = deployment.run([*leads, {"email": "not an address"}], leads_per_request=7)
    assert report.exit_code == 0
    assert deployment.rows("SELECT count(*), count(DISTINCT lead_key) FROM leads") == [(55, 55)]
    assert (report.rows["leads"], report.rejects) == (55, {"email_malformed": 1})
    assert deployment.posts() == 8
    assert deployment.people() == 55
    assert deployment.times_submitted() == 1


def test_a_run_that_is_stopped_before_it_asked_the_api_says_that_leads_are_left(
    deployment: Deployment,
) -> None:
    with deployment.opened() as run:
        run.prepare({PEOPLE: email_leads("ada", "grace")})
        run.stop()
        assert list(run.completed()) == []
    assert (run.report.exit_code, run.report.leads_not_bought) == (5, 2)
    assert deployment.posts() == 0
    assert deployment.run(email_leads("ada", "grace")).exit_code == 0


def test_what_waits_is_run_before_rows_that_are_loaded_after_it(deployment: Deployment) -> None:
    row = dict.fromkeys(("request_key", "lead_key", "_dlt_load_id", "_dlt_id"), "x")
    rows = pa.Table.from_pylist([row], schema=REQUEST_LEADS.arrow_schema)
    with open_ledger(deployment.pipeline()) as ledger:
        ledger.forget_settled(set())
        ledger.load({REQUEST_LEADS: [rows]})
    assert deployment.rows("SELECT lead_key FROM _amplemarket_request_leads") == [("x",)]


def test_where_nothing_is_to_buy_the_estimate_is_nothing(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    with deployment.opened() as run:
        (plan,) = run.prepare({PEOPLE: email_leads("ada")}).kinds
    assert (plan.to_buy, plan.email_credits_estimated, plan.phone_credits_estimated) == (0, 0, 0)
    assert "nothing is to buy" in plan_text(plan)
