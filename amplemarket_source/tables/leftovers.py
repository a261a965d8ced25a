"""Rows that answer no lead, as they came: what was paid for is in ``rejects`` whole.

`amplemarket_source.tables.match` keeps a row's position only, so that the rows of a request stay
light. The few that are left over are read again from their pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from amplemarket_source.odd_json.rows import read_rows
from amplemarket_source.pages.spool import SpooledRequest
from amplemarket_source.tables.json_text import raw_text
from amplemarket_source.tables.rejects import Reject
from amplemarket_source.tables.tolerant import identity_of

__all__ = ["ROWS_OF_A_PAGE", "leftover_rejects"]

ROWS_OF_A_PAGE = 1_000_000
"""A row's position is its page's number times this, plus its place; more than any page has.

Where pages are parsed together, the place goes on from the first of them to the next.
"""


def leftover_rejects(leftover: pa.Table, pages: SpooledRequest) -> Iterator[Reject]:
    """A reject for each row of ``leftover`` (see `match`), with the row as the API sent it.

    Of a row about a removed person only the id and the status are kept.
    """
    if not leftover.num_rows:
        return
    rows = _Rows(pages)
    for known in leftover.sort_by("position").to_pylist():
        row = rows.at(known["position"])
        entity_id = known["entity_id"]
        if "gdpr_removed" in (known["status"], row.get("status")):
            row, entity_id = {"id": row.get("id"), "status": "gdpr_removed"}, None
        elif entity_id is None:
            entity_id = identity_of(row.get("result"))
        yield Reject("result", known["reason"], raw_text(row), known["lead_key"], entity_id)


class _Rows:
    """The rows of a request by their position; holds one page at a time."""

    def __init__(self, pages: SpooledRequest) -> None:
        self._pages = pages
        self._counts: dict[int, int] = {}
        self._number = 0
        self._rows: list[Mapping[str, Any]] = []

    def at(self, position: int) -> Mapping[str, Any]:
        number, place = divmod(position, ROWS_OF_A_PAGE)
        while place >= self._count(number):
            place -= self._count(number)
            number += 1
        return self._read(number)[place]

    def _count(self, number: int) -> int:
        if number not in self._counts:
            self._counts[number] = len(self._read(number))
        return self._counts[number]

    def _read(self, number: int) -> list[Mapping[str, Any]]:
        if number != self._number:
            # Those that are no objects are rejected already, and have no position.
            rows = read_rows(self._pages.read(number))
            self._number, self._rows = number, [row for row in rows if isinstance(row, dict)]
        return self._rows
