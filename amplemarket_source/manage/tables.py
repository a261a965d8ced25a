"""How many rows the tables of the contract have."""

from __future__ import annotations

from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.tables.contract import TABLES

__all__ = ["row_counts"]


def row_counts(ledger: Ledger) -> dict[str, int]:
    """Rows by table, in the order of the contract; one statement for all.

    Raises:
        DestinationError: the destination refused.
    """
    counts = [f"SELECT '{name}', count(*) FROM {ledger.name(name)}" for name in TABLES]
    found = dict(ledger.rows(" UNION ALL ".join(counts)))
    return {name: found[name] for name in TABLES}
