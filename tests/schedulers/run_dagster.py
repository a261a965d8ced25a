"""Materialises our assets and the dbt package behind them; a program of Dagster's environment."""

import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

from amplemarket_source.dagster import amplemarket_assets
from tests.support.orders import serve


def do(leads: str, project: str, pipelines: str) -> Any:
    """One job of both, and how it ended.

    Args:
        project: the folder of the dbt project, into which dbt writes.
    """
    place = Path(project)
    subprocess.run(["dbt", "parse", "--profiles-dir", "."], cwd=place, check=True)
    models = DbtProject(place)

    def pipeline() -> dlt.Pipeline:
        return dlt.pipeline(
            "amplemarket",
            destination="duckdb",
            dataset_name="amplemarket_data",
            pipelines_dir=pipelines,
        )

    @dbt_assets(manifest=models.manifest_path)
    def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Any:
        yield from dbt.cli(["build"], context=context).stream()

    tables = amplemarket_assets(pipeline, leads=leads, max_retries=0)
    found = dg.materialize(
        [tables, marts],
        resources={"dbt": DbtCliResource(project_dir=models)},
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    checks = found.get_asset_check_evaluations()
    return {
        "success": found.success,
        "tables": sorted(key.to_user_string() for key in tables.keys),
        "upstream": {
            key.path[-1]: sorted(one.to_user_string() for one in needed)
            for key, needed in marts.asset_deps.items()
        },
        "materialised": [
            event.asset_key.path[-1]
            for event in found.get_asset_materialization_events()
            if event.asset_key is not None
        ],
        "settled": [check.passed for check in checks if check.check_name == "settled"],
        "failed": sorted({check.check_name for check in checks if not check.passed}),
    }


if __name__ == "__main__":
    serve(do)
