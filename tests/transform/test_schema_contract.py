"""``schema_contract``: what becomes of fields that no column was made for yet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.errors import SchemaFrozen, SettingsError
from amplemarket_source.sandbox import Fault, SandboxOptions, SandboxServer
from amplemarket_source.schema.registry import SchemaContract
from amplemarket_source.settings import resolve_settings
from tests.support.clock import ManualClock
from tests.support.deployment import Deployment, email_leads

pytestmark = pytest.mark.slow

LEADS = email_leads("ada", "bob")


@pytest.fixture
def deployment(tmp_path: Path, empty_warehouse: Path) -> Iterator[Deployment]:
    """No list has items, so nothing undocumented arrives unless a test says so."""
    folder = tmp_path / "deployment"
    shutil.copytree(empty_warehouse, folder)
    clock = ManualClock()
    with SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server:
        server.sandbox.configure(children="none")
        yield Deployment(folder, server, clock)


def send(deployment: Deployment, *patches: dict[str, Any]) -> None:
    """Let the first people of each request have further fields."""
    deployment.sandbox.set_faults(
        *(Fault("row_patch", {"index": row, "patch": patch}) for row, patch in enumerate(patches))
    )


def columns(deployment: Deployment) -> set[str]:
    """Every column there is, ``table.column``."""
    found = deployment.rows(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = 'amplemarket_data'"
    )
    return {row[0] for row in found}


def rejects(deployment: Deployment) -> list[tuple[Any, ...]]:
    found = deployment.rows(
        "SELECT stage, reason, raw, lead_key, entity_id FROM rejects ORDER BY reason"
    )
    assert all(lead_key and entity_id for *_, lead_key, entity_id in found)
    return [row[:3] for row in found]


def test_evolve_makes_a_column(deployment: Deployment) -> None:
    send(deployment, {"nickname": "Countess"})
    report = deployment.run(LEADS, schema_contract="evolve")
    assert report.new_fields == {"people.nickname": "text"}
    assert deployment.rows("SELECT nickname FROM people ORDER BY 1") == [("Countess",), (None,)]
    assert (report.exit_code, rejects(deployment)) == (0, [])


def test_values_without_a_column_are_in_rejects_and_the_rest_of_the_row_lands(
    deployment: Deployment,
) -> None:
    before = columns(deployment)
    patch = {"nickname": "Countess", "pet": {"name": "Rex"}, "company": {"mascot": ["cat"]}}
    send(deployment, {**patch, "experiences": [{"title": "Analyst"}]})
    report = deployment.run(LEADS, schema_contract="discard_value")
    assert columns(deployment) == before
    assert report.exit_code == 0
    assert rejects(deployment) == [
        ("field", "schema_contract: companies.mascot is new", '["cat"]'),
        ("field", "schema_contract: people.nickname is new", '"Countess"'),
        ("field", "schema_contract: people.pet__name is new", '"Rex"'),
        ("field", "schema_contract: people__experiences.title is new", '"Analyst"'),
    ]
    assert report.new_fields == dict.fromkeys(
        ["people.nickname", "people.pet__name", "people__experiences.title", "companies.mascot"],
        "in rejects",
    )
    assert (deployment.people(), deployment.outcomes()) == (
        2,
        dict.fromkeys(("ada", "bob"), "enriched"),
    )
    assert deployment.rows("SELECT count(*) FROM people__experiences") == [(1,)]


def test_discard_row_rejects_whole_whom_the_field_belongs_to_and_buys_nobody_again(
    deployment: Deployment,
) -> None:
    leads = email_leads("ada", "bob", "cy", "di")
    send(
        deployment,
        {"nickname": "Countess"},
        {"experiences": [{"title": "Analyst"}]},
        {"company": {"mascot": "cat"}},
    )
    report = deployment.run(leads, schema_contract="discard_row")
    company, person, parent = [
        (stage, reason, json.loads(raw)) for stage, reason, raw in rejects(deployment)
    ]
    assert company[:2] == ("result", "schema_contract: companies.mascot is new")
    assert (company[2]["object"], company[2]["mascot"]) == ("company", "cat")
    assert person[:2] == ("result", "schema_contract: people.nickname is new")
    assert person[2]["company"]["object"] == "company"
    assert parent[:2] == ("result", "schema_contract: people__experiences.title is new")
    assert parent[2]["experiences"] == [{"title": "Analyst"}]
    assert report.new_fields == dict.fromkeys(
        ["people.nickname", "people__experiences.title", "companies.mascot"], "in rejects"
    )
    # Of the third only the company is rejected.
    assert deployment.rows("SELECT company_id IS NULL FROM people ORDER BY 1") == [
        (False,),
        (True,),
    ]
    assert deployment.rows("SELECT count(*) FROM companies") == [(1,)]
    assert (report.exit_code, set(deployment.outcomes().values())) == (0, {"enriched"})
    assert deployment.run(leads, schema_contract="discard_row").exit_code == 0
    assert deployment.posts() == 1


def test_freeze_ends_with_an_error_that_names_the_fields_and_blocks_nothing(
    deployment: Deployment,
) -> None:
    send(deployment, {"nickname": "Countess"})
    report = deployment.run(LEADS, schema_contract="freeze")
    (error,) = report.errors
    assert isinstance(error, SchemaFrozen)
    assert "people.nickname" in str(error)
    assert rejects(deployment) == [
        ("field", "schema_contract: people.nickname is new", '"Countess"')
    ]
    assert "people.nickname" not in columns(deployment)
    assert deployment.people() == 2
    assert report.exit_code == 6
    assert not deployment.pipeline().has_pending_data
    assert deployment.requests() == ["completed"]
    again = deployment.run(email_leads("ada", "bob", "cy"), schema_contract="freeze")
    assert (again.exit_code, deployment.posts()) == (6, 2), "cy has the field as well"
    deployment.sandbox.set_faults()
    last = deployment.run(email_leads("ada", "bob", "cy", "di"), schema_contract="freeze")
    assert (last.exit_code, deployment.people()) == (0, 4)


def test_columns_that_an_evolving_run_made_go_on_being_filled(deployment: Deployment) -> None:
    send(deployment, {"nickname": "Countess"})
    deployment.run(email_leads("ada"))
    send(deployment, {"nickname": "Duke"})
    report = deployment.run(email_leads("bob"), schema_contract="freeze")
    assert deployment.rows("SELECT nickname FROM people ORDER BY 1") == [("Countess",), ("Duke",)]
    assert (report.exit_code, rejects(deployment)) == (0, [])


def test_a_field_of_the_row_itself_is_in_rejects_and_the_outcome_lands(
    deployment: Deployment,
) -> None:
    text = {"old": '"status":"enriched"', "new": '"status":"enriched","confidence":0.5'}
    deployment.sandbox.set_faults(Fault("replace_text", text))
    deployment.run(email_leads("ada"), schema_contract="discard_row")
    reason = "schema_contract: enrichment_results.confidence is new"
    assert rejects(deployment) == [("field", reason, "0.5")]
    assert (deployment.people(), deployment.outcomes()) == (1, {"ada": "enriched"})
    assert "enrichment_results.confidence" not in columns(deployment)


def test_data_type_modes_change_nothing_because_no_column_changes_its_type(
    deployment: Deployment,
) -> None:
    send(deployment, {"company": {"founded_year": "soon"}})
    report = deployment.run(LEADS, schema_contract={"data_type": "freeze"})
    assert rejects(deployment) == [("field", "companies.founded_year: not bigint", '"soon"')]
    assert report.exit_code == 0
    assert not [name for name in columns(deployment) if "__v_" in name]


@pytest.mark.parametrize("how", ["setting", "pipeline.run", "hint of a resource"])
def test_a_plain_pipeline_run_holds_it_too_from_the_first_load_on(
    deployment: Deployment,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Where there is no table yet, dlt would take those of the contract for unexpected ones.
    shutil.rmtree(deployment.folder)
    deployment.folder.mkdir()
    send(deployment, {"nickname": "Countess"})
    pipeline, source = deployment.pipeline(), deployment.source(LEADS)
    if how == "pipeline.run":
        pipeline.run(source, schema_contract="freeze")
    elif how == "setting":
        monkeypatch.setenv("SOURCES__AMPLEMARKET__SCHEMA_CONTRACT", "freeze")
        pipeline.run(deployment.source(LEADS))
    else:
        source.people.apply_hints(schema_contract={"columns": "freeze"})
        pipeline.run(source)
    assert "people.nickname" not in columns(deployment)
    assert rejects(deployment) == [
        ("field", "schema_contract: people.nickname is new", '"Countess"')
    ]
    assert "the API sent fields without a column: people.nickname" in caplog.text
    assert (deployment.people(), pipeline.has_pending_data) == (2, False)
    if how == "pipeline.run":
        # What dlt was told once does not stay.
        pipeline.run(deployment.source(email_leads("cy")))
        assert "people.nickname" in columns(deployment)


@pytest.mark.parametrize(
    "wrong", ["forbid", {"columns": "forbid"}, {"rows": "freeze"}, ["freeze"], 1]
)
def test_a_contract_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(SettingsError, match=r"sources\.amplemarket\.schema_contract"):
        resolve_settings(api_key="key", schema_contract=wrong)


def test_every_spelling_of_dlt_is_taken() -> None:
    assert SchemaContract.of(None).takes_new
    assert SchemaContract.of("freeze").is_frozen
    assert SchemaContract.of({"columns": "discard_row"}).discards_rows
    assert SchemaContract.of({"tables": "freeze", "data_type": "discard_value"}).takes_new


def test_new_columns_about_people_are_annotated_as_personal(deployment: Deployment) -> None:
    patch = {"nickname": "Countess", "company": {"mascot": "cat"}}
    deployment.sandbox.set_faults(
        Fault("row_patch", {"patch": {**patch, "languages": [{"level": "native"}]}}),
        Fault("replace_text", {"old": '"enriched"', "new": '"enriched","matched_name":"Ada"'}),
    )
    deployment.run(LEADS)
    tables = deployment.pipeline().default_schema.tables
    personal = {
        f"{table}.{name}"
        for table, name in [
            ("people", "nickname"),
            ("people__languages", "level"),
            ("enrichment_results", "matched_name"),
            ("companies", "mascot"),
        ]
        if tables[table]["columns"][name].get("x-annotation-pii")
    }
    assert personal == {
        "people.nickname",
        "people__languages.level",
        "enrichment_results.matched_name",
    }
    deployment.sandbox.set_faults()
    deployment.run(email_leads("cy"))
    again = deployment.pipeline().default_schema.tables["people"]["columns"]["nickname"]
    assert again["x-annotation-pii"], "it stays when the field does not come"
