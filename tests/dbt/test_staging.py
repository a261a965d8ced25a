"""What the dbt package says of our tables is what they are; nothing here needs dbt."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import TABLES
from tests.dbt.environment import PACKAGE
from tests.dbt.figures import MARTS
from tests.dbt.staging import FOLDER, files

README = (PACKAGE / "README.md").read_text("utf-8")


def test_the_staging_models_are_those_of_the_declared_tables() -> None:
    wanted = files()
    found = {path: path.read_text("utf-8") for path in FOLDER.glob("*/*")}
    assert found == wanted, "run python -m tests.dbt.staging"


@pytest.mark.parametrize(
    ("folder", "tables"),
    [
        ("amplemarket", list(TABLES.values())),
        ("amplemarket_workspace", list(STREAM_TABLES)),
    ],
)
def test_every_personal_column_is_marked_in_the_sources(folder: str, tables: list[Table]) -> None:
    (source,) = yaml.safe_load((FOLDER / folder / "_sources.yml").read_text("utf-8"))["sources"]
    marked = {
        (table["identifier"].split("'")[-2], column["name"])
        for table in source["tables"]
        for column in table["columns"]
        if column.get("config", {}).get("meta", {}).get("contains_pii")
    }
    personal = {
        (table.name, column.name) for table in tables for column in table.columns if column.personal
    }
    assert marked == personal


def test_whoever_has_no_workspace_has_none_of_its_models() -> None:
    folders = ("staging/amplemarket_workspace", "marts/workspace")
    for folder in folders:
        for path in (PACKAGE / "models" / folder).glob("*.sql"):
            switch = "config(enabled=var('amplemarket__workspace_enabled', false))"
            assert switch in path.read_text("utf-8"), path
    project = yaml.safe_load((PACKAGE / "dbt_project.yml").read_text("utf-8"))
    assert project["vars"]["amplemarket"]["amplemarket__workspace_enabled"] is False


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: str(mart["name"]))
def test_a_mart_has_a_key_a_description_of_every_column_and_two_questions(
    mart: dict[str, Any],
) -> None:
    assert mart["description"]
    assert all(column["description"] and column["data_type"] for column in mart["columns"])
    assert "unique_together" in mart["data_tests"][0]
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{mart['name']}`")]
    assert row.count("?") >= 2, "the README asks two questions of it"


def test_every_mart_is_described() -> None:
    models = {path.stem for path in (PACKAGE / "models" / "marts").rglob("*.sql")}
    assert models == {mart["name"] for mart in MARTS}
