"""The settings under ``sources.amplemarket_workspace``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dlt.common.configuration import configspec

from amplemarket_source.settings import Settings, parse_age, resolve_settings

__all__ = ["SECTION", "SETTING_NAMES", "WorkspaceSettings", "resolve_workspace_settings"]

SECTION = "amplemarket_workspace"


@configspec
class WorkspaceSettings(Settings):
    """What enrichment's settings say of the API, and two of its own.

    ``calls_overlap`` is an age: calls are read again from so long before the last one known, since
    notes and dispositions come later. ``companies_dataset`` is where enrichment loads companies.
    """

    calls_overlap: str = "7d"
    companies_dataset: str = "amplemarket_data"

    def on_resolved(self) -> None:
        """Refuse what cannot be.

        Raises:
            SettingsError: naming the setting.
        """
        super().on_resolved()
        parse_age(self.calls_overlap, setting="calls_overlap")

    @property
    def overlap(self) -> timedelta:
        return parse_age(self.calls_overlap)


SETTING_NAMES = frozenset(
    {
        "api_key",
        "base_url",
        "requests_per_minute",
        "calls_overlap",
        "companies_dataset",
    }
)
"""Those that the source and the command take."""


def resolve_workspace_settings(**explicit: Any) -> WorkspaceSettings:
    """The settings as dlt finds them, with ``explicit`` ones first (``None`` means not given).

    What ``sources.amplemarket_workspace`` does not say is taken from ``sources.amplemarket``.

    Raises:
        SettingsError: as `amplemarket_source.settings.resolve_settings`.
    """
    settings = resolve_settings(SECTION, WorkspaceSettings, **explicit)
    assert isinstance(settings, WorkspaceSettings)  # noqa: S101 - it is made of that
    return settings
