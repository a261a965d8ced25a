"""A setting that cannot be is refused by name, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from amplemarket_source.errors import SettingsError
from amplemarket_source.settings import resolve_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_credits", float("nan")),
        ("max_credits", float("inf")),
        ("max_credits", -1.0),
        ("requests_per_minute", float("nan")),
        ("requests_per_minute", 0.0),
        ("leads_per_request", 10_001),
        ("max_requests_in_flight", 0),
        ("refresh_after", "soon"),
    ],
)
def test_a_value_that_cannot_be_names_its_setting(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"sources.amplemarket.{name}"):
        resolve_settings(api_key="key", **{name: value})
