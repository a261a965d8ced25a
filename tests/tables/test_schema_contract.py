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
from amplemarket_source.schema.contract import SchemaContract
from amplemarket_source.settings import resolve_settings
from tests.purchase.conftest import empty_warehouse
from tests.purchase.shop import Shop, email_leads
from tests.support.clock import ManualClock

__all__ = ["empty_warehouse"]

LEADS = email_leads("ada", "bob")


@pytest.fixture
def shop(tmp_path: Path, empty_warehouse: Path) -> Iterator[Shop]:
    """No list has items, so nothing undocumented arrives unless a test says so."""
    folder = tmp_path / "shop"
    shutil.copytree(empty_warehouse, folder)
    clock = ManualClock()
    with SandboxServer(SandboxOptions(requests_per_minute=None), clock=clock) as server:
        server.sandbox.configure(children="none")
        yield Shop(folder, server, clock)


def send(shop: Shop, *patches: dict[str, Any]) -> None:
    """Let the first people of each request have further fields."""
    shop.sandbox.set_faults(
        *(Fault("row_patch", {"index": row, "patch": patch}) for row, patch in enumerate(patches))
    )


def columns(shop: Shop) -> set[str]:
    """Every column there is, ``table.column``."""
    found = shop.rows(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = 'amplemarket_data'"
    )
    return {row[0] for row in found}


def rejects(shop: Shop) -> list[tuple[Any, ...]]:
    found = shop.rows("SELECT stage, reason, raw, lead_key, entity_id FROM rejects ORDER BY reason")
    assert all(lead_key and entity_id for *_, lead_key, entity_id in found)
    return [row[:3] for row in found]


def test_evolve_makes_a_column(shop: Shop) -> None:
    send(shop, {"nickname": "Countess"})
    report = shop.run(LEADS, schema_contract="evolve")
    assert report.new_fields == {"people.nickname": "text"}
    assert shop.rows("SELECT nickname FROM people ORDER BY 1") == [("Countess",), (None,)]
    assert (report.exit_code, rejects(shop)) == (0, [])


def test_values_without_a_column_are_in_rejects_and_the_rest_of_the_row_lands(shop: Shop) -> None:
    before = columns(shop)
    patch = {"nickname": "Countess", "pet": {"name": "Rex"}, "company": {"mascot": ["cat"]}}
    send(shop, {**patch, "experiences": [{"title": "Analyst"}]})
    report = shop.run(LEADS, schema_contract="discard_value")
    assert columns(shop) == before
    assert report.exit_code == 0
    assert rejects(shop) == [
        ("field", "schema_contract: companies.mascot is new", '["cat"]'),
        ("field", "schema_contract: people.nickname is new", '"Countess"'),
        ("field", "schema_contract: people.pet__name is new", '"Rex"'),
        ("field", "schema_contract: people__experiences.title is new", '"Analyst"'),
    ]
    assert report.new_fields == dict.fromkeys(
        ["people.nickname", "people.pet__name", "people__experiences.title", "companies.mascot"],
        "in rejects",
    )
    assert (shop.people(), shop.outcomes()) == (2, dict.fromkeys(("ada", "bob"), "enriched"))
    assert shop.rows("SELECT count(*) FROM people__experiences") == [(1,)]


def test_discard_row_rejects_whole_whom_the_field_belongs_to_and_buys_nobody_again(
    shop: Shop,
) -> None:
    leads = email_leads("ada", "bob", "cy", "di")
    send(
        shop,
        {"nickname": "Countess"},
        {"experiences": [{"title": "Analyst"}]},
        {"company": {"mascot": "cat"}},
    )
    report = shop.run(leads, schema_contract="discard_row")
    company, person, parent = [
        (stage, reason, json.loads(raw)) for stage, reason, raw in rejects(shop)
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
    assert shop.rows("SELECT company_id IS NULL FROM people ORDER BY 1") == [(False,), (True,)]
    assert shop.rows("SELECT count(*) FROM companies") == [(1,)]
    assert (report.exit_code, set(shop.outcomes().values())) == (0, {"enriched"})
    assert shop.run(leads, schema_contract="discard_row").exit_code == 0
    assert shop.posts() == 1


def test_freeze_ends_with_an_error_that_names_the_fields_and_blocks_nothing(shop: Shop) -> None:
    send(shop, {"nickname": "Countess"})
    report = shop.run(LEADS, schema_contract="freeze")
    (error,) = report.errors
    assert isinstance(error, SchemaFrozen)
    assert "people.nickname" in str(error)
    assert rejects(shop) == [("field", "schema_contract: people.nickname is new", '"Countess"')]
    assert "people.nickname" not in columns(shop)
    assert shop.people() == 2
    assert report.exit_code == 6
    assert not shop.pipeline().has_pending_data
    assert shop.requests() == ["completed"]
    again = shop.run(email_leads("ada", "bob", "cy"), schema_contract="freeze")
    assert (again.exit_code, shop.posts()) == (6, 2), "cy has the field as well"
    shop.sandbox.set_faults()
    last = shop.run(email_leads("ada", "bob", "cy", "di"), schema_contract="freeze")
    assert (last.exit_code, shop.people()) == (0, 4)


def test_columns_that_an_evolving_run_made_go_on_being_filled(shop: Shop) -> None:
    send(shop, {"nickname": "Countess"})
    shop.run(email_leads("ada"))
    send(shop, {"nickname": "Duke"})
    report = shop.run(email_leads("bob"), schema_contract="freeze")
    assert shop.rows("SELECT nickname FROM people ORDER BY 1") == [("Countess",), ("Duke",)]
    assert (report.exit_code, rejects(shop)) == (0, [])


def test_a_field_of_the_row_itself_is_in_rejects_and_the_outcome_lands(shop: Shop) -> None:
    text = {"old": '"status":"enriched"', "new": '"status":"enriched","confidence":0.5'}
    shop.sandbox.set_faults(Fault("replace_text", text))
    shop.run(email_leads("ada"), schema_contract="discard_row")
    reason = "schema_contract: enrichment_results.confidence is new"
    assert rejects(shop) == [("field", reason, "0.5")]
    assert (shop.people(), shop.outcomes()) == (1, {"ada": "enriched"})
    assert "enrichment_results.confidence" not in columns(shop)


def test_data_type_modes_change_nothing_because_no_column_changes_its_type(shop: Shop) -> None:
    send(shop, {"company": {"founded_year": "soon"}})
    report = shop.run(LEADS, schema_contract={"data_type": "freeze"})
    assert rejects(shop) == [("field", "companies.founded_year: not bigint", '"soon"')]
    assert report.exit_code == 0
    assert not [name for name in columns(shop) if "__v_" in name]


@pytest.mark.parametrize("how", ["setting", "pipeline.run", "hint of a resource"])
def test_a_plain_pipeline_run_holds_it_too_from_the_first_load_on(
    shop: Shop, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Where there is no table yet, dlt would take those of the contract for unexpected ones.
    shutil.rmtree(shop.folder)
    shop.folder.mkdir()
    send(shop, {"nickname": "Countess"})
    pipeline, source = shop.pipeline(), shop.source(LEADS)
    if how == "pipeline.run":
        pipeline.run(source, schema_contract="freeze")
    elif how == "setting":
        monkeypatch.setenv("SOURCES__AMPLEMARKET__SCHEMA_CONTRACT", "freeze")
        pipeline.run(shop.source(LEADS))
    else:
        source.people.apply_hints(schema_contract={"columns": "freeze"})
        pipeline.run(source)
    assert "people.nickname" not in columns(shop)
    assert rejects(shop) == [("field", "schema_contract: people.nickname is new", '"Countess"')]
    assert "the API sent fields without a column: people.nickname" in caplog.text
    assert (shop.people(), pipeline.has_pending_data) == (2, False)
    if how == "pipeline.run":
        # What dlt was told once does not stay.
        pipeline.run(shop.source(email_leads("cy")))
        assert "people.nickname" in columns(shop)


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


def test_new_columns_about_people_are_annotated_as_personal(shop: Shop) -> None:
    patch = {"nickname": "Countess", "company": {"mascot": "cat"}}
    shop.sandbox.set_faults(
        Fault("row_patch", {"patch": {**patch, "languages": [{"level": "native"}]}}),
        Fault("replace_text", {"old": '"enriched"', "new": '"enriched","matched_name":"Ada"'}),
    )
    shop.run(LEADS)
    tables = shop.pipeline().default_schema.tables
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
    shop.sandbox.set_faults()
    shop.run(email_leads("cy"))
    again = shop.pipeline().default_schema.tables["people"]["columns"]["nickname"]
    assert again["x-annotation-pii"], "it stays when the field does not come"
