"""Odd bodies around the POST: what says that it was taken is understood, and refusals are read."""

from __future__ import annotations

from typing import Any

import pytest

from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment, email_leads

_DEEP = "[" * 5_000 + "]" * 5_000


def _beside_the_status(text: str) -> Fault:
    old = '"status":"queued"'
    value = {"old": old, "new": f"{old},{text}"}
    return Fault("replace_text", value, method="POST", path="/enrichment-requests")


@pytest.mark.parametrize(
    "fault",
    [
        _beside_the_status(f'"deep":{_DEEP}'),
        Fault("other_body", _DEEP, method="POST", path="/enrichment-requests"),
        Fault("cut_json", method="POST", path="/enrichment-requests"),
    ],
    ids=["nested_5,000_levels_deep", "brackets_but_for_the_header", "cut_but_for_the_header"],
)
def test_a_request_that_was_taken_is_collected_however_odd_the_answer_is(
    deployment: Deployment, fault: Any
) -> None:
    deployment.sandbox.set_faults(fault)
    report = deployment.run(email_leads("ada"))
    assert (report.exit_code, report.held_requests, deployment.posts()) == (0, {}, 1)
    assert deployment.outcomes() == {"ada": "enriched"}


@pytest.mark.parametrize("public_id", ["..", ".", "a/b", "x y", "%2e%2e", "7.0", "ключ", "?a#b"])
def test_a_request_is_collected_and_resumed_whatever_its_id_is(
    deployment: Deployment, public_id: str
) -> None:
    deployment.sandbox.set_faults(Fault("accepted_id", public_id))
    assert deployment.buy(email_leads("ada")).exit_code == 0
    deployment.wipe_disk()
    report = deployment.run(None)
    assert (report.exit_code, deployment.posts()) == (0, 1)
    assert deployment.outcomes() == {"ada": "enriched"}
    assert deployment.rows("SELECT request_id FROM enrichment_requests") == [(public_id,)]


def test_a_request_is_collected_although_its_id_is_no_text(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(
        Fault(
            "replace_text",
            {"old": '"id":1,', "new": '"id":"\\ud83d",'},
            path="/enrichment-requests",
        )
    )
    report = deployment.run(email_leads("ada"))
    assert (report.exit_code, deployment.posts()) == (0, 1)
    assert deployment.outcomes() == {"ada": "enriched"}


@pytest.mark.parametrize("odd", ["\\ud83d", "\\u0000"], ids=["half_a_pair", "nul"])
def test_a_failure_is_recorded_whatever_the_api_says_of_it(
    deployment: Deployment, odd: str
) -> None:
    problem = {"code": "odd_code", "detail": "odd_detail", "title": "odd_title"}
    document = {"status": "error", "results": [], "_errors": [problem]}
    deployment.sandbox.set_faults(
        Fault("page_set", document, method="GET"),
        Fault("replace_text", {"old": "odd_", "new": odd}, method="GET"),
    )
    report = deployment.run(email_leads("ada"))
    assert report.exit_code == 5
    found = deployment.rows("SELECT error_code, error_detail FROM enrichment_requests")
    assert found == [(None, "error without a code")], "what is no code may be anything"
    deployment.sandbox.set_faults()
    assert deployment.run(email_leads("ada")).exit_code == 0
