"""Searching people and companies (api-notes: search).

The body has the filters and the page; a filter that is not known is ignored, as the API seems to
do, so a misspelt one widens the search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from amplemarket_source.sandbox.endpoint import Endpoint, Handler, Limit
from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse, insufficient
from amplemarket_source.sandbox.identity import COMPANY_POOL, Subject, company_subject
from amplemarket_source.sandbox.options import KindName, Variant
from amplemarket_source.sandbox.people import company, person
from amplemarket_source.sandbox.population import subject_at
from amplemarket_source.sandbox.state import Sandbox
from amplemarket_source.sandbox.validation import BadRequest, json_object, unsupported

__all__ = ["SEARCH_ENDPOINTS"]

DEPTH = 10_000
"""Rows that paging reaches at most."""

Entity = dict[str, Any]
Test = Callable[[Entity], bool]


def _any(*path: str, exact: bool = False) -> Callable[[Any], Test]:
    """One of the texts given stands in the member at ``path`` (a text, or a list of texts)."""

    def test_for(given: Any) -> Test:
        texts = [str(text).casefold() for text in (given if isinstance(given, list) else [given])]

        def test(entity: Entity) -> bool:
            value: Any = entity
            for name in path:
                value = value[name]
            held = [str(one).casefold() for one in (value if isinstance(value, list) else [value])]
            return any(text == one if exact else text in one for text in texts for one in held)

        return test

    return test_for


_SENIORITIES = {
    "C-Suite": ("Chief",),
    "VP": ("VP",),
    "Head": ("Head",),
    "Manager": ("Manager",),
    "Senior": ("Account Executive",),
}


def _seniority(given: Any) -> Test:
    words = [word for name in given for word in _SENIORITIES.get(str(name), ())]
    return lambda entity: any(word in (entity["title"] or "") for word in words)


def _of_company(*path: str) -> dict[str, Callable[[Any], Test]]:
    return {
        "company_names": _any(*path, "name"),
        "company_domains": _any(*path, "website"),
        "company_industries": _any(*path, "industry", exact=True),
        "company_locations": _any(*path, "location"),
        "company_keywords": _any(*path, "keywords"),
        "company_sizes": _any(*path, "size", exact=True),
        "company_types": _any(*path, "type", exact=True),
    }


_FILTERS: dict[KindName, dict[str, Callable[[Any], Test]]] = {
    "people": {
        "person_name": _any("name"),
        "person_titles": _any("title"),
        "person_keywords": _any("headline"),
        "person_locations": _any("location"),
        "person_seniorities": _seniority,
        **_of_company("company"),
    },
    "companies": _of_company(),
}


@dataclass(frozen=True)
class _Population:
    kind: KindName
    seed: int
    size: int
    variant: Variant

    def subject(self, number: int) -> Subject:
        if self.kind == "people":
            return subject_at(self.seed, number)
        return company_subject(f"company-{number:03d}.example")

    def entity(self, number: int) -> Entity:
        subject = self.subject(number)
        if self.kind == "companies":
            return company(subject, self.variant)
        return person(subject, self.variant, reveal_email=False, reveal_phone_numbers=False)


@lru_cache(maxsize=8)
def _matching(population: _Population, filters: bytes) -> range | list[int]:
    """The numbers of all that pass the filters, which are JSON so that a page finds the last
    page's work."""
    given: Mapping[str, Any] = orjson.loads(filters)
    known = dict(_FILTERS[population.kind])
    if given.get("person_title_exact_match") is True:
        known["person_titles"] = _any("title", exact=True)
    tests = [known[name](value) for name, value in given.items() if name in known and value]
    if not tests:
        return range(population.size)
    return [
        number
        for number in range(population.size)
        if all(test(population.entity(number)) for test in tests)
    ]


def _whole(document: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadRequest([unsupported(f"Must be from 1 to {most}", pointer=f"/{name}")])
    return value


def _search(kind: KindName) -> Handler:
    def search(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        document = json_object(exchange.body)
        page = _whole(document, "page", 1, DEPTH)
        size = _whole(document, "page_size", 5, 100)
        if (page - 1) * size >= DEPTH:
            raise BadRequest([unsupported(f"Only {DEPTH} rows can be paged", pointer="/page")])
        filters = {name: document[name] for name in document if name not in ("page", "page_size")}
        options = sandbox.options
        count = options.workspace.people if kind == "people" else COMPANY_POOL
        population = _Population(kind, options.workspace.seed, count, options.variant)
        try:
            found = _matching(population, orjson.dumps(filters, option=orjson.OPT_SORT_KEYS))
        except TypeError:
            raise BadRequest([unsupported("A filter has the wrong type", pointer="")]) from None
        numbers = found[(page - 1) * size : min(page * size, DEPTH)]
        if options.search_costs and not _charged(sandbox, kind, population, numbers):
            return insufficient(options)
        pagination = {
            "page": page,
            "page_size": size,
            "total": len(found),
            "total_pages": -(-len(found) // size),
        }
        rows = [population.entity(number) for number in numbers]
        return SandboxResponse(200, {"results": rows, "_pagination": pagination})

    return search


def _charged(
    sandbox: Sandbox, kind: KindName, population: _Population, numbers: range | list[int]
) -> bool:
    return all(
        sandbox.account.charge(
            kind,
            population.subject(number),
            f"search={number}",
            None,
            reveal_email=False,
            reveal_phone_numbers=False,
            email_credits=sandbox.options.email_credits,
            phone_credits=sandbox.options.phone_credits,
        )
        for number in numbers
    )


SEARCH_ENDPOINTS = (
    Endpoint(
        "POST",
        "/people/search",
        _search("people"),
        "people by filters; page and page_size in the body",
        limit=Limit(300),
    ),
    Endpoint(
        "POST",
        "/companies/search",
        _search("companies"),
        "companies by filters; page and page_size in the body",
        limit=Limit(300),
    ),
)
