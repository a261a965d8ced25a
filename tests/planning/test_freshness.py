"""Ages are counted in UTC: neither a clock that is put back nor a night of 25 hours buys anew."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from tests.support.clock import ManualClock
from tests.support.deployment import Deployment, email_leads

_LEADS = email_leads("ada")


def at(text: str) -> ManualClock:
    return ManualClock(datetime.fromisoformat(text).replace(tzinfo=timezone.utc))


def test_an_outcome_from_what_is_now_the_future_is_fresh(deployment: Deployment) -> None:
    deployment.run(_LEADS)
    deployment.clock = at("2026-10-20T07:00:00")  # a day before the answer was fetched
    deployment.run(_LEADS, refresh_after="1h")
    assert deployment.posts() == 1


@pytest.mark.parametrize(("second", "posts"), [("01:15", 1), ("01:45", 2)])
def test_an_age_is_the_same_in_the_night_the_clocks_go_back(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, second: str, posts: int
) -> None:
    # In Lisbon, 01:30 of 2026-10-25 comes twice: at 00:30 and at 01:30 UTC.
    monkeypatch.setenv("TZ", "Europe/Lisbon")
    time.tzset()
    try:
        deployment.clock = at("2026-10-25T00:30:00")
        deployment.run(_LEADS)
        deployment.clock = at(f"2026-10-25T{second}:00")
        deployment.run(_LEADS, refresh_after="1h")
        assert deployment.posts() == posts
    finally:
        monkeypatch.undo()
        time.tzset()
