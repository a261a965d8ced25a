"""Where a source has its settings from, and when it asks for them."""

from __future__ import annotations

import dlt
import pytest

from amplemarket_source import amplemarket
from amplemarket_source.errors import SettingsError, causes
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from amplemarket_source.settings import resolve_settings
from tests.support.deployment import Deployment, email_leads

pytestmark = pytest.mark.slow

LEADS = email_leads("ada")


def test_a_source_is_made_without_a_key_and_asks_for_it_when_it_is_read(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = amplemarket(leads=LEADS, base_url=deployment.server.url)
    with pytest.raises(Exception) as failed:  # noqa: PT011 - dlt wraps it
        deployment.pipeline().run(source)
    (error,) = (cause for cause in causes(failed.value) if isinstance(cause, SettingsError))
    assert "SOURCES__AMPLEMARKET__API_KEY" in str(error)
    source = amplemarket(leads=LEADS, base_url=deployment.server.url)
    monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "sandbox-key")
    deployment.pipeline().run(source)
    assert (deployment.posts(), deployment.people()) == (1, 1)


def test_a_setting_that_cannot_be_is_said_where_the_source_is_made() -> None:
    with pytest.raises(SettingsError, match=r"sources\.amplemarket\.max_credits"):
        amplemarket(leads=LEADS, max_credits=-1)


def test_what_is_given_comes_before_the_settings(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__REVEAL_EMAIL", "true")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", "http://127.0.0.1:9")
    deployment.pipeline().run(deployment.source(LEADS, reveal_email=False))
    assert deployment.rows("SELECT reveal_email FROM enrichment_requests") == [(False,)]


@pytest.mark.parametrize("how", [{"section": "amp2"}, {"name": "amp2"}])
def test_a_cloned_source_buys_at_the_address_of_its_own_section(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, how: dict[str, str]
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "first-key")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", deployment.server.url)
    with SandboxServer(SandboxOptions(requests_per_minute=None)) as second:
        monkeypatch.setenv("SOURCES__AMP2__API_KEY", "sandbox-key")
        monkeypatch.setenv("SOURCES__AMP2__BASE_URL", second.url)
        deployment.pipeline("second").run(amplemarket.clone(**how)(leads=LEADS))
        assert [call.method for call in second.sandbox.calls].count("POST") == 1
    assert deployment.sandbox.calls == []


def test_what_the_section_does_not_say_is_that_of_amplemarket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__MAX_CREDITS", "7")
    monkeypatch.setenv("SOURCES__AMP2__API_KEY", "second-key")
    monkeypatch.setenv("SOURCES__AMP2__REVEAL_EMAIL", "true")
    found = resolve_settings("amp2")
    assert (found.base_url, found.max_credits, found.reveal_email, found.api_key) == (
        "http://127.0.0.1:9",
        7,
        True,
        "second-key",
    )
    assert not resolve_settings(api_key="key").reveal_email


def test_a_file_of_the_section_comes_before_the_environment_of_amplemarket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "first-key")
    with (
        dlt.config.values({"sources.amp2.base_url": "http://127.0.0.1:8"}),
        dlt.secrets.values({"sources.amp2.api_key": "second-key"}),
    ):
        found = resolve_settings("amp2")
    assert (found.base_url, found.api_key) == ("http://127.0.0.1:8", "second-key")


def test_a_key_is_not_sent_to_the_address_of_another_section(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__AMPLEMARKET__API_KEY", "first-key")
    monkeypatch.setenv("SOURCES__AMP2__BASE_URL", "http://127.0.0.1:8")
    with pytest.raises(SettingsError, match=r"Set sources\.amp2\.api_key"):
        resolve_settings("amp2")


def test_an_error_names_the_section(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"SOURCES__AMP2__API_KEY"):
        resolve_settings("amp2")
    monkeypatch.setenv("SOURCES__AMP2__POLL_TIMEOUT", "soon")
    with pytest.raises(SettingsError, match=r"sources\.amp2\.poll_timeout"):
        resolve_settings("amp2", api_key="key")
