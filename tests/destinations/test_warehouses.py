"""What is right for each warehouse beyond the rows: one contract in all, clusters, descriptions."""

from __future__ import annotations

import re

import pytest
from dlt.destinations.job_client_impl import DDL_COMMANDS

from amplemarket_source.schema.tables import TABLES
from tests.destinations.groups import on
from tests.destinations.scenario import Scenario
from tests.destinations.side_by_side import as_contract
from tests.destinations.warehouses import WAREHOUSES

pytestmark = pytest.mark.timeout(400)

NAMES = [*TABLES, *(f"{name}.{c.name}" for name, table in TABLES.items() for c in table.columns)]


@pytest.mark.guarantee("the contract's columns and types in information_schema")
def test_information_schema_says_the_contract(scenario: Scenario) -> None:
    """So every two destinations have the same tables, columns and, by name, types."""
    columns = scenario.after("nothing").notes["columns"]
    found = as_contract(scenario.deployment.warehouse, columns)
    assert found == {
        (name, column.name): column.data_type
        for name, table in TABLES.items()
        for column in table.columns
    }


def test_the_three_warehouses_are_among_the_homes() -> None:
    assert set(WAREHOUSES) == {"duckdb", "snowflake", "bigquery"}


def test_no_name_of_the_contract_turns_bigquery_s_transaction_off() -> None:
    """dlt takes SQL with one of these words in it for DDL, and runs it without one
    (api-notes: dlt-ddl)."""
    assert [n for n in NAMES if re.search("|".join(DDL_COMMANDS), n, re.IGNORECASE)] == []


def test_no_name_of_the_contract_needs_quoting() -> None:
    parts = {part for name in NAMES for part in name.split(".")}
    assert [part for part in parts if not re.fullmatch(r"_?[a-z][a-z0-9_]{0,62}", part)] == []


@pytest.mark.parametrize("warehouse", on("bigquery"), indirect=True)
def test_bigquery_tables_are_clustered_by_what_merges_compare(scenario: Scenario) -> None:
    scenario.after("nothing")
    with scenario.deployment.pipeline().sql_client() as client:
        place = f"`{client.project_id}.{client.dataset_name}`.INFORMATION_SCHEMA"
        clustered = client.execute_sql(
            f"SELECT table_name, column_name FROM {place}.COLUMNS "
            "WHERE clustering_ordinal_position IS NOT NULL "
            "ORDER BY table_name, clustering_ordinal_position"
        )
        found: dict[str, list[str]] = {}
        for table, column in clustered or ():
            found.setdefault(table, []).append(column)
        for name, declared in TABLES.items():
            key = [declared.child.key] if declared.child else list(declared.key)
            assert found.get(name) == key, name


@pytest.mark.parametrize("warehouse", on("bigquery"), indirect=True)
def test_bigquery_shows_descriptions_and_what_is_personal(scenario: Scenario) -> None:
    scenario.after("nothing")
    with scenario.deployment.pipeline().sql_client() as client:
        people = client.native_connection.get_table(
            client.make_qualified_table_name("people", quote=False)
        )
    descriptions = {column.name: column.description for column in people.schema}
    assert people.description == TABLES["people"].description
    assert descriptions["id"] == "ID of the person"
    assert descriptions["email"].endswith("(personal data)")


@pytest.mark.parametrize("warehouse", on("snowflake"), indirect=True)
def test_snowflake_takes_every_name_unquoted(scenario: Scenario) -> None:
    scenario.after("nothing")
    columns = ", ".join(column.name for column in TABLES["people"].columns)
    with scenario.deployment.pipeline().sql_client() as client:
        assert client.execute_sql(f"SELECT {columns} FROM people WHERE 1 = 0") in ([], None)
