"""A lead list of the product as an input: its entries, as the API has them when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from amplemarket_source.api import ApiClient, list_pages, path_segment
from amplemarket_source.errors import InputError, NotFound
from amplemarket_source.lenient_json import decode_at, page_text
from amplemarket_source.settings import NO_KEY_NEEDED, Settings, resolve_settings

__all__ = ["LeadList", "lead_list"]


@dataclass(frozen=True)
class LeadList:
    """The entries of a lead list, read from the API each time it is iterated.

    Attributes:
        list_id: the API's.
        settings: whose key and address are used; None for those that dlt finds.
    """

    list_id: str
    settings: Settings | None = None

    @property
    def source_name(self) -> str:
        """How errors and rejects call it."""
        return f"lead list {self.list_id}"

    def read_with(self, settings: Settings) -> LeadList:
        """The same, read with the key of the run that takes it; a plan has none of its own."""
        return self if settings.api_key == NO_KEY_NEEDED else replace(self, settings=settings)

    def __iter__(self) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of entries; the id of an entry is its ``external_id``.

        Raises:
            InputError: there is no such list.
            ApiError: it cannot be read.
        """
        settings = self.settings or resolve_settings()
        path = f"/lead-lists/{path_segment(self.list_id)}"
        with ApiClient(
            settings.api_key, settings.base_url, requests_per_minute=settings.requests_per_minute
        ) as client:
            try:
                for page in list_pages(client, path, "leads"):
                    yield [_lead(row) for row in page.rows]
            except NotFound:
                raise InputError(
                    "the API has no such list",
                    source=self.source_name,
                    advice="`amplemarket sync lead_lists` loads those there are.",
                ) from None


def lead_list(list_id: str) -> LeadList:
    """The leads of a lead list of the product, for ``leads=``.

    Args:
        list_id: the id of the list, as in the table ``lead_lists`` or the address in the dashboard.

    Returns:
        An input, read when a run or a plan reads it, with the key of that run. The id of each
        entry becomes its ``external_id``.

    Example::

        enrich(pipeline, leads=lead_list("0195f0c2-7a51-7d1e-b1a5-3f2f8e6c9a10"))
    """
    return LeadList(list_id)


def _lead(row: bytes) -> dict[str, Any]:
    """An entry as a row of a list: what is no list or object, its id as the user's own key."""
    try:
        entry = orjson.loads(row)
    except orjson.JSONDecodeError:
        entry, _ = decode_at(page_text(row), 0)
    if not isinstance(entry, dict):
        return {}
    plain = {name: value for name, value in entry.items() if not isinstance(value, (dict, list))}
    return {"external_id": plain.pop("id", None), **plain}
