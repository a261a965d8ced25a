"""How deep JSON is nested, before a parser that recurses is given it.

Arrow's parser takes a page that is nested some thousand levels deep down with the whole process,
and Python's refuses it. Real answers have about eight levels.
"""

from __future__ import annotations

import json
import re

__all__ = ["MOST_LEVELS", "is_deep", "shallow"]

MOST_LEVELS = 64

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def is_deep(body: bytes) -> bool:
    """Whether JSON text is nested deeper than `MOST_LEVELS`.

    Takes away the innermost pairs of brackets until none is left; each time takes one level or
    two, and what is left is shorter. Only where that does not end soon, because the text is deep
    or a text in it holds a bracket, it is read.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(MOST_LEVELS // 2):
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    if not brackets:
        return False
    text = body.decode("utf-8", "surrogateescape")
    return shallow(text) != text


def shallow(text: str) -> str:
    """JSON text in which what stands deeper than `MOST_LEVELS` is a string with its JSON text."""
    parts: list[str] = []
    level = copied = start = 0
    for token in _TOKEN.finditer(text):
        character = token[0][0]
        if character in "[{":
            level += 1
            if level == MOST_LEVELS + 1:
                start = token.start()
        elif character in "]}":
            if level == MOST_LEVELS + 1:
                parts += [text[copied:start], json.dumps(text[start : token.end()])]
                copied = token.end()
            level -= 1
    return "".join([*parts, text[copied:]])
