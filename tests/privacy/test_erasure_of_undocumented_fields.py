"""Erasure reaches what nobody documented: new columns, and pages no strict parser takes."""

from __future__ import annotations

from amplemarket_source.run.forget import forget as forget_person
from amplemarket_source.sandbox import Fault
from tests.privacy.people import answers, row
from tests.privacy.people import mentions as everywhere
from tests.privacy.test_erasure import ADA, forget, mentions
from tests.support.deployment import Deployment, email_leads


def _beside_the_person(said: str) -> Fault:
    """A plain name, a reserved word, and one that gets a mark."""
    more = f'"matched_name":"{said}","order":"{said}","matchedName":"{said}"'
    return Fault(
        "replace_text", {"old": '"status":"enriched"', "new": f'"status":"enriched",{more}'}
    )


def test_undocumented_columns_of_the_outcome_are_blanked(deployment: Deployment) -> None:
    deployment.sandbox.set_faults(_beside_the_person("said of ada"))
    deployment.run(email_leads("ada"))
    deployment.sandbox.set_faults(_beside_the_person("said of bob"))
    deployment.run(email_leads("bob"))
    assert mentions(deployment, "said of ada") == ["amplemarket_data.enrichment_results"]
    forget(deployment)
    assert mentions(deployment, "said of ada") == []
    columns = 'matched_name, "order", lead_key IS NULL'
    kept = f"SELECT {columns} FROM enrichment_results WHERE status = 'enriched'"
    assert deployment.rows(kept) == [("said of bob", "said of bob", False)]


def test_a_late_answer_on_a_page_too_deep_does_not_bring_the_erased_back(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada", "bob"), poll_timeout="0s")
    forget(deployment)
    deep = "[" * 2_000 + "]" * 2_000
    text = {"old": '"object":"person"', "new": f'"object":"person","deep":{deep}'}
    deployment.sandbox.set_faults(Fault("replace_text", text))
    deployment.run(None)
    assert (deployment.outcomes()["bob"], deployment.people()) == ("enriched", 1)
    assert mentions(deployment, ADA) == []


def test_a_key_that_is_an_address_is_in_no_column_name(deployment: Deployment) -> None:
    contacts = {"ada@ada.example": "work", "+44 555 010 0123": "mobile", "note": "plain"}
    person = {"id": "p1", "name": "Ada Gone", "contacts": contacts}
    answers(deployment, row(person=person, email=ADA))
    deployment.run(email_leads("ada"))
    columns = deployment.rows(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = 'people'"
    )
    made = [name for (name,) in columns if name.startswith("contacts")]
    assert len(made) == 3
    assert "contacts__note" in made
    forget_person(deployment.pipeline(), email=ADA)
    assert everywhere(deployment, "ada_ada", "ada@", "555_010", "555 010") == set()
