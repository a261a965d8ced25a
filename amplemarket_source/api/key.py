"""The API key as a setting: what it must look like before anything is sent."""

from __future__ import annotations

from amplemarket_source.errors import SettingsError

__all__ = ["usable_key"]


def usable_key(api_key: str) -> str:
    """The key without the white space that copying leaves around it.

    Raises:
        SettingsError: empty, or with a character that no HTTP header can carry. The text names
            the setting and never quotes the key.
    """
    key = (api_key or "").strip()
    if not key:
        raise SettingsError(
            "No API key. Set sources.amplemarket.api_key: in the environment as"
            " SOURCES__AMPLEMARKET__API_KEY, or in .dlt/secrets.toml under [sources.amplemarket]"
            ' as api_key = "...". Keys are made in the dashboard, Settings > API.'
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "sources.amplemarket.api_key holds a character that no key has (white space, a control"
            " character, or a letter outside ASCII). Copy it again."
        )
    return key
