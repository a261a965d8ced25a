"""The schedulers' virtual environments, with this project in each."""

from __future__ import annotations

from pathlib import Path

from tests.support.environments import Environment, Missing, not_tested

__all__ = ["SCHEDULERS", "interpreter_of"]

_HERE = Path(__file__).parent

SCHEDULERS = {
    "dagster": Environment(
        "dagster", "Dagster with dbt", _HERE / "dagster.txt", extra="dagster,sandbox"
    ),
    "airflow": Environment("airflow", "Airflow 3.3.2", _HERE / "airflow.txt", extra="sandbox"),
    "prefect": Environment("prefect", "Prefect 3.7.2", _HERE / "prefect.txt", extra="sandbox"),
}


def interpreter_of(name: str) -> Path:
    """The interpreter of a scheduler's environment; the test is skipped where there is none."""
    try:
        return SCHEDULERS[name].ensure()
    except Missing as missing:
        not_tested(SCHEDULERS[name].version, missing)
