"""A package that a killed process or a full disk has left broken is made anew, not in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import dlt
import pyarrow as pa
import pytest

from amplemarket_source.errors import DestinationError
from amplemarket_source.load.waves import load_pending
from amplemarket_source.schema.bookkeeping import REQUEST_LEADS
from amplemarket_source.warehouse.client import Warehouse
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")  # each takes a second


class Killed(BaseException):
    """As by SIGKILL: nothing of ours catches it."""


def _truncate(package: Path) -> None:
    for file in package.rglob("*.parquet"):
        os.truncate(file, 0)


def _cut(package: Path) -> None:
    for file in package.rglob("*.parquet"):
        os.truncate(file, file.stat().st_size // 2)


def _lose_schema(package: Path) -> None:
    for file in package.rglob("schema.json"):
        file.unlink()


def _cut_schema(package: Path) -> None:
    for file in package.rglob("schema.json"):
        os.truncate(file, file.stat().st_size // 2)


def _lose_state(package: Path) -> None:
    for file in package.rglob("load_package_state.json"):
        file.unlink()


DAMAGES = [_truncate, _cut, _lose_schema, _cut_schema, _lose_state]


def _left_behind(
    deployment: Deployment, patch: pytest.MonkeyPatch, pipeline: str, step: str
) -> list[Path]:
    """The packages of a run that died before this step of a pipeline."""
    original = getattr(dlt.Pipeline, step)

    def dies(self: dlt.Pipeline, *args: object, **more: object) -> object:
        if self.pipeline_name == pipeline:
            raise Killed
        return original(self, *args, **more)

    with patch.context() as patched:
        patched.setattr(dlt.Pipeline, step, dies)
        with pytest.raises(Killed):
            deployment.run(email_leads("ada"))
    folder = deployment.folder / "pipelines" / pipeline
    packages = [
        entry
        for place in ("normalize/extracted", "load/normalized")
        for entry in (folder / place).glob("*")
        if entry.is_dir()
    ]
    assert packages
    return packages


def _names(damage: Callable[[Path], None]) -> str:
    return damage.__name__.strip("_")


@pytest.mark.parametrize("damage", DAMAGES, ids=_names)
@pytest.mark.parametrize("step", ["normalize", "load"])
def test_a_load_that_was_left_broken_is_made_anew_and_nothing_is_bought_again(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    damage: Callable[[Path], None],
) -> None:
    for package in _left_behind(deployment, monkeypatch, "amplemarket", step):
        damage(package)
    report = deployment.run(None)
    assert (report.exit_code, deployment.posts()) == (0, 1)
    assert deployment.outcomes() == {"ada": "enriched"}
    assert not deployment.pipeline().has_pending_data


@pytest.mark.parametrize("damage", DAMAGES[1:3], ids=_names)
@pytest.mark.parametrize("step", ["normalize", "load"])
def test_a_record_that_was_left_broken_is_made_anew_by_the_next_plan(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    damage: Callable[[Path], None],
) -> None:
    # As where dlt loads the record (`Warehouse.load`); the lease of such a place is free again.
    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "is_one_process", False)
        for package in _left_behind(deployment, monkeypatch, "amplemarket_ledger", step):
            damage(package)
    report = deployment.run(email_leads("ada"))
    assert (report.exit_code, deployment.posts()) == (0, 1)
    assert deployment.outcomes() == {"ada": "enriched"}


@pytest.mark.parametrize("pipeline", ["amplemarket", "amplemarket_ledger"])
@pytest.mark.parametrize("name", ["9e496aec19968b49", "a35eaffa0cbf30f9"])
def test_a_schema_that_was_half_written_is_not_in_the_way(
    deployment: Deployment, pipeline: str, name: str
) -> None:
    schemas = deployment.folder / "pipelines" / pipeline / "schemas"
    schemas.mkdir(parents=True, exist_ok=True)
    (schemas / name).write_text('{"version": 2, "nam')
    deployment.pipeline()
    deployment.pipeline("amplemarket_ledger")  # as a status in between does
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert [file.name for file in schemas.iterdir() if name in file.name] == []


def test_nor_is_it_in_the_way_of_a_plain_run(deployment: Deployment) -> None:
    schemas = deployment.folder / "pipelines" / "amplemarket" / "schemas"
    (schemas / "a35eaffa0cbf30f9").write_text('{"version": 2, "nam')
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    assert (deployment.people(), deployment.posts()) == (1, 1)
    assert deployment.run(email_leads("ada", "bob")).exit_code == 0
    assert deployment.people() == 2


def test_a_record_that_the_destination_refuses_is_not_in_the_way_of_the_next(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise ValueError("no")

    row = dict.fromkeys(("request_key", "lead_key", "_dlt_load_id", "_dlt_id"), "x")
    rows = pa.Table.from_pylist([row], schema=REQUEST_LEADS.arrow_schema)
    with open_ledger(deployment.pipeline()) as ledger:
        monkeypatch.setattr(Warehouse, "is_one_process", False)
        with monkeypatch.context() as patched:
            patched.setattr(dlt.Pipeline, "load", refuse)
            with pytest.raises(DestinationError):
                ledger.load({REQUEST_LEADS: [rows]})
        ledger.load({REQUEST_LEADS: [rows]})
    assert deployment.rows("SELECT lead_key FROM _amplemarket_request_leads") == [("x",)]
    folder = deployment.folder / "pipelines" / "amplemarket_ledger"
    left = [*(folder / "load" / "normalized").iterdir(), *(folder / "normalize").rglob("*.parquet")]
    assert left == []


def test_a_package_of_another_source_of_the_pipeline_is_loaded_and_not_given_up(
    deployment: Deployment,
) -> None:
    pipeline = deployment.pipeline()
    pipeline.extract([{"note": "kept"}], table_name="notes", schema=dlt.Schema("notes"))
    load_pending(pipeline)
    assert deployment.rows("SELECT note FROM notes") == [("kept",)]
