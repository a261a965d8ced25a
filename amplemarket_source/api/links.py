"""Where requests may go, and the key they carry there.

One origin, whatever a setting, a link or a redirect says; and a key that a header can hold.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from amplemarket_source.errors import SettingsError
from amplemarket_source.model import DEFAULT_BASE_URL, NO_API_KEY

__all__ = [
    "ForeignAddressError",
    "is_loopback",
    "origin_of",
    "path_segment",
    "target_on",
    "usable_key",
]

_SETTING = "sources.amplemarket.base_url"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_ENCODED_START = re.compile(r"(?:https?%(?:25)*3a|%(?:25)*2f)", re.IGNORECASE)
_ENCODED_QUERY = re.compile(r"%(?:25)*3f.*(?:=|%(?:25)*3d)", re.IGNORECASE)
_TWICE_ENCODED = re.compile(r"%25[0-9a-f]{2}", re.IGNORECASE)
_MOST_ROUNDS = 3


class ForeignAddressError(ValueError):
    """A link that does not stay on the configured origin; the text says how."""


def origin_of(base_url: str) -> str:
    """``scheme://host[:port]`` of a base URL, without the scheme's own port.

    Plain http would show the key to the network, so it is accepted for a loopback address only.
    A path is refused because the API's links start at the root (api-notes: paging).

    Raises:
        SettingsError: not a URL, http to another host, or more than scheme, host and port.
    """
    try:
        parts = urlsplit(base_url.strip())
        origin = _origin(parts)
    except ValueError:
        origin = None
    if origin is None:
        raise SettingsError(
            f"{_SETTING} is not a URL. Write it like {DEFAULT_BASE_URL}"
            " (environment: SOURCES__AMPLEMARKET__BASE_URL)."
        )
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(
            f"{_SETTING} may hold a scheme, a host and a port, nothing else."
            f" {origin} is what would be used."
        )
    if parts.scheme == "http" and not is_loopback(origin):
        raise SettingsError(
            f"{_SETTING} is http:// to {parts.hostname}, which would send the key unencrypted."
            " Use https://; http:// is accepted for a loopback address such as 127.0.0.1 only."
        )
    return origin


def is_loopback(origin: str) -> bool:
    """Whether the host of an origin is this machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    host = urlsplit(origin).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def target_on(origin: str, link: str, current: str = "/") -> str:
    """``/path?query`` for a path, a relative link, or an absolute link on the same origin.

    Only path and query are taken from the link and put behind the configured origin, so however a
    link is misread, the key cannot reach another host. Links that were percent-encoded once too
    often, as a whole or in their query, are brought back to what they were.

    Args:
        origin: as `origin_of` returns it.
        link: what the API sent, or a path of ours.
        current: the target that a relative link is relative to.

    Raises:
        ForeignAddressError: another scheme, host or port, user information, control characters.

    Example::

        target_on("https://api.amplemarket.com", "/people/x/1?page%255Bafter%255D=2")
        # "/people/x/1?page%5Bafter%5D=2"
    """
    text = _undo_extra_encoding(link.strip())
    if _FORBIDDEN.search(text):
        raise ForeignAddressError("a link with characters that no URL has")
    try:
        parts = urlsplit(urljoin(origin + current, text))
        found = _origin(parts)
    except ValueError:
        raise ForeignAddressError("a link that is not a URL") from None
    if found != origin or "@" in parts.netloc:
        raise ForeignAddressError(f"a link to another origin ({parts.scheme}://{parts.hostname})")
    # Two slashes at the start of a path would be read as a host by whoever joins it next.
    path = "/" + parts.path.lstrip("/")
    return f"{path}?{parts.query}" if parts.query else path


def path_segment(text: str) -> str:
    """Text as one segment of a path, whatever is in it."""
    segment = quote(text, safe="")
    if not segment.strip("."):
        # "." and ".." would name another place (RFC 3986 5.2.4).
        segment = segment.replace(".", "%2E")
    return segment


def usable_key(api_key: str) -> str:
    """The key without the white space that copying leaves around it.

    Raises:
        SettingsError: empty, or with a character that no HTTP header can carry. The text names
            the setting and never quotes the key.
    """
    key = (api_key or "").strip()
    if not key:
        raise SettingsError(NO_API_KEY)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "sources.amplemarket.api_key holds a character that no key has (white space, a control"
            " character, or a letter outside ASCII). Copy it again."
        )
    return key


def _origin(parts: SplitResult) -> str | None:
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def _undo_extra_encoding(link: str) -> str:
    for _ in range(_MOST_ROUNDS):
        path, mark, query = link.partition("?")
        # The parameter names are ours to know ("page[after]"), so a name that still holds an
        # encoded percent sign tells how often the query was encoded. Values cannot tell: a
        # cursor may hold a percent sign of its own.
        names = (pair.partition("=")[0] for pair in query.split("&"))
        if _ENCODED_START.match(link) or (not mark and _ENCODED_QUERY.search(link)):
            link = unquote(link)
        elif any(_TWICE_ENCODED.search(name) for name in names):
            link = f"{path}?{unquote(query)}"
        else:
            break
    return link
