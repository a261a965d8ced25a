"""Trouble on the way: repeated while it lasts, then left to the next run with exit 5."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amplemarket_source.errors import Unavailable
from tests.oddities.trial import IMPATIENT, LEADS, Oddity, Trial, named, trial_of

pytestmark = pytest.mark.slow

_LATER = "the API asks to come back later"

TROUBLE = [
    Oddity("body_cut_by_a_dropped_connection", "cut_body", says="the connection broke"),
    Oddity("damaged_gzip", "bad_gzip", says="the body's compression is damaged"),
    Oddity("connection_dropped", "connection_drop", says="the connection broke"),
    Oddity("answer_that_never_comes", "poll_hang", says="nothing was heard"),
    Oddity("body_that_drips", "drip_body", 0.02, says="the answer took longer than"),
    Oddity("http_408", "http_status", 408, says=_LATER),
    Oddity("http_425", "http_status", 425, says=_LATER),
    Oddity("http_429", "poll_429", says=_LATER),
    Oddity("http_500", "http_status", 500, says=_LATER),
    Oddity("http_503", "poll_503", says=_LATER),
    Oddity("http_599", "http_status", 599, says=_LATER),
    Oddity("second_page_cut", "cut_body", says="the connection broke", on_second_page=True),
    Oddity("second_page_503", "poll_503", says=_LATER, on_second_page=True),
]

BRIEF = [replace(one, count=2) for one in TROUBLE] + [
    Oddity("maintenance_page", "html_body", count=7),
    Oddity("empty_body", "other_body", count=2),
    Oddity("cut_json", "cut_json", count=2),
    Oddity("second_page_html", "html_body", count=2, on_second_page=True),
]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Iterator[Trial]:
    with trial_of(
        TROUBLE, tmp_path_factory.mktemp("lasting"), empty_warehouse, timeouts=IMPATIENT
    ) as made:
        yield made


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Iterator[Trial]:
    with trial_of(
        BRIEF, tmp_path_factory.mktemp("brief"), empty_warehouse, timeouts=IMPATIENT
    ) as made:
        yield made


@named(TROUBLE)
def test_what_lasts_leaves_the_request_open_and_says_where(lasting: Trial, oddity: Oddity) -> None:
    error = lasting.errors[oddity.name]
    assert isinstance(error, Unavailable)
    assert f"GET /people/enrichment-requests/{lasting.number(oddity)}: {oddity.says}" in str(error)
    assert lasting.outcomes[0][oddity.name] == Counter()
    assert lasting.pages[oddity.name] == int(oddity.on_second_page)


@named(TROUBLE)
def test_the_next_run_ends_it_without_buying_again(lasting: Trial, oddity: Oddity) -> None:
    assert lasting.outcomes[1][oddity.name] == Counter(enriched=LEADS)
    assert (lasting.people[oddity.name], lasting.submitted[oddity.name]) == (LEADS, {1})


def test_lasting_trouble_ends_with_5_and_the_next_run_with_0(lasting: Trial) -> None:
    assert [report.exit_code for report in lasting.reports] == [5, 0]
    assert lasting.deployment.posts() == len(TROUBLE)


@named(BRIEF)
def test_what_passes_is_not_even_noticed(brief: Trial, oddity: Oddity) -> None:
    assert oddity.name not in brief.errors
    assert brief.outcomes[0][oddity.name] == Counter(enriched=LEADS)
    assert (brief.people[oddity.name], brief.submitted[oddity.name]) == (LEADS, {1})


def test_brief_trouble_ends_with_0_and_leaves_nothing_to_do(brief: Trial) -> None:
    assert [report.exit_code for report in brief.reports] == [0, 0]
    assert brief.deployment.posts() == len(BRIEF)
    assert brief.reports[1].requests_loaded == 0
