"""`dlt.dbt.package` in the example for DuckDB, with the dbt of the same environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from tests.dbt.environment import copied
from tests.schedulers.environments import interpreter_of
from tests.schedulers.place import Place
from tests.support.environments import ROOT
from tests.support.workers import environment_of

pytestmark = [
    pytest.mark.long,  # dbt as such is run by the others
    pytest.mark.schedulers,
    pytest.mark.xdist_group("dagster"),
]


def test_the_example_builds_and_tests_the_models_of_what_it_has_loaded(
    place: Place, home: Path
) -> None:
    # As a clone has it: the example beside the package, and a folder to run it in.
    clone = place.folder / "clone"
    shutil.copytree(ROOT / "pipelines", clone / "pipelines")
    package = copied(clone / "dbt", profile="duckdb")
    python = interpreter_of("dagster")
    database = place.folder / "amplemarket.duckdb"
    environment = environment_of(
        python,
        home,
        **place.environment(),
        AMPLEMARKET_WAREHOUSE=str(database),
        # dlt's own profile loads extensions of DuckDB, which cannot be had everywhere.
        DBT_PACKAGE_RUNNER__PACKAGE_PROFILES_DIR=str(package),
    )
    done = subprocess.run(
        [python, clone / "pipelines" / "duckdb_pipeline.py", "--models"],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "amplemarket__people success" in done.stdout
    assert "amplemarket_nobody_erased_is_in_a_mart pass" in done.stdout
    with duckdb.connect(str(database), read_only=True) as found:
        counted = found.sql("SELECT count(*) FROM models_amplemarket.amplemarket__people")
        assert counted.fetchall() == [(3,)]
    # What the example prints and what it loads is its own; nobody else's file is left.
    database.unlink()
    shutil.rmtree(clone / "pipelines")  # where its leads stand
