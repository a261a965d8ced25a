"""Materialises our assets and a dbt project behind them; a program of Dagster's environment."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from amplemarket_source.dagster import amplemarket_assets
from tests.support.orders import serve


def do(leads: str, folder: str, pipelines: str) -> Any:
    """One job of both, and how it ended.

    Args:
        folder: gets a copy of the dbt project, into which dbt writes.
    """
    place = Path(folder) / "dbt"
    shutil.copytree(Path(__file__).parent / "dbt_project", place, dirs_exist_ok=True)
    subprocess.run(["dbt", "parse", "--profiles-dir", "."], cwd=place, check=True)
    project = DbtProject(place)

    def pipeline() -> dlt.Pipeline:
        return dlt.pipeline(
            "amplemarket",
            destination="duckdb",
            dataset_name="amplemarket_data",
            pipelines_dir=pipelines,
        )

    @dbt_assets(manifest=project.manifest_path)
    def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Any:
        yield from dbt.cli(["build"], context=context).stream()

    tables = amplemarket_assets(pipeline, leads=leads, max_retries=0)
    found = dg.materialize(
        [tables, marts],
        resources={"dbt": DbtCliResource(project_dir=project)},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    (model,) = marts.keys
    return {
        "success": found.success,
        "upstream": [key.to_user_string() for key in marts.asset_deps[model]],
        "materialised": [
            event.asset_key.to_user_string()
            for event in found.get_asset_materialization_events()
            if event.asset_key is not None
        ],
        "settled": [check.passed for check in found.get_asset_check_evaluations()],
    }


if __name__ == "__main__":
    serve(do)
