"""Answers that look odd and say everything: the run takes them as they are meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oddities.trial import LEADS, Oddity, Trial, named, trial_of


def _nested(levels: int) -> dict[str, str]:
    deep = "[" * levels + "]" * levels
    return {"old": '"object":"person"', "new": f'"object":"person","deep":{deep}'}


_LAST_LINKS = {
    "links_null": None,
    "links_an_empty_list": [],
    "links_as_a_list_by_relation": [{"rel": "self", "href": "/people/enrichment-requests/1"}],
    "next_link_without_a_place": {"next": {}},
}

TOLERATED = [
    Oddity("another_content_type", "wrong_content_type", "text/html; charset=latin-1"),
    Oddity("next_link_empty", "next_empty"),
    Oddity("next_link_null", "next_null"),
    Oddity("next_link_absolute", "next_absolute"),
    Oddity("next_link_encoded_once", "next_encoded", 1),
    Oddity("next_link_encoded_twice", "next_encoded", 2),
    *(
        Oddity(name, "page_set", {"_links": links}, on_second_page=True)
        for name, links in _LAST_LINKS.items()
    ),
    Oddity("second_page_processing_for_a_moment", "page_set",
           {"status": "processing", "results": [], "_links": {}}, count=3, on_second_page=True),
    Oddity("second_page_in_error_for_a_moment", "page_set",
           {"status": "error", "results": [], "_links": {}}, count=3, on_second_page=True),
    Oddity("not_there_for_a_moment", "gone_404", count=2),
    Oddity("no_rows_for_a_moment", "page_set", {"results": [], "_links": {}}, count=1),
    Oddity("fewer_rows_for_a_moment", "rows_missing", count=2),
    Oddity("no_link_for_a_moment", "page_set", {"_links": {}}, count=1),
    Oddity("object_of_another_name", "page_set", {"object": "enrichment", "total": [1]}),
    Oddity("object_null", "page_set", {"object": None, "id": None}),
    Oddity("errors_although_it_completed", "page_set", {"_errors": [{"code": "odd"}, "odd"]}),
    Oddity("errors_of_no_known_shape", "page_set", {"_errors": "odd"}),
    Oddity("rows_in_another_order", "rows_shuffled"),
    Oddity("a_row_twice", "rows_duplicated"),
    Oddity("every_row_four_times", "rows_repeated", 4),
    Oddity("every_row_a_hundred_times", "rows_repeated", 100),
    Oddity("the_id_a_float", "replace_text", {"old": '{"id":', "new": '{"id":0.0e9,"id":'}),
    Oddity("a_row_nobody_asked_for", "rows_extra"),
    Oddity("retry_after_missing", "retry_after"),
    *(
        Oddity(f"retry_after_{value}", "retry_after", value)
        for value in ("0", "-5", "0.25", "soon", "nan", "inf", "999999999999",
                      "Wed, 21 Oct 2015 07:28:00 GMT", "2026-10-21T07:30:00Z", "")
    ),
    Oddity("nested_2,000_levels_deep", "replace_text", _nested(2_000)),
    Oddity("nested_100,000_levels_deep", "replace_text", _nested(100_000)),
    Oddity("a_lone_surrogate", "replace_text",
           {"old": '"object":"person"', "new": '"object":"person","odd":"\\ud800"'}),
    Oddity("not_a_number", "replace_text",
           {"old": '"object":"person"', "new": '"object":"person","odd":NaN'}),
    Oddity("an_integer_of_5,000_digits", "replace_text",
           {"old": '"object":"person"', "new": f'"object":"person","odd":{"9" * 5_000}'}),
    Oddity("a_byte_order_mark_in_a_text", "replace_text",
           {"old": '"object":"person"', "new": '"object":"\ufeffperson"'}),
]  # fmt: skip


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Iterator[Trial]:
    with trial_of(TOLERATED, tmp_path_factory.mktemp("tolerated"), empty_warehouse) as made:
        yield made


@named(TOLERATED)
def test_every_lead_has_its_answer_at_once(trial: Trial, oddity: Oddity) -> None:
    assert oddity.name not in trial.errors
    assert trial.ledger[0][oddity.name] == "completed"
    assert trial.outcomes[0][oddity.name] == Counter(enriched=LEADS)
    assert (trial.people[oddity.name], trial.submitted[oddity.name]) == (LEADS, {1})


def test_the_run_ends_with_0_and_the_next_has_nothing_to_do(trial: Trial) -> None:
    assert [report.exit_code for report in trial.reports] == [0, 0]
    assert trial.deployment.posts() == len(TOLERATED)
    assert trial.reports[1].requests_loaded == 0


def test_what_is_too_much_is_in_rejects_by_its_reason(trial: Trial) -> None:
    rejects = trial.reports[0].rejects
    once, four_times, a_hundred_times = 2, LEADS, LEADS
    assert rejects["lead_answered_twice"] == once + four_times + a_hundred_times
    assert rejects["answers_no_lead"] == 2
