"""The workspace of the bundled server: pages, filters, relations, and changes between two syncs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.sandbox_api import Api


def walked(api: Api, path: str, name: str) -> list[dict[str, Any]]:
    """All rows of a list, by its next links."""
    rows: list[dict[str, Any]] = []
    while path:
        document = api.client.get(path).raise_for_status().json()
        rows += document[name]
        path = document["_links"].get("next", {}).get("href", "")
    return rows


LISTS = [
    ("/users", "users", 25, 20),
    ("/sequences", "sequences", 30, 20),
    ("/mailboxes", "mailboxes", 45, 20),
    ("/calls", "calls", 150, 20),
    ("/calls/dispositions", "dispositions", 6, 20),
    ("/lead-lists", "lead_lists", 12, 20),
    ("/accounts", "accounts", 60, 20),
    ("/excluded-domains", "excluded_domains", 40, 2000),
    ("/excluded-emails", "excluded_emails", 60, 2000),
]


@pytest.mark.parametrize(("path", "name", "count", "page"), LISTS)
def test_next_links_lead_to_each_row_of_a_list_once(
    api: Api, path: str, name: str, count: int, page: int
) -> None:
    first = api.client.get(path).json()
    assert list(first) == [name, "_links"]
    assert len(first[name]) == min(count, page)
    rows = walked(api, path, name)
    key = {"excluded_domains": "domain", "excluded_emails": "email"}.get(name, "id")
    assert len(rows) == len({row[key] for row in rows}) == count
    assert rows == walked(api, path, name)
