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
