"""Searching people and companies: a page at a time, filters in the body (api-notes: search)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from amplemarket_source.api.client import ApiClient
from amplemarket_source.api.responses import Response, UnreadableBodyError, error_about, read_json
from amplemarket_source.errors import UnexpectedResponse
from amplemarket_source.kinds import Kind

__all__ = ["DEEPEST_SEARCH", "FILTERS", "search_pages"]

DEEPEST_SEARCH = 10_000
"""Rows that paging reaches at most."""
_PAGE = 100

_TEXTS, _TEXT, _YES = "texts", "text", "yes or no"
_OF_COMPANIES = {
    "company_names": _TEXTS,
    "company_domains": _TEXTS,
    "company_industries": _TEXTS,
    "company_locations": _TEXTS,
    "company_keywords": _TEXTS,
    "company_sizes": _TEXTS,
    "company_types": _TEXTS,
    "company_focuses": _TEXTS,
}
FILTERS: dict[str, dict[str, str]] = {
    "people": {
        "person_name": _TEXT,
        "person_titles": _TEXTS,
        "person_title_exact_match": _YES,
        "person_keywords": _TEXTS,
        "person_locations": _TEXTS,
        "person_job_functions": _TEXTS,
        "person_seniorities": _TEXTS,
        "person_departments": _TEXTS,
        **_OF_COMPANIES,
    },
    "companies": _OF_COMPANIES,
}
"""The filters by kind, and what each takes. The API ignores others without a word, so nothing else
is sent. Filters that take objects are left out: nobody has shown their form."""


class _Page(msgspec.Struct):
    results: list[dict[str, Any]]
    pagination: Any = msgspec.field(name="_pagination", default=None)


def search_pages(
    client: ApiClient, kind: Kind, filters: Mapping[str, Any], *, most: int
) -> Iterator[list[dict[str, Any]]]:
    """The rows that match, a page at a time, each fetched when it is asked for.

    A POST that may cost something, so it is not repeated where it may have arrived.

    Args:
        filters: of `FILTERS`; at least one.
        most: rows, at most `DEEPEST_SEARCH`.

    Raises:
        ApiError: as `ApiClient.post`.
        UnexpectedResponse: an answer without ``results``.
    """
    left, number = min(most, DEEPEST_SEARCH), 0
    size = min(left, _PAGE)
    while left > 0:
        number += 1
        body = {**filters, "page": number, "page_size": size}
        page = _decoded(client.post(f"/{kind.name}/search", msgspec.json.encode(body)))
        yield page.results[:left]
        left -= len(page.results)
        pages = page.pagination.get("total_pages") if isinstance(page.pagination, dict) else None
        if len(page.results) < size or (isinstance(pages, int) and number >= pages):
            return


def _decoded(response: Response) -> _Page:
    try:
        return read_json(response.body, _Page, _Page)
    except (msgspec.ValidationError, UnreadableBodyError) as invalid:
        raise error_about(response, UnexpectedResponse, str(invalid)) from None
