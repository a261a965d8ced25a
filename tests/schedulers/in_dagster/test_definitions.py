"""What a user defines: selections, lists, partitions, a code location, a component."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

import dagster as dg
import duckdb as database
import pytest
from dagster.components.testing import create_defs_folder_sandbox

import amplemarket_source
from amplemarket_source.dagster import AmplemarketComponent, LeadsFrom, amplemarket_assets
from amplemarket_source.errors import SettingsError
from amplemarket_source.schema.tables import TABLES
from tests.schedulers.in_dagster.scheduled import (
    DOMAINS,
    LEADS,
    MISSES,
    ROOT,
    Scheduled,
    failure_of,
    key_of,
    materialised_by,
)


@pytest.mark.parametrize(
    ("select", "submitted"),
    [
        ({"people"}, {"people"}),
        pytest.param({"companies__keywords"}, {"companies"}, marks=pytest.mark.slow),
        ({"enrichment_requests"}, set()),
    ],
)
def test_a_selection_buys_what_its_tables_need_and_tells_of_every_table_that_got_rows(
    scheduled: Scheduled, select: set[str], submitted: set[str]
) -> None:
    companies = str(scheduled.write("companies.csv", DOMAINS))
    assets = scheduled.assets(scheduled.leads, companies=companies)
    result = scheduled.materialise(assets, select=select)
    assert result.success
    sandbox = scheduled.server.sandbox
    assert {kind for kind in ("people", "companies") if sandbox.submitted(kind)} == submitted  # type: ignore[arg-type]
    found = materialised_by(result)
    with_rows = {name for name in TABLES if scheduled.rows(f"SELECT 1 FROM {name} LIMIT 1")}
    assert found.keys() == select | with_rows - {"enrichment_runs"}


@pytest.mark.slow
def test_tables_of_companies_are_the_leads_to_buy_where_no_companies_are_listed(
    scheduled: Scheduled,
) -> None:
    assert scheduled.materialise(scheduled.assets(MISSES), select=["companies"]).success
    assert len(scheduled.server.sandbox.submitted("people")) == 2


@pytest.mark.slow
def test_a_partition_has_its_own_list_and_its_key_for_a_label(scheduled: Scheduled) -> None:
    for key, lead in zip(("spring", "summer"), MISSES, strict=True):
        scheduled.write(f"{key}.csv", [lead])
    partitions = dg.StaticPartitionsDefinition(["spring", "summer"])

    def leads(context: dg.AssetExecutionContext) -> str:
        return f"{context.partition_key}.csv"

    for key, given in (
        ("spring", {}),
        ("summer", {"label": lambda context: f"of {context.partition_key}"}),
    ):
        assets = scheduled.assets(leads, partitions_def=partitions, **given)
        result = scheduled.materialise(assets, partition_key=key)
        assert result.success
        assert {event.partition for event in result.get_asset_materialization_events()} == {key}
    assert scheduled.rows("SELECT label FROM enrichment_runs ORDER BY started_at") == [
        ("spring",),
        ("of summer",),
    ]


@pytest.mark.slow
def test_a_table_or_relation_of_the_destination_is_a_list(scheduled: Scheduled) -> None:
    contacts = scheduled.write("contacts.csv", MISSES)
    with database.connect(str(scheduled.folder / "amplemarket.duckdb")) as file:
        file.execute(f"CREATE SCHEMA crm; CREATE TABLE crm.contacts AS FROM '{contacts}'")
    for leads in (
        LeadsFrom(table="crm.contacts"),
        lambda _: scheduled.pipeline().dataset().leads,
    ):
        result = scheduled.materialise(scheduled.assets(leads))
        assert result.success
        assert materialised_by(result)["leads"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


@pytest.mark.slow
def test_a_setting_from_dagsters_environment_is_read_when_the_step_runs(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    assets = scheduled.assets(MISSES, api_key=dg.EnvVar("AMPLEMARKET_KEY_OF_SALES"))
    monkeypatch.setenv("AMPLEMARKET_KEY_OF_SALES", "sandbox-key")
    assert scheduled.materialise(assets).success


def test_what_a_foreign_error_says_stays_out_of_dagsters_log(scheduled: Scheduled) -> None:
    def leads(_: object) -> Iterator[dict[str, str]]:
        yield LEADS[0]
        raise RuntimeError(LEADS[1]["email"])

    result = scheduled.materialise(scheduled.assets(leads))
    failure = failure_of(result)
    assert "Unexpected RuntimeError" in failure.user_failure_data.description
    assert "in leads" in failure.user_failure_data.metadata["traceback"].value
    assert "quill" not in repr(result.all_events)


def test_a_list_that_could_be_read_once_only_and_an_unknown_setting_are_refused_at_once(
    scheduled: Scheduled,
) -> None:
    with pytest.raises(SettingsError, match="read once only"):
        scheduled.assets(iter(LEADS))
    with pytest.raises(SettingsError, match="no setting reveal_mail"):
        scheduled.assets(reveal_mail=True)
    with pytest.raises(SettingsError, match="without a list"):
        amplemarket_assets(scheduled.pipeline)
    with pytest.raises(SettingsError, match="one of the two"):
        LeadsFrom(table="leads", query="SELECT 1")


def test_a_code_location_loads_without_secrets_and_makes_no_database(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    (scheduled.folder / "amplemarket.duckdb").unlink()
    before = set(scheduled.folder.rglob("*"))
    defs = runpy.run_path(str(ROOT / "pipelines" / "dagster_definitions.py"))["defs"]
    dg.Definitions.validate_loadable(defs)
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {f"amplemarket/{name}" for name in TABLES}
    assert set(scheduled.folder.rglob("*")) == before

    def not_yet(*_: object) -> Any:
        raise AssertionError("This is for the step to call.")

    assets = amplemarket_assets(not_yet, not_yet, label=not_yet, api_key=dg.EnvVar("NO_SUCH_NAME"))
    dg.Definitions.validate_loadable(dg.Definitions([assets]))


def test_what_the_guide_prints_can_be_loaded() -> None:
    guide = (ROOT / "docs" / "how-to" / "dagster.md").read_text("utf-8")
    printed: dict[str, Any] = {"__file__": __file__}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        code = compile(block, "dagster.md", "exec")
        if "dagster_dbt" not in block or find_spec("dagster_dbt"):
            exec(code, printed)  # noqa: S102 - our own text
            dg.Definitions.validate_loadable(dg.Definitions([printed["tables"]]))


def test_columns_are_told_before_the_first_run_and_personal_ones_are_marked(
    scheduled: Scheduled,
) -> None:
    spec = scheduled.assets().get_asset_spec(key_of("people"))
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    assert columns["email"].tags == {"personal": ""}
    assert not columns["id"].constraints.nullable


def test_a_component_is_scaffolded_for_the_user_to_fill_in_and_loads_as_it_is() -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(AmplemarketComponent, "amplemarket")
        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, AmplemarketComponent)
            assert component.leads == str(path / "leads.csv")
            assert component.destination == "duckdb:///amplemarket.duckdb"
            assert len(list(defs.resolve_all_asset_specs())) == len(TABLES)


@pytest.mark.slow
def test_a_component_of_yaml_buys_and_loads(scheduled: Scheduled) -> None:
    attributes = {
        "leads": {"query": f"SELECT * FROM read_csv('{scheduled.leads}')"},
        "companies": "companies.csv",
        "destination": f"duckdb:///{scheduled.folder}/amplemarket.duckdb",
        "label": "spring",
        "settings": {"reveal_email": True},
    }
    contents = {"type": "amplemarket_source.dagster.AmplemarketComponent", "attributes": attributes}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            AmplemarketComponent, "amplemarket", defs_yaml_contents=contents
        )
        shutil.copy(scheduled.write("companies.csv", DOMAINS), path)
        with sandbox.load_component_and_build_defs(path) as (_, defs):
            result = scheduled.materialise(*(defs.assets or ()))
    assert result.success
    assert scheduled.rows("SELECT DISTINCT label FROM enrichment_requests") == [("spring",)]
    assert materialised_by(result)["people"]["dagster/row_count"] == 3
    assert scheduled.rows("SELECT count(*) FROM people WHERE email IS NOT NULL") == [(3,)]
    assert scheduled.rows("SELECT count(*) FROM enrichment_results WHERE kind = 'companies'") == [
        (2,)
    ]


def test_dg_finds_the_component_by_the_entry_point() -> None:
    registered = entry_points(group="dagster_dg_cli.registry_modules")
    (module,) = (one.load() for one in registered if one.name == "amplemarket_source")
    assert module.AmplemarketComponent is AmplemarketComponent


def test_the_package_itself_does_without_dagster() -> None:
    code = (
        "import sys\n"
        "sys.modules['dagster'] = None\n"
        "import amplemarket_source.cli.run\n"
        f"for name in {amplemarket_source.__all__}: getattr(amplemarket_source, name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
