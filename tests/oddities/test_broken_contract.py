"""Answers that the API does not document: exit 6, and the next run goes on with the request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from amplemarket_source.errors import ApiError
from tests.oddities.trial import LEADS, Oddity, Trial, named, trial_of

_LINK = "is not followed"

BROKEN = [
    # Once the first page is there
    Oddity("second_page_html", "html_body", says="malformed", on_second_page=True),
    Oddity("second_page_cut", "cut_json", says="truncated", on_second_page=True),
    Oddity("second_page_without_results", "missing_results",
           says="`results` is missing", on_second_page=True),
    Oddity("second_page_of_another_request", "page_set", {"id": 999},
           says="another request", on_second_page=True),
    Oddity("second_page_of_no_known_status", "page_set", {"status": "done"},
           says="'done'", on_second_page=True),
    Oddity("second_page_of_another_status", "page_set", {"status": "error"},
           says="page 2 says error, the first completed", on_second_page=True),
    Oddity("second_page_refused", "http_status", 400, says="HTTP 400", on_second_page=True),
    # The body as a whole
    Oddity("html_instead_of_json", "html_body", says="malformed"),
    Oddity("empty_body", "other_body", says="truncated"),
    Oddity("json_cut_in_the_middle", "cut_json", says="truncated"),
    Oddity("brackets_that_never_close", "other_body", '{"a":' + "[" * 5_000, says="not closed"),
    Oddity("two_documents_in_one_body", "other_body", '{"status":"completed"}{}', says="malformed"),
    Oddity("a_list_instead_of_the_request", "other_body", "[]", says="Expected `object`"),
    Oddity("a_text_instead_of_the_request", "other_body", '"soon"', says="Expected `object`"),
    Oddity("null_instead_of_the_request", "other_body", "null", says="Expected `object`"),
    Oddity("errors_under_http_200", "other_body", '{"_errors":[],"object":"error"}', says="status"),
    Oddity("a_few_bytes_that_unpack_to_100_mb", "gzip_bomb", says="larger than 64 MB"),
    Oddity("a_body_that_never_ends", "endless_body", says="larger than 64 MB"),
    Oddity("another_requests_answer", "page_set", {"id": 999}, says="another request"),
    # Its members
    Oddity("status_null", "page_set", {"status": None}, says="$.status"),
    Oddity("status_a_number", "page_set", {"status": 7}, says="$.status"),
    Oddity("status_nobody_documented", "page_set", {"status": "failed"}, says="'failed'"),
    Oddity("results_missing", "missing_results", says="`results` is missing"),
    Oddity("results_null", "null_results", says="`results` is missing"),
    Oddity("results_an_object", "page_set", {"results": {"0": {}}}, says="$.results"),
    Oddity("results_a_text", "page_set", {"results": "none"}, says="$.results"),
    Oddity("results_a_number", "page_set", {"results": 0}, says="$.results"),
    Oddity("error_without_results_or_reason", "page_set",
           {"status": "error", "results": None}, says="`results` is missing"),
    # Links
    Oddity("links_a_text", "page_set", {"_links": "/next"}, says="`_links`"),
    Oddity("links_a_list_of_texts", "page_set", {"_links": ["/next"]}, says="`_links`"),
    Oddity("next_link_a_number", "page_set", {"_links": {"next": {"href": 2}}}, says="not text"),
    Oddity("next_link_to_itself", "next_same", says="already read"),
    Oddity("next_links_in_a_circle", "next_cycle", says="already read"),
    Oddity("next_links_without_end", "next_endless", says="do not end"),
    Oddity("next_link_to_another_host", "next_other_host", says=_LINK),
    Oddity("next_link_to_another_port", "next_other_host", "http://127.0.0.1:9", says=_LINK),
    Oddity("next_link_with_a_user", "next_other_host", "http://key@127.0.0.1", says=_LINK),
    Oddity("next_link_to_a_file", "page_set",
           {"_links": {"next": {"href": "file:///etc/hosts"}}}, says=_LINK),
    Oddity("next_link_with_control_characters", "page_set",
           {"_links": {"next": {"href": "/people\r\nHost: elsewhere.example"}}}, says=_LINK),
    Oddity("next_link_to_another_resource", "page_set",
           {"_links": {"next": {"href": "/account-info"}}}, says="status"),
    Oddity("next_link_to_no_route", "page_set",
           {"_links": {"next": {"href": "/nowhere"}}}, says="no such route"),
    Oddity("next_link_to_another_request", "page_set",
           {"_links": {"next": {"href": "/people/enrichment-requests/1"}}},
           says="another request"),
    Oddity("next_link_to_a_request_that_is_not_there", "page_set",
           {"_links": {"next": {"href": "/people/enrichment-requests/999"}}}, says="not found"),
    # HTTP
    Oddity("redirect_to_another_host", "redirect_other_host", says=_LINK),
    Oddity("gateway_knows_no_such_route", "gateway_404", says="no such route"),
    Oddity("http_400", "http_status", 400, says="HTTP 400"),
    Oddity("http_422", "http_status", 422, says="HTTP 422"),
    Oddity("http_451", "http_status", 451, says="HTTP 451"),
    Oddity("http_303_without_a_place", "http_status", 303, says="HTTP 303"),
]  # fmt: skip

_PAGES_BEFORE = {
    **{one.name: 1 for one in BROKEN if one.on_second_page or one.says == _LINK},
    "redirect_to_another_host": 0,
    "next_link_to_itself": 1,
    "next_links_in_a_circle": 3,
    "next_links_without_end": 53,
    "next_link_to_another_resource": 1,
    "next_link_to_no_route": 1,
    "next_link_to_another_request": 1,
    "next_link_to_a_request_that_is_not_there": 1,
}

_OTHER_ENDPOINT = {
    "next_link_to_another_resource": "/account-info",
    "next_link_to_no_route": "/nowhere",
    "next_link_to_another_request": "/people/enrichment-requests/1",
    "next_link_to_a_request_that_is_not_there": "/people/enrichment-requests/999",
}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Iterator[Trial]:
    with trial_of(BROKEN, tmp_path_factory.mktemp("broken"), empty_warehouse) as made:
        yield made


@named(BROKEN)
def test_the_error_names_the_endpoint_and_what_is_odd(trial: Trial, oddity: Oddity) -> None:
    error = trial.errors[oddity.name]
    assert isinstance(error, ApiError)
    assert error.exit_code == 6
    own = f"/people/enrichment-requests/{trial.number(oddity)}"
    assert f"GET {_OTHER_ENDPOINT.get(oddity.name, own)}: " in str(error)
    assert oddity.says in str(error)
    assert error.trace_id, "the vendor's own id of the answer"
    assert "@" not in str(error).replace("key@127.0.0.1", "")


@named(BROKEN)
def test_nothing_of_it_is_settled_and_pages_so_far_are_kept(trial: Trial, oddity: Oddity) -> None:
    assert trial.outcomes[0][oddity.name] == Counter()
    assert trial.ledger[0][oddity.name] in ("submitted", "processing")
    assert trial.pages[oddity.name] == _PAGES_BEFORE.get(oddity.name, 0)


@named(BROKEN)
def test_the_next_run_ends_it_without_buying_again(trial: Trial, oddity: Oddity) -> None:
    assert trial.ledger[1][oddity.name] == "completed"
    assert trial.outcomes[1][oddity.name] == Counter(enriched=LEADS)
    assert trial.people[oddity.name] == LEADS
    assert trial.submitted[oddity.name] == {1}


def test_the_first_run_ends_with_6_and_the_second_with_0(trial: Trial) -> None:
    assert [report.exit_code for report in trial.reports] == [6, 0]
    assert trial.deployment.posts() == len(BROKEN)
    assert len(trial.reports[0].running_requests) == len(BROKEN)


def test_the_key_went_to_no_other_host(trial: Trial) -> None:
    paths = {call.path for call in trial.deployment.sandbox.calls if call.method == "GET"}
    assert all(path.startswith(("/people/", "/account-info", "/nowhere")) for path in paths)
