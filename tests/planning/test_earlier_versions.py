"""What an earlier version has recorded: taken up, completed as far as it can be told, not bought
again."""

from __future__ import annotations

import pytest

from amplemarket_source.kinds import COMPANIES, PEOPLE
from tests.support.deployment import Deployment
from tests.support.keys import lead_key
from tests.support.steps import open_ledger, run_to_the_end

pytestmark = pytest.mark.slow


def test_what_identified_a_lead_is_filled_in_where_it_can_be_told(deployment: Deployment) -> None:
    leads = [
        {"email": "ada@site.example", "linkedin_url": "ada-site"},
        {"linkedin_url": "grace-site"},
        {"name": "Edsger", "company_name": "Site"},
        {"email": "removed@site.example"},
    ]
    deployment.run(leads)
    run_to_the_end(
        deployment.pipeline(),
        deployment.settings(),
        {COMPANIES: [{"domain": "site.example"}, {"linkedin_url": "site-page"}]},
        deployment.clock,
    )
    kinds = "SELECT kind, input_kind, count(*) FROM {} GROUP BY 1, 2 ORDER BY 1, 2"
    leads_then = deployment.rows(kinds.format("leads"))
    answered = kinds.format("enrichment_results WHERE status <> 'gdpr_removed'")
    results_then = deployment.rows(answered)
    assert [kind for _, kind, _ in leads_then] == [
        *("domain", "linkedin_url"),
        *("email", "linkedin_url", "name"),
    ]
    # As a version before this left it.
    for statement in (
        "ALTER TABLE leads DROP COLUMN input_kind",
        "ALTER TABLE enrichment_results DROP COLUMN input_kind",
        "ALTER TABLE rejects DROP COLUMN request_key",
        "DROP TABLE enrichment_runs",
        "DELETE FROM _dlt_version",
    ):
        deployment.rows(statement)
    deployment.wipe_disk()
    posts = len(deployment.sandbox.calls)
    with open_ledger(deployment.pipeline()):
        pass
    assert len(deployment.sandbox.calls) == posts
    erased = deployment.rows("SELECT count(*) FROM leads WHERE input_kind IS NULL")
    assert erased == [(1,)]  # of whom nothing is left to tell it by
    assert deployment.rows(answered) == results_then
    assert deployment.run(leads).leads_bought == 0


@pytest.mark.parametrize("field", ["company_domain", "linkedin_url"])
def test_a_lead_bought_with_a_field_that_is_not_sent_any_more_is_not_bought_again(
    deployment: Deployment, field: str
) -> None:
    lead = {"email": "ada@site.example", field: "n/a", "external_id": "7"}
    deployment.run([{"email": "ada@site.example", "external_id": "7"}])
    # As a version before this recorded it: with the field in the key.
    key = lead_key(PEOPLE, {name: value for name, value in lead.items() if name != "external_id"})
    now = lead_key(PEOPLE, {"email": "ada@site.example"})
    assert key != now
    deployment.rows(f"UPDATE leads SET lead_key = '{key}', lead_id = 'old'")
    deployment.rows(f"UPDATE enrichment_results SET lead_key = '{key}'")
    report = deployment.run([lead])
    assert (report.leads_bought, report.plan.kinds[0].fresh) == (0, 1)
    assert deployment.rows("SELECT DISTINCT lead_key FROM leads") == [(key,)]
    # Its answer comes without the field, and is matched all the same.
    assert deployment.run([lead], refresh_after="0s").leads_bought == 1
    assert deployment.rows("SELECT lead_key, status FROM enrichment_results") == [(key, "enriched")]
