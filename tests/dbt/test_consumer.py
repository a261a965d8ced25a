"""A project of somebody's own on top of the package, installed from a tag of a repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from amplemarket_source.run.forget import forget
from tests.dbt.environment import PACKAGE, Project
from tests.dbt.story import FORGOTTEN, REMOVED, buy, buy_again, keep_in_step
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.warehouses import opened
from tests.support.workers import Worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # Beside the package on DuckDB, which has started dbt already.
    pytest.mark.xdist_group("duckdb"),
]


def published(folder: Path) -> str:
    """A repository with the package in a subdirectory, at a tag; its URL."""
    shutil.copytree(
        PACKAGE,
        folder / "dbt",
        ignore=shutil.ignore_patterns("target", "logs", "dbt_packages", "integration_tests"),
    )
    who = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com")
    for words in (
        ("init", "--quiet"),
        ("add", "."),
        (*who, "commit", "--quiet", "--message", "A package"),
        ("tag", "v0.1.0"),
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder.as_uri()


def consumer(folder: Path, url: str, deployment: WarehouseDeployment) -> Path:
    """The project that the package ships for this, told where package and tables are."""
    shutil.copytree(PACKAGE / "integration_tests", folder)
    packages = [{"git": url, "subdirectory": "dbt", "revision": "v0.1.0"}]
    (folder / "packages.yml").write_text(yaml.safe_dump({"packages": packages}))
    file = folder / "dbt_project.yml"
    project = yaml.safe_load(file.read_text("utf-8"))
    project["vars"]["amplemarket"] |= {
        "amplemarket_schema": deployment.dataset,
        "amplemarket_workspace_schema": deployment.workspace,
    }
    file.write_text(yaml.safe_dump(project))
    return folder


def test_nobody_erased_is_left_after_the_next_build_wherever_they_were(
    worker: Worker, tmp_path: Path
) -> None:
    with (
        opened("duckdb") as warehouse,
        WarehouseDeployment.settled(warehouse, tmp_path) as deployment,
    ):
        assert isinstance(deployment, WarehouseDeployment)
        repository = published(tmp_path / "repo")
        place = consumer(tmp_path / "consumer", repository, deployment)
        project = Project(worker, deployment, tmp_path / "dbt", place)

        buy(deployment)
        keep_in_step(deployment)
        project.run("deps", "build")
        erased = deployment.rows(
            "SELECT id, email, linkedin_url FROM people "
            f"WHERE email IN ('{FORGOTTEN}', '{REMOVED}')"
        )
        texts = [text for row in erased for text in row]
        homes = relations_with(deployment, *texts)
        target = project.target
        assert homes >= {
            (f"{target}_crm", "people_ever_seen"),
            (f"{target}_crm", "people_snapshot"),
            (f"{target}_crm", "contacts"),
            (f"{target}_crm", "domains_of_people"),
            (f"{target}_leads", "amplemarket__people"),
            (f"{target}_leads", "amplemarket__leads"),
            (f"{target}_leads", "amplemarket__person_positions"),
            (f"{target}_leads", "amplemarket__excluded_leads"),
            (f"{target}_raw_leads", "stg_amplemarket__people"),
            (f"{target}_raw_leads", "stg_amplemarket_workspace__excluded_emails"),
        }
        before = deployment.rows(f"SELECT count(*) FROM {target}_crm.people_ever_seen")

        buy_again(deployment)  # the API removes one of them
        pipeline, workspace = deployment.pipeline(), deployment.workspace
        assert forget(pipeline, email=FORGOTTEN.upper(), workspace_dataset=workspace).found
        project.run("build")
        assert relations_with(deployment, *texts) == set()

        # Only they are gone, and what they were the key of goes back to the CRM.
        after = deployment.rows(f"SELECT count(*) FROM {target}_crm.people_ever_seen")
        assert after[0][0] == before[0][0] - len(erased) + NEW
        removed = deployment.rows(
            f"SELECT external_id FROM {target}_crm.contacts WHERE outcome = 'gdpr_removed'"
        )
        assert sorted(removed) == [("crm-ada.quill-globex",), ("removed",), ("removed-later",)]
        versions = deployment.rows(
            "SELECT count(*), count(DISTINCT person_id) FROM "
            f"{target}_crm.people_snapshot WHERE title IS NOT NULL"
        )
        assert versions[0][0] > versions[0][1], "of whoever was not erased every version is kept"

        built = {name for _, name in relations_with(deployment)}
        assert "amplemarket__company_headcount" not in built, "it is switched off"


NEW = 3
"""People whom the second purchase finds for the first time."""


def relations_with(deployment: WarehouseDeployment, *texts: str) -> set[tuple[str, str]]:
    """Every table and view, the loader's and the project's, in which one of the texts stands.

    Without texts, all of them.
    """
    anywhere = " OR ".join(["contains(found::VARCHAR, ?)"] * len(texts)) or "true"
    with duckdb.connect(str(deployment.folder / "warehouse.duckdb"), read_only=True) as database:
        database.execute("SET threads = 1")
        relations = database.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            f"WHERE table_schema LIKE '{deployment.dataset}%'"
        ).fetchall()
        return {
            (schema, name)
            for schema, name in relations
            if not texts
            or database.execute(
                f'SELECT 1 FROM "{schema}"."{name}" AS found WHERE {anywhere} LIMIT 1', texts
            ).fetchall()
        }
