"""Characters that not every destination can hold: NUL, and halves of surrogate pairs."""

from __future__ import annotations

import re

__all__ = ["clean_text", "is_clean"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Whether every destination can hold ``text``."""
    return "\x00" not in text and (text.isascii() or _SURROGATE.search(text) is None)


def clean_text(text: str) -> str:
    """``text`` without NUL, with U+FFFD for half a surrogate pair."""
    return text if is_clean(text) else _SURROGATE.sub("\ufffd", text.replace("\x00", ""))
