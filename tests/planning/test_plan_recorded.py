"""The plan is in the warehouse before the first POST, whatever its size."""

from __future__ import annotations

import pytest

from amplemarket_source import planning
from amplemarket_source.model import PEOPLE
from tests.support.deployment import Deployment, email_leads


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
