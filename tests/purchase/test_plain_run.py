"""A plain ``pipeline.run(amplemarket(...))`` keeps the same promises."""

from __future__ import annotations

import logging

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from amplemarket_source.errors import KeyRefused
from amplemarket_source.sandbox import Fault
from tests.purchase.shop import Shop, email_leads


def test_a_refused_key_raises_before_anything_is_bought(shop: Shop) -> None:
    with pytest.raises(PipelineStepFailed) as failed:
        shop.pipeline().run(shop.source(email_leads("ada"), api_key="wrong"))
    causes = [failed.value.__cause__, getattr(failed.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, KeyRefused) for cause in causes)
    assert (shop.posts(), shop.requests()) == (0, [])


def test_trouble_with_one_request_is_a_warning_and_the_rest_is_loaded(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.buy(email_leads("ada"), poll_timeout="0s")
    shop.sandbox.set_faults(Fault("post_503", count=1))
    with caplog.at_level(logging.WARNING, logger="amplemarket"):
        shop.pipeline().run(shop.source(email_leads("bob")))
    assert shop.outcomes() == {"ada": "enriched"}
    assert [r.name for r in caplog.records] == ["amplemarket"]
    assert "is held" in caplog.text
    assert "bob" not in caplog.text


def test_what_was_extracted_before_a_crash_is_loaded_by_the_next_run(shop: Shop) -> None:
    pipeline = shop.pipeline()
    pipeline.extract(shop.source(email_leads("ada")))
    assert shop.outcomes() == {}
    shop.pipeline().run(shop.source(email_leads("ada")))
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


def test_a_first_run_that_dies_after_extract_keeps_its_package(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop.folder = tmp_path_factory.mktemp("first")
    shop.pipeline().extract(shop.source(email_leads("ada")))
    dlt.pipeline()  # another pipeline is active in the meantime
    shop.pipeline().run(shop.source(email_leads("ada")))
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)


def test_a_destination_that_fails_after_extract_costs_no_new_request(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise ConnectionError("the warehouse is down")

    with monkeypatch.context() as patch:
        patch.setattr(dlt.Pipeline, "load", down)
        with pytest.raises(ConnectionError):
            # The ledger's own loads come before; its tables are there.
            shop.pipeline().run(shop.source(None))
    shop.pipeline().run(shop.source(email_leads("ada")))
    shop.pipeline().run(shop.source(email_leads("ada")))
    assert (shop.outcomes(), shop.posts()) == ({"ada": "enriched"}, 1)
