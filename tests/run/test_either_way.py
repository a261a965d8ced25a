"""Where the vendor's texts leave two ways, a run takes the other one as well."""

from __future__ import annotations

import json

from tests.support.deployment import Deployment, email_leads


def test_text_for_codes_rows_without_a_result_and_a_list_nobody_documents_are_loaded(
    deployment: Deployment,
) -> None:
    deployment.sandbox.configure(codes="strings", missing_result="absent", funding_events=True)
    leads = email_leads("ada", "notfound-bob")
    report = deployment.run([*leads, {"linkedin_url": "https://www.linkedin.com/in/Eve-Ito/"}])
    assert (report.exit_code, report.needs_a_person) == (0, False)
    outcomes = deployment.rows("SELECT status FROM enrichment_results ORDER BY 1")
    assert outcomes == [("enriched",), ("enriched",), ("not_found",)]
    assert deployment.rows("SELECT count(*) FROM rejects") == [(0,)]
    codes = deployment.rows("SELECT DISTINCT typeof(value) FROM companies__sic_codes")
    assert codes == [("BIGINT",)]
    events = deployment.rows("SELECT funding_events FROM companies")
    assert all(json.loads(text)[0]["amount"] >= 0 for (text,) in events)
    urls = deployment.rows("SELECT linkedin_url FROM people WHERE first_name = 'Eve'")
    assert urls == [("https://linkedin.com/in/eve-ito",)]
