"""The leads of a batch: what its POST carries, and what the API refuses of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from amplemarket_source.errors import RequestRefused
from amplemarket_source.purchase.records import Batch

__all__ = ["BatchItems", "Item", "refused_positions", "without"]


@dataclass(frozen=True)
class Item:
    """One lead of a POST: its key, and the object that is sent."""

    lead_key: str
    fields: dict[str, str]


class BatchItems:
    """Reads the leads of batches from the workbench, from any thread.

    Reads ``leads_to_ask`` and ``request_leads``.
    """

    def __init__(self, work: duckdb.DuckDBPyConnection) -> None:
        # A connection of its own: the caller matches answers on the other at the same time.
        self._work = work.cursor()
        self._lock = threading.Lock()

    def of(self, batch: Batch) -> list[Item]:
        """The leads of a batch, in the order of the input."""
        names = batch.kind.identifying
        with self._lock:
            rows = self._work.execute(
                f"SELECT lead_key, {', '.join(names)} FROM leads_to_ask JOIN request_leads "
                # The positions let DuckDB pass over most of a million leads.
                "USING (lead_key) WHERE request_key = ? AND position BETWEEN ? AND ? "
                "ORDER BY position",
                [batch.request_key, *batch.positions],
            ).fetchall()
        return [
            Item(
                key,
                {
                    name: value
                    for name, value in zip(names, values, strict=True)
                    if value is not None
                },
            )
            for key, *values in rows
        ]

    def leave_out(self, request_key: str, lead_keys: Sequence[str]) -> None:
        """Forget that a batch asks for these leads."""
        with self._lock:
            self._work.execute(
                "DELETE FROM request_leads WHERE request_key = ? AND list_contains(?, lead_key)",
                [request_key, list(lead_keys)],
            )


def refused_positions(error: RequestRefused, batch: Batch, count: int) -> dict[int, str]:
    """Which of ``count`` leads a refusal names, with the API's code for each.

    API facts 7: a problem points to its place in the body, such as ``/leads/3/email``. A pointer
    to something else, or to nothing, says that the request as a whole is wrong: then none.

    Example::

        refused_positions(error, batch, 10)    # {3: "unsupported_value"}
    """
    found: dict[int, str] = {}
    for problem in error.problems:
        match = re.fullmatch(rf"/{batch.kind.payload_key}/(\d{{1,9}})(/.*)?", problem.pointer)
        if match is None or int(match[1]) >= count:
            return {}
        found.setdefault(int(match[1]), problem.code or "no_code")
    return found


def without(batch: Batch, leads: int) -> Batch:
    """``batch`` with fewer leads, and the worst case of those that are left."""
    left = batch.lead_count - leads
    share = left / batch.lead_count
    return replace(
        batch,
        lead_count=left,
        email_credits=batch.email_credits * share,
        phone_credits=batch.phone_credits * share,
    )
