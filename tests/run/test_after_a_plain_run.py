"""What a plain ``pipeline.run`` leaves behind: nobody's data, nothing settled that is not there."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.duckdb.duck import DuckDbClient

from amplemarket_source import forget, settled
from amplemarket_source.destination import duckdb
from amplemarket_source.environment import WHILE_RUNNING
from amplemarket_source.errors import Unfinished
from amplemarket_source.load import follow
from amplemarket_source.privacy.keys import identifier_keys
from amplemarket_source.sandbox import Fault
from amplemarket_source.schema.bookkeeping import ERASURES
from tests.privacy.test_erasure import mentions
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger

pytestmark = pytest.mark.slow

LEADS = email_leads("ada", "bob")
ADA = "ada@ada"


@pytest.fixture(autouse=True)
def dlt_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the settings that commands make."""
    for name in WHILE_RUNNING:
        monkeypatch.delenv(name, raising=False)


def staged(deployment: Deployment, name: str = "amplemarket") -> dlt.Pipeline:
    """The same warehouse by dlt's own destination, which merges out of staging tables."""
    return dlt.pipeline(
        name,
        destination=dlt.destinations.duckdb(str(deployment.folder / "warehouse.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(deployment.folder / "pipelines"),
    )


def elsewhere(deployment: Deployment) -> dlt.Pipeline:
    """The pipeline on another machine."""
    return dlt.pipeline(
        "amplemarket",
        destination=duckdb(str(deployment.folder / "warehouse.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(deployment.folder / "elsewhere"),
    )


# --- nobody's data in files


def test_after_a_plain_run_people_are_in_the_tables_alone(deployment: Deployment) -> None:
    deployment.pipeline().run(deployment.source(LEADS, reveal_email=True))
    places = mentions(deployment, ADA)
    assert "amplemarket_data.people" in places
    assert [place for place in places if not place.startswith("amplemarket_data.")] == []


def test_after_a_plain_run_staging_tables_and_files_are_empty(deployment: Deployment) -> None:
    pipeline = staged(deployment)
    pipeline.run(deployment.source(LEADS, reveal_email=True))
    assert deployment.rows("SELECT count(*) FROM amplemarket_data_staging.people") == [(0,)]
    places = mentions(deployment, ADA)
    assert [place for place in places if not place.startswith("amplemarket_data.")] == []


def test_steps_one_by_one_leave_as_little(deployment: Deployment) -> None:
    pipeline = staged(deployment)
    pipeline.extract(deployment.source(LEADS, reveal_email=True))
    pipeline.normalize()
    assert any("spool" in place for place in mentions(deployment, ADA)), "until it is loaded"
    pipeline.load()
    places = mentions(deployment, ADA)
    assert [place for place in places if not place.startswith("amplemarket_data.")] == []


def test_the_files_of_other_sources_stay_as_dlt_keeps_them(deployment: Deployment) -> None:
    orders = dlt.resource([{"id": 1}], name="orders")
    info = deployment.pipeline().run([deployment.source(LEADS), orders])
    tables = {
        job.job_file_info.table_name
        for load_id in info.loads_ids
        for job in deployment.pipeline().get_load_package_info(load_id).jobs["completed_jobs"]
    }
    assert "orders" in tables
    assert "people" not in tables


def test_a_tracker_is_told_of_each_load_once(deployment: Deployment) -> None:
    for _ in range(3):
        deployment.source(LEADS)
    from dlt.pipeline import trace

    assert trace.TRACKING_MODULES.count(follow._follower) == 1


# --- never green when unfinished


def stopped(deployment: Deployment, how: str) -> dict[str, Any]:
    """What makes a run of two leads stop early."""
    if how == "cap":
        return {"max_credits": 0.5, "leads_per_request": 1}
    if how == "poll time-out":
        return {"poll_timeout": "0s"}
    if how == "held":
        deployment.sandbox.set_faults(Fault("post_503", count=1))
    else:
        deployment.sandbox.set_faults(Fault("insufficient_at_once", count=1))
    return {}


@pytest.mark.parametrize("how", ["cap", "credits", "poll time-out", "held"])
def test_an_unfinished_plain_run_is_an_error_in_the_log_and_settled_raises_it(
    deployment: Deployment, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    given = stopped(deployment, how)
    with caplog.at_level(logging.ERROR, logger="amplemarket"):
        deployment.pipeline().run(deployment.source(LEADS, **given))
    (error,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert "settled(pipeline) raises" in error.getMessage()
    with pytest.raises(Unfinished):
        settled(deployment.pipeline())
    deployment.wipe_disk()
    with pytest.raises(Unfinished):
        settled(deployment.pipeline())


def test_a_plain_run_that_finishes_what_was_open_is_settled(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.pipeline().run(
        deployment.source(LEADS, max_credits=0.5, leads_per_request=1, poll_timeout="0s")
    )
    caplog.clear()
    deployment.pipeline().run(deployment.source(LEADS))
    settled(deployment.pipeline())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# --- settled only without failed jobs


def test_a_load_that_lost_a_table_settles_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = staged(deployment)
    pipeline.extract(deployment.source(LEADS))
    pipeline.normalize()
    make = DuckDbClient.create_load_job

    def failing(client: Any, table: Any, file_path: str, *given: Any, **named: Any) -> Any:
        job = make(client, table, file_path, *given, **named)
        if table["name"] == "people" and file_path.endswith("parquet"):
            job.run = lambda: (_ for _ in ()).throw(  # type: ignore[method-assign]
                dlt.destinations.exceptions.DatabaseTerminalException(ValueError("broken"))
            )
        return job

    with monkeypatch.context() as patch:
        patch.setattr(DuckDbClient, "create_load_job", failing)
        info = pipeline.load(raise_on_failed_jobs=False)
    assert info.has_failed_jobs
    assert "it settles nothing" in caplog.text
    with pytest.raises(Unfinished):
        settled(pipeline)
    deployment.pipeline().run(deployment.source(LEADS))
    assert (deployment.people(), deployment.posts()) == (2, 1)
    settled(deployment.pipeline())


# --- erased while the load was under way


def extracted_elsewhere(deployment: Deployment, leads: Any) -> dlt.Pipeline:
    pipeline = elsewhere(deployment)
    # Read again, so the package has them whatever was known.
    pipeline.extract(deployment.source(leads, refresh_after="0s"))
    return pipeline


def test_who_is_erased_between_extract_and_load_does_not_come_back(
    deployment: Deployment,
) -> None:
    deployment.pipeline().run(deployment.source(LEADS))
    pipeline = extracted_elsewhere(deployment, LEADS)
    forget(deployment.pipeline(), email="ada@ada.example")
    pipeline.run()
    assert (deployment.outcomes(), deployment.people()) == (
        {"ada": "gdpr_removed", "bob": "enriched"},
        1,
    )
    posts = deployment.posts()
    deployment.pipeline().run(deployment.source(email_leads("ada"), refresh_after="0s"))
    assert deployment.posts() == posts, "and is not asked for again"


def test_who_is_erased_before_the_first_answer_is_loaded_does_not_come(
    deployment: Deployment,
) -> None:
    pipeline = extracted_elsewhere(deployment, LEADS)
    forget(deployment.pipeline(), email="ada@ada.example")
    with open_ledger(deployment.pipeline()) as ledger:
        (key,) = identifier_keys("ada@ada.example", None)
        ledger.warehouse.rows(f"DELETE FROM {ledger.warehouse.name(ERASURES.name)}")
        ledger.warehouse.insert(
            ERASURES,
            {
                "erasure_key": key,
                "key_of": "identifier",
                "erased_at": datetime.now(timezone.utc),
                "reason": "request",
                "_dlt_id": key,
            },
        )
    pipeline.run()
    assert (deployment.outcomes(), deployment.people()) == (
        {"ada": "gdpr_removed", "bob": "enriched"},
        1,
    )


def test_what_a_run_that_was_killed_after_its_load_brought_back_goes_with_the_next(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.pipeline().run(deployment.source(LEADS))
    pipeline = extracted_elsewhere(deployment, LEADS)
    forget(deployment.pipeline(), email="ada@ada.example")
    with monkeypatch.context() as patch:
        patch.setattr(follow, "_follow_up", lambda *_: None)
        pipeline.run()
    assert deployment.people() == 2, "nobody looked yet"
    deployment.run(None)
    assert (deployment.outcomes(), deployment.people()) == (
        {"ada": "gdpr_removed", "bob": "enriched"},
        1,
    )


def test_who_left_for_age_alone_may_come_back(deployment: Deployment) -> None:
    pipeline = extracted_elsewhere(deployment, LEADS)
    with open_ledger(deployment.pipeline()) as ledger:
        (key,) = identifier_keys("ada@ada.example", None)
        row = {"erasure_key": key, "key_of": "lead", "reason": "retention", "_dlt_id": key}
        ledger.warehouse.insert(ERASURES, {**row, "erased_at": datetime.now(timezone.utc)})
    pipeline.run()
    assert deployment.people() == 2


def test_a_load_on_which_another_run_is_at_work_is_left_to_that(deployment: Deployment) -> None:
    pipeline = deployment.pipeline()
    pipeline.extract(deployment.source(LEADS))
    with deployment.opened():
        pipeline.run()
    assert deployment.people() == 2
    assert not any("spool" in place for place in mentions(deployment, ADA))
