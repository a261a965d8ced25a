"""A search at the API as a list of leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from amplemarket_source.api import DEEPEST_SEARCH, FILTERS, ApiClient, search_pages
from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.errors import UsageError
from amplemarket_source.kinds import PEOPLE, Kind
from amplemarket_source.settings import Settings

__all__ = ["COLUMNS", "checked_filters", "search"]

_LIMIT = 300
"""Searches a minute (api-notes: search)."""

COLUMNS = {
    "people": (
        "linkedin_url",
        "name",
        "title",
        "company_name",
        "company_domain",
        "location",
        "external_id",
    ),
    "companies": ("domain", "linkedin_url", "name", "external_id"),
}
"""Of the list that a search gives, by kind."""


def checked_filters(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """Filters as the API takes them.

    Args:
        given: a text, a list of texts, or a truth, by the name of the filter.

    Raises:
        UsageError: there is no filter, one that is not known, or one with a value it cannot have.
    """
    known = FILTERS[kind.name]
    if not given:
        raise UsageError(f"Search by at least one filter: {', '.join(known)}.")
    if unknown := sorted(given.keys() - known.keys()):
        raise UsageError(
            f"There is no filter {', '.join(map(repr, unknown))} for {kind.name}; the API would "
            f"ignore it and find more than you want. Filters: {', '.join(known)}."
        )
    return {name: _value(name, known[name], value) for name, value in given.items()}


def search(
    kind: Kind,
    filters: Mapping[str, Any],
    settings: Settings,
    *,
    most: int = 100,
    clock: Clock = SystemClock(),  # noqa: B008 - it has no state
) -> Iterator[dict[str, str | None]]:
    """What matches, each once, as rows of a list that a run takes.

    What a search costs is not known (api-notes: search).

    Args:
        filters: from `checked_filters`.
        most: rows, at most 10,000.

    Raises:
        UsageError: more rows than paging reaches.
        ApiError: the API could not be asked.

    Example::

        rows = search(PEOPLE, {"person_titles": ["CEO"]}, resolve_settings(), most=50)
        enrich(pipeline, leads=list(rows))
    """
    if not 1 <= most <= DEEPEST_SEARCH:
        raise UsageError(f"A search gives from 1 to {DEEPEST_SEARCH:,} rows: narrow it by filters.")
    pace = min(settings.requests_per_minute, _LIMIT)
    seen: set[Any] = set()
    with ApiClient(
        settings.api_key, settings.base_url, requests_per_minute=pace, clock=clock
    ) as client:
        for page in search_pages(client, kind, filters, most=most):
            for entity in page:
                if entity.get("id") not in seen:
                    seen.add(entity.get("id"))
                    yield _person(entity) if kind is PEOPLE else _company(entity)


def _value(name: str, form: str, value: Any) -> Any:
    values = [value] if isinstance(value, (str, bool)) else list(value)
    if form == "texts":
        if all(isinstance(one, str) and one.strip() for one in values) and values:
            return values
    elif len(values) == 1 and form == "text" and isinstance(values[0], str) and values[0].strip():
        return values[0]
    elif len(values) == 1 and form == "yes or no":
        truth = {"true": True, "false": False}.get(str(values[0]).lower())
        if truth is not None:
            return truth
    raise UsageError(f"The filter {name} takes {_FORMS[form]}.")


_FORMS = {
    "texts": "one text or several, none of them empty",
    "text": "one text",
    "yes or no": "true or false",
}


def _person(entity: Mapping[str, Any]) -> dict[str, str | None]:
    company = entity.get("company")
    employer: Mapping[str, Any] = company if isinstance(company, dict) else {}
    return {
        **{name: _text(entity.get(name)) for name in ("linkedin_url", "name", "title")},
        "company_name": _text(employer.get("name")),
        "company_domain": _text(employer.get("website")),
        "location": _text(entity.get("location")),
        "external_id": _text(entity.get("id")),
    }


def _company(entity: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "domain": _text(entity.get("website")),
        **{name: _text(entity.get(name)) for name in ("linkedin_url", "name")},
        "external_id": _text(entity.get("id")),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
