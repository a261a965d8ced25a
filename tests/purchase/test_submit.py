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
from tests.purchase.shop import Shop, email_leads


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
    shop: Shop, fault: str, taken: int
) -> None:
    shop.sandbox.set_faults(Fault(fault, count=1))
    report = shop.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert shop.posts() == 1, "the batch after a held one is not sent"
    assert shop.requests() == ["held"]
    assert report.exit_code == 5
    assert list(report.held_requests.values()) == [1.0], "the credits at stake"
    assert report.leads_not_bought == 1

    again = shop.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert shop.outcomes() == {"cy": "enriched"}
    assert again.exit_code == 5
    assert shop.times_submitted() == 1
    assert len(shop.sandbox.requests) == taken + 1


def test_the_others_in_flight_are_collected_when_one_is_held(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("poll_503", count=1))
    shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.sandbox.set_faults(Fault("post_503", count=1))
    shop.run(email_leads("bob"))
    assert shop.outcomes() == {"ada": "enriched"}


def test_held_leads_are_bought_again_only_when_the_user_says_so(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("post_503", count=1))
    shop.run(email_leads("ada"))
    report = shop.run(email_leads("ada"), on_ambiguous="resubmit")
    assert sorted(shop.requests()) == ["completed", "dropped"]
    assert shop.outcomes() == {"ada": "enriched"}
    assert report.exit_code == 0


def test_resuming_frees_nothing_even_where_resubmitting_is_allowed(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("post_503", count=1))
    shop.run(email_leads("ada"))
    shop.run(None, on_ambiguous="resubmit")
    assert shop.requests() == ["held"]


def test_resubmitting_within_a_run_counts_twice_against_the_cap(shop: Shop) -> None:
    shop.sandbox.set_faults(Fault("post_503_after_accept", count=1))
    shop.run(email_leads("ada"), on_ambiguous="resubmit", max_credits=0.5)
    assert (shop.posts(), shop.requests()) == (1, ["held"])
    shop.sandbox.set_faults(Fault("post_503_after_accept", count=1))
    shop.run(email_leads("bob"), on_ambiguous="resubmit", max_credits=1)
    assert shop.outcomes()["bob"] == "enriched"


def test_a_refused_lead_is_quarantined_and_the_rest_of_the_batch_bought(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bob).*"))
    report = shop.run(email_leads("ada", "bob", "cy"))
    assert shop.outcomes() == {"ada": "enriched", "cy": "enriched"}
    assert shop.rows("SELECT stage, reason, raw FROM rejects") == [
        ("lead", "refused_by_api: unsupported_value", '{"email": "bob@bob.example"}')
    ]
    assert shop.rows(
        "SELECT lead_count, enriched_count, unanswered_count, email_credits_max "
        "FROM enrichment_requests"
    ) == [(2, 2, 0, 1.0)]
    assert report.rejects == {"refused_by_api: unsupported_value": 1}
    assert (report.exit_code, report.leads_bought, shop.posts()) == (0, 2, 2)


def test_leads_refused_one_by_one_are_bounded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    monkeypatch.setattr(validation, "REPORTED", 1)
    shop.run(email_leads("bad1", "ada", "bad2"))
    assert (shop.posts(), shop.outcomes()) == (3, {"ada": "enriched"})
    report = shop.run(email_leads(*(f"bad{n}" for n in range(22))))
    assert shop.posts() == 3 + 20
    assert sorted(shop.requests()) == ["completed", "dropped"]
    assert report.exit_code == 6


def test_a_batch_of_which_every_lead_is_refused_does_not_stop_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    leads = email_leads("bad1", "bad2", "ada")
    report = shop.run(leads, leads_per_request=2, max_credits=1)
    assert shop.outcomes() == {"ada": "enriched"}
    assert (shop.requests(), report.exit_code) == (["dropped", "completed"], 0)
    shop.run(leads, leads_per_request=2)
    assert shop.rows("SELECT count(*) FROM rejects") == [(2,)], "the same rejects, not more"


def test_a_refusal_that_names_no_lead_stops_the_buying(shop: Shop) -> None:
    shop.sandbox.configure(max_leads=1)
    report = shop.run(email_leads("ada", "bob", "cy"), leads_per_request=2)
    assert (shop.posts(), shop.requests()) == (1, ["dropped"])
    assert (report.exit_code, report.leads_not_bought) == (6, 3)


@pytest.mark.parametrize(("count", "posts"), [(1, 1), (3, 1), (4, 2)])
def test_one_the_maximum_and_one_above_are_one_one_and_two_requests(
    shop: Shop, count: int, posts: int
) -> None:
    shop.buy(email_leads(*"abcd"[:count]), leads_per_request=3)
    assert shop.posts() == posts


def test_spellings_of_one_lead_are_one_purchase_and_two_rows(shop: Shop) -> None:
    shop.run(
        [
            {"email": "ada@site.example", "external_id": "1"},
            {"email": " ADA@Site.example ", "external_id": "2"},
        ]
    )
    assert shop.sandbox.submitted("people").total() == 1
    assert shop.outcomes() == {"1": "enriched", "2": "enriched"}


def test_a_wrong_key_leaves_nothing_behind(shop: Shop) -> None:
    with pytest.raises(KeyRefused):
        shop.run(email_leads("ada"), api_key="wrong-key")
    assert (shop.posts(), shop.requests()) == (0, [])


@pytest.mark.parametrize(("cap", "posts", "code"), [(1.9, 1, 4), (2, 2, 0), (0, 0, 4)])
def test_the_cap_stops_before_the_post_that_would_exceed_it_and_may_be_reached_exactly(
    shop: Shop, cap: float, posts: int, code: int
) -> None:
    leads = email_leads(*"abcd")
    report = shop.run(leads, leads_per_request=2, max_credits=cap)
    assert (shop.posts(), report.exit_code) == (posts, code)
    assert sum(c.credits for c in shop.sandbox.charges) <= cap
    assert shop.run(leads, leads_per_request=2).exit_code == 0
    assert shop.times_submitted() == 1


def test_credits_of_a_refused_batch_are_free_for_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "_EMAIL", re.compile("(?!bad).*"))
    leads = email_leads("bad1", "ada", "bad2", "bob")
    report = shop.run(leads, leads_per_request=2, max_credits=1.5)
    assert (report.exit_code, shop.people()) == (0, 2)


def test_no_credits_at_once_stops_the_buying_and_still_collects(shop: Shop) -> None:
    shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.sandbox.set_faults("insufficient_at_once")
    report = shop.run(email_leads("bob", "cy"), leads_per_request=1)
    assert shop.outcomes() == {"ada": "enriched"}
    assert (report.exit_code, report.leads_not_bought, shop.posts()) == (4, 2, 2)


def test_credits_that_run_out_midway_load_what_was_bought_and_free_the_rest(shop: Shop) -> None:
    shop.sandbox.configure(email_credits=1)
    leads = email_leads(*"abcd")
    report = shop.run(leads, leads_per_request=3)
    assert counted(shop.outcomes()) == {"enriched": 2, "unanswered": 1}
    assert (report.exit_code, shop.posts()) == (4, 1)
    shop.sandbox.configure(email_credits=None)
    assert shop.run(leads).exit_code == 0
    assert counted(shop.outcomes()) == {"enriched": 4}
    assert sum(c.credits for c in shop.sandbox.charges) == 2


def counted(outcomes: dict[str, str]) -> dict[str, int]:
    return {status: list(outcomes.values()).count(status) for status in outcomes.values()}


@pytest.mark.parametrize("event", ["intended", "posting"])
def test_a_journal_that_cannot_be_written_stops_the_post(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    force = journal_module._force

    def full_disk(file: Any, content: bytes) -> None:
        if f'"{event}"'.encode() in content:
            file.write(content[:9])
            raise OSError(errno.ENOSPC, "No space left on device")
        force(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "_force", full_disk)
        report = shop.run(email_leads("ada"))
    assert (shop.posts(), report.exit_code) == (0, 5)
    assert isinstance(report.errors[0], LedgerError)
    assert shop.run(email_leads("ada")).exit_code == 0
    assert shop.outcomes() == {"ada": "enriched"}


def test_an_intent_that_cannot_be_recorded_stops_the_post(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "intend", _down)
        report = shop.run(email_leads("ada"))
    assert (shop.posts(), report.exit_code) == (0, 7)


def _down(*_: Any, **__: Any) -> None:
    raise DestinationError("the warehouse is down")


def test_an_id_that_the_ledger_cannot_take_is_collected_by_the_same_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "accepted", _down)
        report = shop.run(email_leads("ada", "bob"), leads_per_request=1)
    assert report.exit_code == 7
    assert shop.posts() == 1, "nothing more is bought while the ledger cannot be written"
    assert shop.outcomes() == {"ada": "enriched"}
    shop.run(email_leads("ada", "bob"))
    assert shop.times_submitted() == 1


def test_an_id_that_only_the_journal_has_is_found_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        shop.buy(email_leads("ada"), poll_timeout="0s")
    assert shop.requests() == ["intended"]
    shop.run(None)
    assert (shop.requests(), shop.outcomes()) == (["completed"], {"ada": "enriched"})
    assert shop.posts() == 1


def test_the_first_poll_tells_the_ledger_an_id_that_it_could_not_take(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "accepted", _down)
        shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.wipe_disk()
    shop.run(None)
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


def test_an_id_that_only_the_ledger_has_is_enough(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = journal_module.Journal.write

    def full_disk(journal: Any, event: Any, *rest: Any) -> None:
        if event == "accepted":
            raise LedgerError("disk full")
        write(journal, event, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.Journal, "write", full_disk)
        shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.run(None)
    assert shop.outcomes() == {"ada": "enriched"}


def test_a_batch_is_held_also_where_the_ledger_cannot_be_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sandbox.set_faults(Fault("post_drop_after_accept", count=1))
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        report = shop.buy(email_leads("ada"))
    assert len(report.held_requests) == 1
    shop.run(email_leads("ada"))
    assert (shop.requests(), shop.posts()) == (["held"], 1)


def test_a_batch_planned_on_another_machine_and_not_known_to_be_sent_is_held(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "update", _down)
        shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.wipe_disk()
    report = shop.run(email_leads("ada"))
    assert (shop.requests(), shop.posts(), report.exit_code) == (["held"], 1, 5)
