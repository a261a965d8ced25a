"""The id of a request that the API has taken, out of the answer to the POST."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from amplemarket_source.api.answers import Answer, UnreadableBodyError, read_json
from amplemarket_source.model import Kind

__all__ = ["id_of_accepted"]


class _Submitted(msgspec.Struct):
    id: Any = None


def id_of_accepted(answer: Answer, kind: Kind) -> str | None:
    """The API's id of the new request as text; None where neither body nor header has one.

    The body's ``id`` comes first, then the last part of the ``Location`` header.
    """
    return _id_in_body(answer.body) or _id_in_location(answer, kind)


def _id_in_body(body: bytes) -> str | None:
    """An integer by the guide, a string in the paths of the OpenAPI text (API facts 2.4)."""
    try:
        found = read_json(body, _Submitted, _Submitted).id
    except (UnreadableBodyError, msgspec.ValidationError):
        return None
    if isinstance(found, bool) or not isinstance(found, (int, str)):
        return None
    return str(found).strip() or None


def _id_in_location(answer: Answer, kind: Kind) -> str | None:
    """Only read, never followed: the last part of ``/people/enrichment-requests/18``."""
    path = urlsplit(answer.headers.get("location", "")).path
    found = re.fullmatch(re.escape(kind.path) + r"/([\w-]+)/?", unquote(path), re.ASCII)
    return found.group(1) if found else None
