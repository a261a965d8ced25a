"""What is counted and summed of every mart, so that destinations can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.dbt.environment import PACKAGE
from tests.destinations.deployment import WarehouseDeployment

__all__ = [
    "ENRICHMENT_MARTS",
    "FIGURES",
    "MARTS",
    "WORKSPACE_MARTS",
    "figures",
    "undescribed",
]

FIGURES = Path(__file__).with_name("figures.json")
"""What the story comes to, the same on every destination."""

_FOLDER = PACKAGE / "models" / "marts"
_Mart = dict[str, Any]


def _described_in(path: Path) -> list[_Mart]:
    found: list[_Mart] = yaml.safe_load(path.read_text("utf-8"))["models"]
    return found


ENRICHMENT_MARTS = _described_in(_FOLDER / "_marts.yml")

WORKSPACE_MARTS = _described_in(_FOLDER / "workspace" / "_workspace_marts.yml")
"""Those of the workspace's tables, which a project has to ask for."""

MARTS = [*ENRICHMENT_MARTS, *WORKSPACE_MARTS]

_OF_THE_MACHINE = {"started_at", "finished_at", "seconds"}
"""Columns that tell the machine's time, which is another each time; they are counted only."""


def figures(
    deployment: WarehouseDeployment, schema: str, marts: Iterable[_Mart]
) -> dict[str, dict[str, Any]]:
    """Rows of each mart; of each column the values, and their sum or the least and greatest."""
    return {mart["name"]: _mart(deployment, schema, mart) for mart in marts}


def _mart(deployment: WarehouseDeployment, schema: str, mart: _Mart) -> dict[str, Any]:
    names, asked = ["rows"], ["count(*)"]
    for column in mart["columns"]:
        name, data_type = column["name"], column["data_type"]
        wanted = {"count": f"count({name})"}
        if data_type == "string":
            wanted["distinct"] = f"count(distinct {name})"
        elif data_type == "boolean":
            wanted["true"] = f"sum(case when {name} then 1 else 0 end)"
        elif name in _OF_THE_MACHINE:
            pass
        elif data_type in ("date", "timestamp"):
            wanted |= {"least": f"min({name})", "greatest": f"max({name})"}
        else:
            wanted["sum"] = f"sum({name})"
        names += [f"{name}.{what}" for what in wanted]
        asked += wanted.values()
    (row,) = deployment.rows(f"SELECT {', '.join(asked)} FROM {schema}.{mart['name']}")
    return dict(zip(names, map(_plain, row), strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else round(float(value), 6)


def undescribed(artifacts: Path) -> list[str]:
    """Columns of models as the database has them, of which the package says nothing.

    Args:
        artifacts: where ``dbt docs generate`` has left its files.
    """
    catalog = json.loads((artifacts / "catalog.json").read_text("utf-8"))
    manifest = json.loads((artifacts / "manifest.json").read_text("utf-8"))
    found = []
    for name, node in catalog["nodes"].items():
        columns = manifest["nodes"][name]["columns"]
        described = {column.lower() for column, said in columns.items() if said["description"]}
        found += [f"{name}.{one}" for one in node["columns"] if one.lower() not in described]
    return found
