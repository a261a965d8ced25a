"""What is on this disk belongs to a destination, and outlives a pipeline's name."""

from __future__ import annotations

import shutil

import dlt
import pytest

from amplemarket_source.destination import duckdb
from amplemarket_source.ledger import Ledger
from amplemarket_source.working_folder import WorkingFolder
from tests.support.deployment import Deployment, email_leads

pytestmark = pytest.mark.slow


def _killed_before_the_ledger_has_the_id(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "accepted", killed)
        with pytest.raises(KeyboardInterrupt):
            deployment.buy(email_leads("ada"))


def test_an_id_that_the_journal_knows_frees_what_another_machine_had_to_hold(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_before_the_ledger_has_the_id(deployment, monkeypatch)
    shutil.move(deployment.folder / "pipelines", deployment.folder / "elsewhere")
    deployment.run(None)
    assert deployment.requests() == ["held"]
    deployment.wipe_disk()
    shutil.move(deployment.folder / "elsewhere", deployment.folder / "pipelines")
    assert deployment.run(None).exit_code == 0
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_another_destination_of_the_same_pipeline_leaves_the_journal_alone(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_before_the_ledger_has_the_id(deployment, monkeypatch)
    mine = deployment.pipeline
    for file, dataset in (("other", "amplemarket_data"), ("warehouse", "elsewhere")):

        def other(file: str = file, dataset: str = dataset) -> dlt.Pipeline:
            return dlt.pipeline(
                "amplemarket",
                destination=duckdb(str(deployment.folder / f"{file}.duckdb")),
                dataset_name=dataset,
                pipelines_dir=str(deployment.folder / "pipelines"),
            )

        with monkeypatch.context() as patch:
            patch.setattr(deployment, "pipeline", other)
            deployment.run(None)
    assert deployment.pipeline == mine
    assert deployment.run(None).exit_code == 0
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_two_pipelines_with_one_destination_share_what_they_bought(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed_before_the_ledger_has_the_id(deployment, monkeypatch)
    pipeline = deployment.pipeline
    monkeypatch.setattr(deployment, "pipeline", lambda: pipeline("another"))
    assert deployment.run(None).exit_code == 0
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_a_folder_called_after_the_pipeline_is_taken_up(deployment: Deployment) -> None:
    deployment.buy(email_leads("ada"))
    folder = WorkingFolder.of(deployment.pipeline()).journal.parent
    folder.rename(folder.parent / "amplemarket")
    gets = deployment.gets()
    assert deployment.run(None).exit_code == 0
    assert (deployment.outcomes(), deployment.gets()) == ({"ada": "enriched"}, gets)


def test_a_database_made_anew_beside_an_old_folder_gets_every_table(
    deployment: Deployment,
) -> None:
    deployment.run(email_leads("ada"))
    (deployment.folder / "warehouse.duckdb").unlink()
    with deployment.pipeline().sql_client() as client:
        # Whoever makes the lead list, dbt for one, is there before the first run.
        client.create_dataset()
    assert deployment.run(email_leads("ada")).exit_code == 0
    assert deployment.outcomes() == {"ada": "enriched"}
    assert deployment.run(email_leads("ada", "grace")).exit_code == 0
