"""Submit: a POST that costs money is sent once, whatever happens around it."""

from __future__ import annotations

import errno
import re
from typing import Any

import pytest

from amplemarket_source import journal as journal_module
from amplemarket_source.errors import DestinationError, KeyRefused, LedgerError
from amplemarket_source.ledger import Ledger
from amplemarket_source.sandbox import Fault, validation
from tests.support.deployment import Deployment, email_leads


@pytest.mark.parametrize(
    ("fault", "taken"),
    [
        ("post_drop_after_accept", 1),
        ("post_drop_before_read", 0),
        ("post_503", 0),
        ("post_503_after_accept", 1),
        ("post_no_id", 1),
    ],
)
def test_a_post_of_which_nobody_knows_the_outcome_is_held_and_left_alone(
    deployment: Deployment, fault: str, taken: int
) -> None:
    deployment.sandbox.set_faults(Fault(fault, count=1))
    report = deployment.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert deployment.posts() == 1, "the batch after a held one is not sent"
    assert deployment.requests() == ["held"]
    assert report.exit_code == 5
    assert list(report.held_requests.values()) == [1.0], "the credits at stake"
    assert report.leads_not_bought == 1

    again = deployment.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert deployment.outcomes() == {"cy": "enriched"}
    assert again.exit_code == 5
    assert deployment.times_submitted() == 1
    assert len(deployment.sandbox.requests) == taken + 1


def test_the_others_in_flight_are_collected_when_one_is_held(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("poll_503", count=1))
    deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.sandbox.set_faults(Fault("post_503", count=1))
    deployment.run(email_leads("bob"))
    assert deployment.outcomes() == {"ada": "enriched"}


def test_held_leads_are_bought_again_only_when_the_user_says_so(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("post_503", count=1))
    deployment.run(email_leads("ada"))
    report = deployment.run(email_leads("ada"), on_ambiguous="resubmit")
    assert sorted(deployment.requests()) == ["completed", "dropped"]
    assert deployment.outcomes() == {"ada": "enriched"}
    assert report.exit_code == 0


def test_resuming_frees_nothing_even_where_resubmitting_is_allowed(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("post_503", count=1))
    deployment.run(email_leads("ada"))
    deployment.run(None, on_ambiguous="resubmit")
    assert deployment.requests() == ["held"]


def test_resubmitting_within_a_run_counts_twice_against_the_cap(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(Fault("post_503_after_accept", count=1))
    deployment.run(email_leads("ada"), on_ambiguous="resubmit", max_credits=0.5)
    assert (deployment.posts(), deployment.requests()) == (1, ["held"])
    deployment.sandbox.set_faults(Fault("post_503_after_accept", count=1))
    deployment.run(email_leads("bob"), on_ambiguous="resubmit", max_credits=1)
    assert deployment.outcomes()["bob"] == "enriched"


def test_a_refused_lead_is_quarantined_and_the_rest_of_the_batch_bought(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bob).*"))
    report = deployment.run(email_leads("ada", "bob", "cy"))
    assert deployment.outcomes() == {"ada": "enriched", "cy": "enriched"}
    assert deployment.rows("SELECT stage, reason, raw FROM rejects") == [
        ("lead", "refused_by_api: unsupported_value", '{"email": "bob@bob.example"}')
    ]
    assert deployment.rows(
        "SELECT lead_count, enriched_count, unanswered_count, email_credits_max "
        "FROM enrichment_requests"
    ) == [(2, 2, 0, 1.0)]
    assert report.rejects == {"refused_by_api: unsupported_value": 1}
    assert (report.exit_code, report.leads_bought, deployment.posts()) == (0, 2, 2)


def test_leads_refused_one_by_one_are_bounded(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    monkeypatch.setattr(validation, "REPORTED", 1)
    deployment.run(email_leads("bad1", "ada", "bad2"))
    assert (deployment.posts(), deployment.outcomes()) == (3, {"ada": "enriched"})
    report = deployment.run(email_leads(*(f"bad{n}" for n in range(22))))
    assert deployment.posts() == 3 + 20
    assert sorted(deployment.requests()) == ["completed", "dropped"]
    assert report.exit_code == 6


def test_a_batch_of_which_every_lead_is_refused_does_not_stop_the_others(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    leads = email_leads("bad1", "bad2", "ada")
    report = deployment.run(leads, leads_per_request=2, max_credits=1)
    assert deployment.outcomes() == {"ada": "enriched"}
    assert (deployment.requests(), report.exit_code) == (["dropped", "completed"], 0)
    deployment.run(leads, leads_per_request=2)
    assert deployment.rows("SELECT count(*) FROM rejects") == [(2,)], "the same rejects, not more"


def test_a_refusal_that_names_no_lead_stops_the_buying(deployment: Deployment) -> None:
    deployment.sandbox.configure(max_leads=1)
    report = deployment.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert (deployment.posts(), deployment.requests()) == (1, ["dropped"])
    assert (report.exit_code, report.leads_not_bought) == (6, 3)


@pytest.mark.parametrize(("count", "posts"), [(1, 1), (3, 1), (4, 2)])
def test_one_the_maximum_and_one_above_are_one_one_and_two_requests(
    deployment: Deployment, count: int, posts: int
) -> None:
    deployment.buy(email_leads(*"abcd"[:count]), leads_per_request=3)
    assert deployment.posts() == posts


def test_spellings_of_one_lead_are_one_purchase_and_two_rows(deployment: Deployment) -> None:
    deployment.run(
        [
            {"email": "ada@site.example", "external_id": "1"},
            {"email": " ADA@Site.example ", "external_id": "2"},
        ]
    )
    assert deployment.sandbox.submitted("people").total() == 1
    assert deployment.outcomes() == {"1": "enriched", "2": "enriched"}


def test_a_wrong_key_leaves_nothing_behind(deployment: Deployment) -> None:
    with pytest.raises(KeyRefused):
        deployment.run(email_leads("ada"), api_key="wrong-key")
    assert (deployment.posts(), deployment.requests()) == (0, [])


@pytest.mark.parametrize(("cap", "posts", "code"), [(1.9, 2, 4), (1, 1, 4), (2, 2, 0), (0, 0, 4)])
def test_the_cap_stops_before_the_post_that_would_exceed_it_and_may_be_reached_exactly(
    deployment: Deployment, cap: float, posts: int, code: int
) -> None:
    leads = email_leads(*"abcd")
    report = deployment.run(leads, leads_per_request=2, max_credits=cap)
    assert (deployment.posts(), report.exit_code) == (posts, code)
    assert sum(c.credits for c in deployment.sandbox.charges) <= cap
    assert deployment.run(leads, leads_per_request=2).exit_code == 0
    assert deployment.times_submitted() == 1


def test_credits_of_a_refused_batch_are_free_for_the_next(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    leads = email_leads("bad1", "ada", "bad2", "bob")
    report = deployment.run(leads, leads_per_request=2, max_credits=1.5)
    assert (report.exit_code, deployment.people()) == (0, 2)


def test_no_credits_at_once_stops_the_buying_and_still_collects(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.sandbox.set_faults("insufficient_at_once")
    report = deployment.run(email_leads("bob", "cy"), leads_per_request=1)
    assert deployment.outcomes() == {"ada": "enriched"}
    assert (report.exit_code, report.leads_not_bought, deployment.posts()) == (4, 2, 2)


def test_credits_that_run_out_midway_load_what_was_bought_and_free_the_rest(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(email_credits=1)
    leads = email_leads(*"abcd")
    report = deployment.run(leads, leads_per_request=3)
    assert counted(deployment.outcomes()) == {"enriched": 2, "unanswered": 1}
    assert (report.exit_code, deployment.posts()) == (4, 1)
    deployment.sandbox.configure(email_credits=None)
    assert deployment.run(leads).exit_code == 0
    assert counted(deployment.outcomes()) == {"enriched": 4}
    assert sum(c.credits for c in deployment.sandbox.charges) == 2


def counted(outcomes: dict[str, str]) -> dict[str, int]:
    return {status: list(outcomes.values()).count(status) for status in outcomes.values()}


@pytest.mark.parametrize("event", ["intended", "posting"])
def test_a_journal_that_cannot_be_written_stops_the_post(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    force = journal_module._force

    def full_disk(file: Any, content: bytes) -> None:
        if f'"{event}"'.encode() in content:
            file.write(content[:9])
            raise OSError(errno.ENOSPC, "No space left on device")
        force(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "_force", full_disk)
        report = deployment.run(email_leads("ada"))
    assert (deployment.posts(), report.exit_code) == (0, 5)
    assert isinstance(report.errors[0], LedgerError)
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert deployment.outcomes() == {"ada": "enriched"}


def test_an_intent_that_cannot_be_recorded_stops_the_post(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "intend", _down)
        report = deployment.run(email_leads("ada"))
    assert (deployment.posts(), report.exit_code) == (0, 7)


def _down(*_: Any, **__: Any) -> None:
    raise DestinationError("the warehouse is down")


def test_an_id_that_the_ledger_cannot_take_is_collected_by_the_same_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "accepted", _down)
        report = deployment.run(email_leads("ada", "bob"), leads_per_request=1)
    assert report.exit_code == 7
    assert deployment.posts() == 1, "nothing more is bought while the ledger cannot be written"
    assert deployment.outcomes() == {"ada": "enriched"}
    deployment.run(email_leads("ada", "bob"))
    assert deployment.times_submitted() == 1


def test_an_id_that_only_the_journal_has_is_found_by_the_next_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        deployment.buy(email_leads("ada"), poll_timeout="0s")
    assert deployment.requests() == ["intended"]
    deployment.run(None)
    assert (deployment.requests(), deployment.outcomes()) == (["completed"], {"ada": "enriched"})
    assert deployment.posts() == 1


def test_the_first_poll_tells_the_ledger_an_id_that_it_could_not_take(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "accepted", _down)
        deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.wipe_disk()
    deployment.run(None)
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_an_id_that_only_the_ledger_has_is_enough(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = journal_module.Journal.write

    def full_disk(journal: Any, event: Any, *rest: Any) -> None:
        if event == "accepted":
            raise LedgerError("disk full")
        write(journal, event, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.Journal, "write", full_disk)
        deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.run(None)
    assert deployment.outcomes() == {"ada": "enriched"}


def test_a_batch_is_held_also_where_the_ledger_cannot_be_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.sandbox.set_faults(Fault("post_drop_after_accept", count=1))
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        report = deployment.buy(email_leads("ada"))
    assert len(report.held_requests) == 1
    deployment.run(email_leads("ada"))
    assert (deployment.requests(), deployment.posts()) == (["held"], 1)


def test_a_batch_planned_on_another_machine_and_not_known_to_be_sent_is_held(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.wipe_disk()
    report = deployment.run(email_leads("ada"))
    assert (deployment.requests(), deployment.posts(), report.exit_code) == (["held"], 1, 5)
