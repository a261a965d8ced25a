"""Text that every destination can hold: without NUL, without half surrogate pairs.

PostgreSQL refuses NUL, and half a surrogate pair has no UTF-8 (api-notes: odd-characters). JSON
can say both, so both arrive. Where the text as it came is kept beside it, in ``rejects``, what
cannot be held is left out (`clean_text`); where it is not, it is escaped (`escaped`).
"""

from __future__ import annotations

import re

__all__ = ["clean_text", "escaped", "is_clean"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNCLEAN = re.compile("[\x00\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether every destination can hold ``text``."""
    return "\x00" not in text and (text.isascii() or _SURROGATE.search(text) is None)


def clean_text(text: str) -> str:
    """``text`` without NUL, with U+FFFD for half a surrogate pair."""
    return text if is_clean(text) else _SURROGATE.sub("\ufffd", text.replace("\x00", ""))


def escaped(text: str) -> str:
    r"""``text`` with NUL and halves of surrogate pairs as JSON escapes them.

    Example:
        >>> escaped("a\x00b")
        'a\\u0000b'
    """
    if is_clean(text):
        return text
    return _UNCLEAN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
