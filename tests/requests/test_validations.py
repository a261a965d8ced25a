"""Addresses are validated as people are bought: once, resumed, held, within a cap, and erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from amplemarket_source.kinds import EMAILS
from amplemarket_source.privacy.retention import erase_older
from amplemarket_source.report import RunReport
from amplemarket_source.run.enrichment import plan, validate_emails
from amplemarket_source.run.forget import forget
from amplemarket_source.run.settle import cancel_request
from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment, email_leads

ON_VALIDATIONS = "/email-validations"


def validate(deployment: Deployment, *emails: str, **settings: Any) -> RunReport:
    return deployment.run([{"email": email} for email in emails], kind=EMAILS, **settings)


def fault(name: str, **given: Any) -> Fault:
    method = "POST" if name.startswith("post") else "GET"
    return Fault(name, method=method, path=ON_VALIDATIONS, **given)


def verdicts(deployment: Deployment) -> dict[str, Any]:
    rows = deployment.rows("SELECT email, result, catch_all FROM email_validations")
    return {row[0]: row[1:] for row in rows}


def charged(deployment: Deployment) -> list[str]:
    return [charge.lead for charge in deployment.sandbox.charges]


def estimated(deployment: Deployment) -> float:
    ((total,),) = deployment.rows("SELECT sum(email_credits_estimated) FROM enrichment_requests")
    return float(total)


def test_an_address_is_validated_once_however_often_and_in_whatever_spelling_it_is_listed(
    deployment: Deployment,
) -> None:
    emails = ("ada@site.example", "RISKY@catchall.example", " Ada@Site.example ", "not one", "")
    report = validate(deployment, *emails)
    assert verdicts(deployment) == {
        "ada@site.example": ("deliverable", False),
        "RISKY@catchall.example": ("risky", True),
    }
    (of_kind,) = report.plan.kinds
    assert (of_kind.read, of_kind.blank, of_kind.to_buy) == (4, 1, 2)
    assert (of_kind.invalid, of_kind.duplicate) == (1, 1)
    assert deployment.rows("SELECT reason FROM rejects") == [("email_malformed",)]
    assert (report.exit_code, report.outcomes) == (0, {"enriched": 2})

    listed = [{"E-mail": email, "title": "CTO"} for email in reversed(emails)]
    access = {"api_key": "sandbox-key", "base_url": deployment.server.url}
    assert plan(deployment.pipeline(), emails=listed).to_buy == 0
    again = validate_emails(deployment.pipeline(), listed, **access)
    assert (again.leads_bought, deployment.posts(), len(charged(deployment))) == (0, 1, 2)
    assert deployment.rows("SELECT command, leads_known FROM enrichment_runs") == [("validate", 2)]
    assert deployment.rows("SELECT kind, count(DISTINCT lead_id) FROM leads GROUP BY 1") == [
        ("emails", 2)
    ]


@pytest.mark.slow
def test_a_validation_leaves_the_people_of_the_same_addresses_to_be_bought(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"), kind=EMAILS, poll_timeout="0s")
    report = deployment.run(email_leads("ada"))
    assert (report.leads_bought, deployment.people()) == (1, 1)
    assert deployment.rows("SELECT kind, status, person_id IS NULL FROM enrichment_results") == [
        ("people", "enriched", False),
        ("emails", "enriched", True),
    ]
    assert deployment.rows("SELECT count(*) FROM leads") == [(2,)]


@pytest.mark.slow
def test_each_validation_costs_and_an_older_verdict_stays_in_the_history(
    deployment: Deployment,
) -> None:
    validate(deployment, "ada@site.example", "bob@site.example")
    deployment.clock.advance(3600)
    turned = {"result": "undeliverable", "catch_all": None}
    deployment.sandbox.set_faults(fault("row_patch", value={"patch": turned}))
    report = validate(deployment, "ada@site.example", refresh_after="1h")
    # Not at most once in 24 hours, as a person is.
    assert (len(charged(deployment)), estimated(deployment)) == (3, 3.0)
    assert report.credits["email_credits_max"] == 1.0
    assert verdicts(deployment)["ada@site.example"] == ("undeliverable", None)
    assert deployment.rows(
        "SELECT h.result, h.catch_all, count(*) FROM email_validations_history h "
        "JOIN email_validations v USING (lead_key) GROUP BY ALL ORDER BY ALL"
    ) == [("deliverable", False, 2), ("undeliverable", None, 1)]


def test_a_validation_of_which_nobody_knows_whether_it_arrived_is_held(
    deployment: Deployment,
) -> None:
    deployment.sandbox.set_faults(fault("post_drop_after_accept", count=1))
    emails = ("ada@site.example", "bob@site.example")
    first = validate(deployment, *emails, leads_per_request=1)
    assert (deployment.requests(), first.exit_code) == (["held"], 5)
    deployment.wipe_disk()
    again = validate(deployment, *emails)
    assert (again.exit_code, list(verdicts(deployment))) == (5, ["bob@site.example"])
    assert charged(deployment) == ["email=bob@site.example"], "an order nobody polls is not done"
    ((key,),) = deployment.rows("SELECT request_key FROM enrichment_requests WHERE status = 'held'")
    with deployment.opened() as run:
        given = run.session.ledger.leads_given(EMAILS, key)
    assert given == [{"email": "ada@site.example"}]


@pytest.mark.slow
def test_another_machine_goes_on_with_validations_in_flight(deployment: Deployment) -> None:
    emails = email_leads("ada", "bob")
    deployment.buy(emails, kind=EMAILS, poll_timeout="0s", leads_per_request=1)
    deployment.wipe_disk()
    deployment.sandbox.set_faults(fault("poll_429", count=2))
    report = deployment.run(None)
    assert (report.exit_code, report.requests_loaded, deployment.posts()) == (0, 2, 2)
    assert deployment.outcomes() == {"ada": "enriched", "bob": "enriched"}
    assert len(verdicts(deployment)) == 2


@pytest.mark.slow
def test_a_cap_pays_for_one_address_a_credit(deployment: Deployment) -> None:
    emails = [f"user{n}@site.example" for n in range(5)]
    report = validate(deployment, *emails, max_credits=3.5)
    assert (len(charged(deployment)), report.leads_not_bought, report.exit_code) == (3, 2, 4)
    deployment.sandbox.set_faults(fault("post_429", count=1))
    assert validate(deployment, *emails).exit_code == 0
    assert sorted(charged(deployment)) == [f"email={email}" for email in emails]


@pytest.mark.slow
def test_as_long_as_the_api_needs_for_so_many_is_waited_beside_the_poll_timeout(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(validations_per_hour=15_000, retry_after=60)
    emails = [{"email": f"user{n}@site.example"} for n in range(1_000)]
    with deployment.opened(leads_per_request=500) as run:
        assert run.prepare({EMAILS: emails}).least_seconds == 240
    settings: dict[str, Any] = {"leads_per_request": 500, "poll_timeout": "1s"}
    report = deployment.run(emails, kind=EMAILS, **settings)
    assert (report.exit_code, len(verdicts(deployment))) == (0, 1_000)


@pytest.mark.slow
def test_a_canceled_order_is_loaded_as_far_as_it_was_done_and_a_plain_run_goes_on(
    deployment: Deployment,
) -> None:
    emails = email_leads("ada", "bob", "cy")
    deployment.sandbox.set_faults(fault("canceled_elsewhere", count=1))
    deployment.run(emails, kind=EMAILS, leads_per_request=3)
    assert deployment.outcomes() == {"ada": "enriched", "bob": "enriched", "cy": "unanswered"}
    deployment.buy(emails, kind=EMAILS, poll_timeout="0s")
    ((request_id,),) = deployment.rows(
        "SELECT request_id FROM enrichment_requests WHERE loaded_at IS NULL"
    )
    cancel_request(deployment.pipeline(), deployment.settings(), request_id)
    # A source without a resource for validations loads them all the same.
    deployment.pipeline().run(deployment.source(None))
    assert deployment.requests() == ["canceled", "canceled"]
    assert validate(deployment, "cy@cy.example").leads_bought == 1
    assert len(verdicts(deployment)) == 3
    assert deployment.sandbox.submitted("email_validations")["email=ada@ada.example"] == 1


def test_an_odd_row_of_a_validation_lands_as_far_as_it_can(deployment: Deployment) -> None:
    def odd(row: dict[str, Any]) -> dict[str, Any]:
        local = row["email"].partition("@")[0]
        return {
            "ada": {**row, "sub_result": "mailbox", "id": 7},
            "bob": {**row, "catch_all": "perhaps", "lead_key": "theirs"},
            "cy": {**row, "result": None},
            "dan": {"result": "risky"},
        }[local]

    deployment.sandbox.set_faults(fault("row_patch", value=odd))
    emails = [f"{name}@site.example" for name in ("ada", "bob", "cy", "dan")]
    report = validate(deployment, *emails)
    assert verdicts(deployment) == {
        "ada@site.example": ("deliverable", False),
        "bob@site.example": ("deliverable", None),
    }
    assert set(report.new_fields) == {
        "email_validations.sub_result",
        "email_validations.lead_key_xfcc0abeec5",
    }
    assert deployment.rows("SELECT stage, reason, lead_key IS NULL FROM rejects ORDER BY 2") == [
        ("field", "email_validations.catch_all: not bool", False),
        ("result", "email_validations_without_email", True),
        ("result", "unknown_status", False),
        ("result", "unknown_status", False),
    ]
    assert report.outcomes == {"enriched": 2, "unanswered": 2}
    assert validate(deployment, *emails).leads_bought == 0


def test_a_forgotten_person_is_in_no_validation_and_is_not_validated_again(
    deployment: Deployment,
) -> None:
    validate(deployment, "ada@site.example", "bob@site.example")
    removed = forget(deployment.pipeline(), email="Ada@Site.example")
    assert removed.rows_removed == {"email_validations": 1, "email_validations_history": 1}
    assert (removed.leads_blanked, removed.suppressed) == (1, True)
    for table in ("leads", "email_validations", "rejects", "enrichment_results"):
        assert "ada@" not in repr(deployment.rows(f"SELECT * FROM {table}"))
    report = validate(deployment, "ada@site.example", "bob@site.example", refresh_after="0s")
    assert report.plan.kinds[0].suppressed == 1
    assert charged(deployment).count("email=ada@site.example") == 1
    assert list(verdicts(deployment)) == ["bob@site.example"]


@pytest.mark.slow
def test_whoever_is_erased_as_a_person_is_not_validated(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "removed1"))
    forget(deployment.pipeline(), email="ada@ada.example")
    report = validate(deployment, "ADA@ada.example", "removed1@removed1.example")
    assert (report.plan.kinds[0].suppressed, report.leads_bought) == (2, 0)
    assert deployment.rows("SELECT count(email) FROM leads WHERE kind = 'emails'") == [(0,)]


@pytest.mark.slow
def test_a_late_verdict_does_not_bring_somebody_back(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada", "bob", "eve"), kind=EMAILS)
    for email in ("ada@ada.example", "eve@eve.example"):
        forget(deployment.pipeline(), email=email)

    def spelt(row: dict[str, Any]) -> dict[str, Any]:
        # Nobody can tell that it is about somebody erased, but for whom the order is about.
        return {**row, "email": row["email"].replace("eve@eve.", "eve.eve@")}

    deployment.sandbox.set_faults(fault("row_patch", value=spelt))
    deployment.run(None)
    assert list(verdicts(deployment)) == ["bob@bob.example"]
    assert deployment.outcomes()["ada"] == "gdpr_removed"
    for table in ("email_validations", "rejects", "leads", "enrichment_results"):
        assert "eve.eve" not in repr(deployment.rows(f"SELECT * FROM {table}"))


@pytest.mark.slow
def test_an_old_verdict_leaves_by_its_age(deployment: Deployment) -> None:
    validate(deployment, "ada@site.example")
    deployment.clock.advance(40 * 86_400)
    validate(deployment, "bob@site.example")
    with deployment.opened() as run:
        at = deployment.clock.now()
        assert erase_older(run.session.ledger, before=at - timedelta(days=30), at=at) == 1
    assert list(verdicts(deployment)) == ["bob@site.example"]
    assert deployment.rows("SELECT count(*) FROM email_validations_history") == [(1,)]
    assert deployment.rows("SELECT count(*), count(erased_at) FROM enrichment_results") == [(2, 1)]
    assert deployment.rows("SELECT email FROM leads ORDER BY 1 NULLS FIRST") == [
        (None,),
        ("bob@site.example",),
    ]
