"""A request is the business of the account, and of the API, that bought it."""

from __future__ import annotations

from amplemarket_source.model import NOBODY, Buyer
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.support.deployment import Deployment, email_leads


def test_the_ledger_says_who_bought_and_where(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    assert deployment.rows("SELECT account_id, origin FROM enrichment_requests") == [
        (deployment.sandbox.options.account_id, deployment.server.url)
    ]


def test_a_request_of_another_account_is_left_alone_and_named(deployment: Deployment) -> None:
    ours = deployment.sandbox.options.account_id
    deployment.sandbox.configure(polls_until_done=1000)
    deployment.run(email_leads("ada"), poll_timeout="1m")
    deployment.sandbox.configure(account_id="other", polls_until_done=1)
    gets = deployment.gets()
    report = deployment.run(email_leads("ada", "bob"))
    assert report.exit_code == 5
    assert list(report.requests_of_others.values()) == [
        f"account {ours} at {deployment.server.url}"
    ]
    assert (deployment.outcomes(), deployment.times_submitted()) == ({"bob": "enriched"}, 1)
    assert deployment.gets() - gets <= 2, "of bob's request alone"
    deployment.sandbox.configure(account_id=ours)
    assert deployment.run(None).exit_code == 0
    assert deployment.outcomes() == {"ada": "enriched", "bob": "enriched"}


def test_a_request_of_another_api_is_never_asked_for_where_it_would_be_unknown(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(polls_until_done=1000)
    deployment.run(email_leads("ada"), poll_timeout="1m")
    deployment.clock.advance(86_400)
    with SandboxServer(SandboxOptions(requests_per_minute=None)) as elsewhere:
        report = deployment.run(None, base_url=elsewhere.url)
        assert not [call for call in elsewhere.sandbox.calls if "enrichment" in call.path]
    assert (report.exit_code, deployment.requests()) == (5, ["queued"])


def test_what_is_not_known_of_a_buyer_contradicts_nothing() -> None:
    ada = Buyer("a", "https://api.example.com")
    assert NOBODY.may_be(ada)
    assert ada.may_be(Buyer("a", None))
    assert not ada.may_be(Buyer("b", None))
    assert not ada.may_be(Buyer(None, "https://other.example.com"))
