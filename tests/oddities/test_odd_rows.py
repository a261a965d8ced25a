"""Rows that are odd, too few, or of nobody: the others land, and nobody is charged for twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oddities.trial import LEADS, Oddity, Trial, named, trial_of


def _last_row(name: str, fault: str, value: Any = None) -> Oddity:
    """The second page holds one row, that of the third lead."""
    return Oddity(name, fault, value, on_second_page=True)


def _status(text: str) -> dict[str, str]:
    return {"old": '"status":"enriched",', "new": text}


SETTLED = [
    _last_row("person_null", "row_patch", lambda _: None),
    _last_row("person_a_text", "row_patch", lambda _: "Ada"),
    _last_row("person_a_list", "row_patch", lambda person: [person]),
    _last_row("person_empty", "row_patch", lambda _: {}),
    _last_row("person_without_id", "row_patch", {"patch": {"id": None}}),
    _last_row("person_with_an_empty_id", "row_patch", {"patch": {"id": ""}}),
    _last_row("person_with_a_list_for_an_id", "row_patch", {"patch": {"id": [1]}}),
]

UNANSWERED = [
    _last_row("no_row", "rows_missing"),
    _last_row("row_null", "page_set", {"results": [None]}),
    _last_row("row_a_number", "page_set", {"results": [5]}),
    _last_row("row_a_list", "page_set", {"results": [[]]}),
    _last_row("row_empty", "page_set", {"results": [{}]}),
    _last_row("status_nobody_documented", "replace_text", _status('"status":"pending",')),
    _last_row("status_null", "replace_text", _status('"status":null,')),
    _last_row("status_a_number", "replace_text", _status('"status":1,')),
    _last_row("status_missing", "replace_text", _status("")),
]

COMPLETED_WITHOUT_ROWS = [
    Oddity("completed_without_a_row", "page_set", {"results": [], "_links": {}}),
]

ENDED_EARLY = [
    Oddity("canceled_without_a_row", "page_set",
           {"status": "canceled", "results": [], "_links": {}}),
    Oddity("error_with_a_reason_and_no_results", "page_set",
           {"status": "error", "results": None, "_errors": [{"code": "internal_server_error"}]}),
]  # fmt: skip

ODD = [*SETTLED, *UNANSWERED, *COMPLETED_WITHOUT_ROWS, *ENDED_EARLY]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Iterator[Trial]:
    with trial_of(ODD, tmp_path_factory.mktemp("rows"), empty_warehouse, later=True) as made:
        yield made


@named(SETTLED)
def test_a_lead_whose_person_is_unusable_is_settled_and_not_bought_again(
    trial: Trial, oddity: Oddity
) -> None:
    assert trial.outcomes[0][oddity.name] == Counter(enriched=LEADS)
    assert trial.submitted[oddity.name] == {1}
    assert trial.people[oddity.name] == LEADS - 1


@named(UNANSWERED)
def test_a_lead_without_a_usable_row_is_a_miss_and_asked_again_only_later(
    trial: Trial, oddity: Oddity
) -> None:
    miss = Counter(enriched=LEADS - 1, unanswered=1)
    outcomes = [outcomes[oddity.name] for outcomes in trial.outcomes]
    assert outcomes == [miss, miss, Counter(enriched=LEADS)]
    assert trial.submitted[oddity.name] == {1, 2}
    assert trial.people[oddity.name] == LEADS


@named(COMPLETED_WITHOUT_ROWS)
def test_leads_of_a_completed_request_without_rows_are_misses(trial: Trial, oddity: Oddity) -> None:
    assert trial.outcomes[1][oddity.name] == Counter(unanswered=LEADS)
    assert trial.outcomes[2][oddity.name] == Counter(enriched=LEADS)


@named(ENDED_EARLY)
def test_leads_of_a_request_that_ended_early_are_bought_by_the_next_run(
    trial: Trial, oddity: Oddity
) -> None:
    assert trial.outcomes[0][oddity.name] == Counter(unanswered=LEADS)
    assert trial.outcomes[1][oddity.name] == Counter(enriched=LEADS)
    assert trial.ledger[0][oddity.name] == oddity.value["status"]


def test_what_was_paid_for_and_unusable_is_in_rejects(trial: Trial) -> None:
    rejects = trial.reports[0].rejects
    assert rejects["people_without_id"] == len(SETTLED)
    assert rejects["row_is_no_object"] == 3
    assert rejects["unknown_status"] == 5


def test_the_run_ends_with_5_and_those_after_it_with_0(trial: Trial) -> None:
    assert [report.exit_code for report in trial.reports] == [5, 0, 0]


def test_no_lead_was_charged_for_twice(trial: Trial) -> None:
    charged = Counter((charge.lead, charge.reason) for charge in trial.deployment.sandbox.charges)
    assert set(charged.values()) == {1}
    assert len(charged) == LEADS * len(ODD)
