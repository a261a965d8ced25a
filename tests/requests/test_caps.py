"""The cap: no more is committed than it pays for, and as much as it does pay for is bought."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from amplemarket_source.errors import CreditCapReached, Unfinished
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.model import Batch, Cap
from amplemarket_source.requests.budget import Budget
from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger

pytestmark = pytest.mark.slow

NAMES = [f"ada{n}" for n in range(8)]
DAY = timedelta(days=1).total_seconds()


def committed(deployment: Deployment) -> float:
    found = deployment.rows(
        "SELECT sum(email_credits_max + phone_credits_max) FROM enrichment_requests "
        "WHERE status <> 'dropped'"
    )
    return float(found[0][0] or 0)


def charged(deployment: Deployment) -> float:
    return sum(charge.credits for charge in deployment.sandbox.charges)


def bought(deployment: Deployment) -> list[int]:
    return [request.count for request in deployment.sandbox.requests.values()]


def test_a_batch_is_cut_to_what_the_cap_pays_for_in_the_order_of_the_list(
    deployment: Deployment,
) -> None:
    report = deployment.run(email_leads(*NAMES), reveal_email=True, max_credits=5)
    assert (bought(deployment), committed(deployment)) == ([3], 4.5)
    assert deployment.outcomes() == dict.fromkeys(NAMES[:3], "enriched")
    assert (report.exit_code, report.leads_bought) == (4, 3)
    assert (report.leads_not_bought, report.not_bought_for) == (5, {"max_credits": 5})
    assert [type(error) for error in report.errors] == [CreditCapReached]
    # What was left out belongs to no request: the same run again buys the next ones.
    again = deployment.run(email_leads(*NAMES), reveal_email=True, max_credits=5)
    assert (bought(deployment), again.leads_not_bought) == ([3, 3], 2)
    assert deployment.times_submitted() == 1


def test_leads_that_the_cap_left_out_are_not_bought_by_a_resubmission(
    deployment: Deployment,
) -> None:
    deployment.sandbox.set_faults(Fault("post_503_after_accept", count=1))
    report = deployment.run(email_leads(*NAMES), max_credits=1)
    assert (list(report.held_requests.values()), report.leads_not_bought) == ([1.0], 6)
    asked = deployment.rows(
        "SELECT count(*) FROM _amplemarket_request_leads JOIN enrichment_requests "
        "USING (request_key) WHERE status = 'held'"
    )
    assert (deployment.requests(), asked) == (["held"], [(2,)])
    with open_ledger(deployment.pipeline()) as ledger:
        assert ledger.leads_not_bought() == 6


def test_requests_side_by_side_share_the_cap(deployment: Deployment) -> None:
    report = deployment.run(
        email_leads(*NAMES),
        reveal_phone_numbers=True,
        leads_per_request=2,
        max_requests_in_flight=4,
        max_credits=7.9,
    )
    assert (committed(deployment), sum(bought(deployment))) == (7.5, 5)
    assert (report.not_bought_for, len(report.errors)) == ({"max_credits": 3}, 1)


def test_a_budget_is_never_overdrawn_by_threads() -> None:
    budget = Budget(Cap(100, "run"))
    batch = Batch("key", PEOPLE, 7, True, True, (0, 6))

    def take(_: int) -> int:
        try:
            return budget.take(batch)
        except CreditCapReached:
            return 0

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(40))) == 40, "100 credits at 2.5 each"


@pytest.mark.parametrize(
    ("per", "within", "after"), [("day", 60, DAY), ("month", 5 * DAY, 26 * DAY)]
)
def test_a_cap_for_a_day_or_month_counts_what_earlier_runs_bought_in_it(
    deployment: Deployment, per: str, within: float, after: float
) -> None:
    cap: dict[str, Any] = {"max_credits": 2, "max_credits_per": per}
    assert deployment.run(email_leads(*NAMES[:3]), **cap).exit_code == 0
    deployment.clock.advance(within)
    report = deployment.run(email_leads(*NAMES), **cap)
    assert (sum(bought(deployment)), report.leads_not_bought, report.exit_code) == (4, 4, 4)
    assert deployment.run(email_leads(*NAMES), **cap).leads_bought == 0
    deployment.clock.advance(after)
    assert deployment.run(email_leads(*NAMES), **cap).exit_code == 0
    assert sum(bought(deployment)) == 8


def test_the_day_begins_at_midnight_utc(deployment: Deployment) -> None:
    cap: dict[str, Any] = {"max_credits": 0.5, "max_credits_per": "day"}
    now = deployment.clock.now()
    midnight = datetime(now.year, now.month, now.day, tzinfo=timezone.utc) + timedelta(days=1)
    deployment.clock.advance((midnight - now).total_seconds() - 60)
    deployment.run(email_leads("ada"), **cap)
    assert deployment.run(email_leads("bob"), **cap).exit_code == 4
    deployment.clock.advance(60)
    assert deployment.run(email_leads("bob"), **cap).exit_code == 0


def test_settled_requests_count_as_estimated_held_ones_at_most_and_dropped_ones_nothing(
    deployment: Deployment,
) -> None:
    cap: dict[str, Any] = {"max_credits": 3, "max_credits_per": "day"}
    # Four leads could have cost 2 credits; one is found.
    deployment.run(email_leads("ada", "notfound1", "notfound2", "notfound3"), **cap)
    deployment.sandbox.set_faults(Fault("post_503", count=1))
    deployment.run(email_leads("bob", "cy"), **cap)
    assert sorted(deployment.requests()) == ["completed", "held"]
    assert _room(deployment, **cap) == 3 - 0.5 - 1.0
    deployment.rows("UPDATE enrichment_requests SET status = 'dropped' WHERE status = 'held'")
    assert _room(deployment, **cap) == 3 - 0.5


def _room(deployment: Deployment, **cap: Any) -> float:
    with deployment.opened(**cap) as run:
        found = run.prepare({}).cap
    assert found is not None
    return found.credits - found.committed


def test_the_plan_says_where_the_run_would_stop(deployment: Deployment) -> None:
    with deployment.opened(leads_per_request=3, max_credits=2.4) as run:
        plan = run.prepare({PEOPLE: email_leads(*NAMES)})
    assert (plan.to_buy, plan.leads_beyond_cap) == (8, 4)
    assert plan.to_dict()["cap"]["leads_beyond"] == 4
    report = deployment.run(email_leads(*NAMES), leads_per_request=3, max_credits=2.4)
    assert (report.leads_bought, report.leads_not_bought) == (4, 4)


def test_what_is_said_would_help(deployment: Deployment) -> None:
    report = deployment.run(email_leads("ada", "bob"), max_credits=0.5)
    with pytest.raises(Unfinished, match="Run again to buy further leads, or raise max_credits"):
        report.raise_unless_settled()
    report = deployment.run(email_leads("ada", "bob"), reveal_email=True, max_credits=1)
    with pytest.raises(Unfinished, match=r"Raise max_credits to 1\.5 or more\.$"):
        report.raise_unless_settled()
    deployment.run(email_leads("cy"))
    daily: dict[str, Any] = {"max_credits": 1.5, "max_credits_per": "day"}
    report = deployment.run(email_leads("dee", "eve"), **daily)
    with pytest.raises(Unfinished, match="Run again after 00:00 UTC, or raise max_credits"):
        report.raise_unless_settled()


def test_nothing_is_charged_beyond_the_cap(deployment: Deployment) -> None:
    for cap in (0, 0.4, 1.4, 2):
        before = charged(deployment)
        deployment.run(email_leads(*NAMES), reveal_email=True, max_credits=cap)
        assert charged(deployment) - before <= cap
