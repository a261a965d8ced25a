"""What a request object says beside its rows, and nobody has documented.

``{"id": 18, "status": "completed", "results": [...], "total": 100}``: ``total`` is kept in
``rejects``, once for each request that says it, and named in the run's summary. It gets no column:
it may list every lead of the request, and no erasure could take one of them out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from amplemarket_source.lenient_json import decode_at, page_members
from amplemarket_source.schema.bookkeeping import ENRICHMENT_REQUESTS
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.rejects import Reject
from amplemarket_source.transform.values import raw_text

__all__ = ["MEMBERS", "plain_members", "undocumented"]

MEMBERS = frozenset({"id", "object", "status", "results", "_links", "_errors"})
"""What is documented of the request object (api-notes: request-object)."""


def undocumented(
    members: Iterable[tuple[str, Any]], request_id: str | None, registry: ColumnRegistry
) -> Iterator[Reject]:
    """A reject for each member of a page that is not documented; none for null.

    Args:
        members: from `plain_members` or `page_members`.
        registry: notes the names.

    Example::

        undocumented([("status", "completed"), ("total", 3)], "18", registry)
        # Reject("field", "enrichment_requests.total: not documented", '{"id": "18", "total": 3}')
    """
    for key, value in members:
        if key in MEMBERS or value is None:
            continue
        name = registry.field(ENRICHMENT_REQUESTS, (key,)).name
        registry.refuse(ENRICHMENT_REQUESTS, name)
        reason = f"{ENRICHMENT_REQUESTS.name}.{name}: not documented"
        yield Reject("field", reason, raw_text({"id": request_id, key: value}))


def plain_members(body: bytes) -> Iterable[tuple[str, Any]]:
    """The undocumented members of a page that the strict way has read; the rows are not decoded."""
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # stricter still than Arrow
        return page_members(body)
    return [
        (key, decode_at(bytes(raw).decode(), 0)[0])
        for key, raw in members.items()
        if key not in MEMBERS
    ]
