"""Every value of a dataset that says something about a person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import duckdb as engine

from amplemarket_source.schema.tables import DECLARED
from tests.support.deployment import Deployment

__all__ = ["personal_values", "said_in"]

_SHORTEST = 4
"""Below, a value is in any text by chance: a country code, an age."""
_NOT_ABOUT_ANYONE = ("_dlt", "type", "object", "is_")


def personal_values(folder: Path) -> set[str]:
    """Of all columns marked personal, undocumented children of people and kept columns included."""
    marked = {(table.name, c.name) for table in DECLARED for c in table.columns if c.personal}
    values: set[str] = set()
    with engine.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = ? AND data_type = 'VARCHAR'",
            [Deployment.dataset],
        ).fetchall()
        for table, column in columns:
            of_a_person = table.startswith("people__") and not column.startswith(_NOT_ABOUT_ANYONE)
            if (table, column) in marked or of_a_person:
                rows = connection.execute(
                    f'SELECT DISTINCT "{column}" FROM {Deployment.dataset}.{table} '
                    f'WHERE length("{column}") >= {_SHORTEST}'
                ).fetchall()
                values |= {row[0] for row in rows}
    return values


def said_in(text: str, values: Iterable[str]) -> list[str]:
    """Those of the values that a text says, as words of their own."""
    found = (value for value in values if value in text)
    return [value for value in found if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)]
