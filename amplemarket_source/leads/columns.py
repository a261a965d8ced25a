"""Which columns of an input count, and the one shape in which every input goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from amplemarket_source.errors import InputError
from amplemarket_source.model import Kind, KindName

__all__ = ["ACCEPTED", "Header"]

ACCEPTED: dict[KindName, tuple[str, ...]] = {
    "people": (
        "email",
        "linkedin_url",
        "linkedin_id",
        "company_domain",
        "company_name",
        "name",
        "first_name",
        "last_name",
        "title",
        "external_id",
    ),
    "companies": ("domain", "linkedin_url", "external_id"),
}
"""Columns that are read, by kind (README, Input), in the order of :attr:`Header.schema`."""

_MOST_NAMES_SHOWN = 20


class Header:
    """The columns of one input: which are read, which are not.

    It is told of every column name as it turns up (all at once for a file with a header, one by
    one where rows have keys) and gives the schema that all batches of the input have: each
    accepted column, as text.

    Args:
        kind: people or companies.
        source: how errors call the input.
    """

    def __init__(self, kind: Kind, source: str) -> None:
        self.source = source
        self.accepted = ACCEPTED[kind.name]
        self.schema = pa.schema([(name, pa.string()) for name in self.accepted])
        self._read: dict[str, None] = {}
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the columns that are not read, as given, in the order they turned up."""
        return tuple(self._ignored)

    def accept(self, name: object) -> str | None:
        """The accepted column that ``name`` means, or None for one that is not read."""
        spelt = str(name).strip()
        column = spelt.lower()
        if column in self.accepted:
            self._read[column] = None
            return column
        if spelt:
            self._ignored[spelt] = None
        return None

    def accept_all(self, names: Iterable[object]) -> dict[str, int]:
        """Accepted column -> position in ``names``.

        Raises:
            InputError: two of the names mean one column, so which one counts is unknown.
        """
        positions: dict[str, int] = {}
        for position, name in enumerate(names):
            column = self.accept(name)
            if column is None:
                continue
            if column in positions:
                raise InputError(
                    "the column is there twice",
                    source=self.source,
                    column=column,
                    advice="Rename or remove one of the two.",
                )
            positions[column] = position
        return positions

    def check(self) -> None:
        """Refuse an input in which no column says who or what is meant.

        Raises:
            InputError: none of the columns seen so far can identify a lead.
        """
        usable = [name for name in self.accepted if name != "external_id"]
        if any(name in self._read for name in usable):
            return
        found = [*self._read, *self._ignored]
        raise InputError(
            f"no usable column: found {_listed(found) or 'none'}",
            source=self.source,
            advice=f"Usable are {_listed(usable)}.",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES_SHOWN])
    more = len(names) - _MOST_NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
