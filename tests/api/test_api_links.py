from __future__ import annotations

import pytest

from amplemarket_source.api import ApiClient
from amplemarket_source.api.links import ForeignAddressError, origin_of, target_on
from amplemarket_source.errors import SettingsError

ORIGIN = "https://api.example.com"
PAGE = "/people/enrichment-requests/1?page[size]=100&page[after]=2"


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("https://api.example.com", "https://api.example.com"),
        (" https://API.example.com:443/ ", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://localhost:9/", "http://localhost:9"),
        ("http://[::1]:9", "http://[::1]:9"),
    ],
)
def test_a_base_url_is_reduced_to_its_origin(base_url: str, origin: str) -> None:
    assert origin_of(base_url) == origin


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://api.example.com:port",
        "https://[::1",
        "https://api.example.com/v1",
        "https://api.example.com?a=b",
        "https://user:word@api.example.com",
        "http://api.example.com",
        "http://10.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
    ],
)
def test_an_unusable_base_url_is_a_settings_error_naming_the_setting(base_url: str) -> None:
    with pytest.raises(SettingsError, match=r"sources\.amplemarket\.base_url"):
        ApiClient("key", base_url)


@pytest.mark.parametrize("key", ["", "   ", "\n"])
def test_a_missing_key_says_which_setting_and_where(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ApiClient(key)
    for where in (
        "sources.amplemarket.api_key",
        "SOURCES__AMPLEMARKET__API_KEY",
        ".dlt/secrets.toml",
    ):
        assert where in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "nul\x00"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ApiClient(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_cannot_be_is_a_settings_error(rate: float) -> None:
    with pytest.raises(SettingsError, match="requests_per_minute"):
        ApiClient("key", requests_per_minute=rate)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        (PAGE, PAGE),
        (ORIGIN + PAGE, PAGE),
        (ORIGIN + ":443" + PAGE, PAGE),
        ("https://API.EXAMPLE.com" + PAGE, PAGE),
        ("/x/1?page%5Bafter%5D=2", "/x/1?page%5Bafter%5D=2"),
        (
            "/x/1?page%255Bsize%255D=9&page%255Bafter%255D=a%252Bb",
            "/x/1?page%5Bsize%5D=9&page%5Bafter%5D=a%2Bb",
        ),
        ("%2Fx%2F1%3Fpage%5Bafter%5D%3D2", "/x/1?page[after]=2"),
        ("%252Fx%252F1%253Fpage%255Bafter%255D%253D2", "/x/1?page[after]=2"),
        ("https%3A%2F%2Fapi.example.com%2Fx%3Fpage%5Bafter%5D%3D2", "/x?page[after]=2"),
        ("/x/1?page[after]=100%25", "/x/1?page[after]=100%25"),
        ("/x/1?page[after]=a%2Bb", "/x/1?page[after]=a%2Bb"),
        ("/x/1?page[after]=a+b", "/x/1?page[after]=a+b"),
        ("?page[after]=2", "/here/1?page[after]=2"),
    ],
)
def test_all_spellings_of_a_link_lead_to_the_same_page(link: str, target: str) -> None:
    assert target_on(ORIGIN, link, "/here/1") == target


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "http://api.example.com/x",
        "https://api.example.com:444/x",
        "//evil.example/x",
        "%2F%2Fevil.example%2Fx",
        "https%3A%2F%2Fevil.example",
        "https://api.example.com@evil.example/x",
        "https://user:word@api.example.com/x",
        "https://api.example.com.evil.example/x",
        "/\\evil.example/x",
        "\\\\evil.example/x",
        "/x\r\nHost: evil.example",
        "javascript:alert(1)",
        "https://[evil",
        "https://api.example.com:99999/x",
    ],
)
def test_a_link_that_leaves_the_origin_is_refused(link: str) -> None:
    with pytest.raises(ForeignAddressError):
        target_on(ORIGIN, link)


def test_a_double_slash_path_cannot_become_a_host_later() -> None:
    assert target_on(ORIGIN, ORIGIN + "//evil.example/x") == "/evil.example/x"
