"""The line that shows how far a run is."""

from __future__ import annotations

from collections import Counter

from amplemarket_source.cli.output import progress_line
from amplemarket_source.model import KindPlan, Plan
from amplemarket_source.report import RunReport


def _report() -> RunReport:
    report = RunReport()
    counts = dict.fromkeys(("invalid", "duplicate", "fresh", "suppressed", "in_flight", "held"), 0)
    plan = KindPlan(kind="people", read=1200, to_buy=1200, requests_per_minute=500, **counts)
    report.plan = Plan((plan,))
    report.requests_bought, report.requests_loaded = 4, 1
    report.rows_fetched = 400
    report.rows = Counter(people=300, companies=10)
    report.credits = Counter(email_credits_estimated=150.0, phone_credits_estimated=0.5)
    return report


def test_progress_tells_requests_people_rows_credits_and_time_left() -> None:
    assert progress_line(_report(), 60.0) == (
        "3 in flight, 1 done · 400/1,200 leads · 310 rows · 150.5 credits · 1 min 00 s · "
        "2 min 00 s left"
    )


def test_no_time_left_is_told_where_nothing_is_known_of_it() -> None:
    report = _report()
    report.rows_fetched = 0
    assert "left" not in progress_line(report, 60.0)
    report.rows_fetched = 1200
    assert "left" not in progress_line(report, 60.0)
