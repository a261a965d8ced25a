"""A plain ``pipeline.run(amplemarket(...))`` keeps the same promises."""

from __future__ import annotations

import logging

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from amplemarket_source.errors import KeyRefused
from amplemarket_source.sandbox import Fault
from tests.support.deployment import Deployment, email_leads


def test_a_refused_key_raises_before_anything_is_bought(deployment: Deployment) -> None:
    with pytest.raises(PipelineStepFailed) as failed:
        deployment.pipeline().run(deployment.source(email_leads("ada"), api_key="wrong"))
    causes = [failed.value.__cause__, getattr(failed.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, KeyRefused) for cause in causes)
    assert (deployment.posts(), deployment.requests()) == (0, [])


def test_trouble_with_one_request_is_a_warning_and_the_rest_is_loaded(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.sandbox.set_faults(Fault("post_503", count=1))
    with caplog.at_level(logging.WARNING, logger="amplemarket"):
        deployment.pipeline().run(deployment.source(email_leads("bob")))
    assert deployment.outcomes() == {"ada": "enriched"}
    assert [(r.name, r.levelname) for r in caplog.records] == [
        ("amplemarket", "WARNING"),
        ("amplemarket", "ERROR"),
    ]
    assert "is held" in caplog.text
    assert "bob" not in caplog.text


def test_what_was_extracted_before_a_crash_is_loaded_by_the_next_run(
    deployment: Deployment,
) -> None:
    pipeline = deployment.pipeline()
    pipeline.extract(deployment.source(email_leads("ada")))
    assert deployment.outcomes() == {}
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_a_first_run_that_dies_after_extract_keeps_its_package(
    deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    deployment.folder = tmp_path_factory.mktemp("first")
    deployment.pipeline().extract(deployment.source(email_leads("ada")))
    dlt.pipeline()  # another pipeline is active in the meantime
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


def test_a_destination_that_fails_after_extract_costs_no_new_request(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise ConnectionError("the warehouse is down")

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", down)
        with pytest.raises(ConnectionError):
            # The ledger's own loads come before; its tables are there.
            deployment.pipeline().run(deployment.source(None))
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)
