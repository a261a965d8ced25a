"""A stream of the workspace: rows made from their number, and what was changed of them by hand.

Nothing is stored for a row that nobody touched, so a stream of a million rows costs what one page
of it costs. A row's key holds its number, which is how a cursor or an id finds its row again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

__all__ = [
    "ADDED",
    "Collection",
    "Keys",
    "Listing",
    "Row",
    "Rows",
    "SortedListing",
    "drawn",
    "hex_keys",
    "salt_of",
    "uuid_keys",
]

Row = dict[str, Any]
Matches = Callable[[Row], bool]

ADDED = 1 << 31
"""Rows added by hand are numbered from here, beyond any size."""

_EPOCH_MS = 1_704_067_200_000  # 2024-01-01, UTC
_BITS = (1 << 64) - 1
_ODD = 0x9E3779B97F4A7C15
_INVERSE = pow(_ODD, -1, 1 << 32)


@dataclass(frozen=True)
class Keys:
    """How a row's number becomes its key, and back; ``read`` gives None for any other text."""

    make: Callable[[int], str]
    read: Callable[[str], int | None]


def salt_of(seed: int, text: str) -> int:
    """What sets one stream's numbers apart from another's."""
    return int.from_bytes(blake2b(f"{seed}:{text}".encode(), digest_size=8).digest(), "big")


def drawn(salt: int, number: int) -> int:
    """A number of 60 bits that looks drawn by lot, always the same of the same two."""
    mixed = (number * _ODD + salt) & _BITS
    mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCD & _BITS
    mixed = (mixed ^ mixed >> 33) * 0xC4CEB9FE1A85EC53 & _BITS
    return mixed >> 4


def uuid_keys(seed: int, stream: str) -> Keys:
    """Keys of the form of a UUIDv7, as the API's ids have; they grow with the number.

    Example::

        >>> keys = uuid_keys(0, "calls")
        >>> keys.read(keys.make(7))
        7
    """
    salt = salt_of(seed, stream)
    version = f"7{salt & 0xFFF:03x}"

    def make(number: int) -> str:
        time = f"{_EPOCH_MS + number * 1000:012x}"
        rest = f"{2 << 62 | number << 30 | drawn(salt, number) >> 30:016x}"
        return f"{time[:8]}-{time[8:]}-{version}-{rest[:4]}-{rest[4:]}"

    def read(key: str) -> int | None:
        try:
            number = int(key.replace("-", ""), 16) >> 30 & 0xFFFFFFFF
        except ValueError:
            return None
        return number if make(number) == key else None

    return Keys(make, read)


def hex_keys(seed: int, stream: str) -> Keys:
    """Keys of 40 hexadecimal digits, as a sequence has."""
    salt = salt_of(seed, stream)

    def make(number: int) -> str:
        head = number * _ODD & 0xFFFFFFFF
        return f"{head:08x}{drawn(salt, number) << 4:016x}{drawn(~salt, number) << 4:016x}"

    def read(key: str) -> int | None:
        try:
            number = int(key[:8], 16) * _INVERSE & 0xFFFFFFFF
        except ValueError:
            return None
        return number if make(number) == key else None

    return Keys(make, read)


@dataclass(frozen=True)
class Rows:
    """A page: its rows, and whether there are more after and before it."""

    rows: list[Row]
    has_next: bool
    has_previous: bool


class Collection:
    """The rows of one stream.

    Args:
        keys: of the rows.
        make: the row of a number, made anew at each call.
        has: whether there is a row of that number, beside those added by hand.
        key: the row's member that is its key.
        is_newest_first: the order in which the API lists it, else the oldest come first.

    Attributes:
        fields: members that every row has beside its own; a value may be a function of the row.
    """

    def __init__(
        self,
        keys: Keys,
        make: Callable[[int], Row],
        has: Callable[[int], bool],
        *,
        key: str = "id",
        is_newest_first: bool = False,
    ) -> None:
        self.keys = keys
        self.key = key
        self.has = has
        self.is_newest_first = is_newest_first
        self.fields: Row = {}
        self._make = make
        self._changed: dict[str, Row] = {}
        self._removed: set[str] = set()
        self._added: dict[str, tuple[str | None, Row]] = {}

    def find(self, key: str) -> Row | None:
        """The row of a key; None where there is none, or not any more."""
        if key in self._removed:
            return None
        if key in self._added:
            return self._complete(key, self._added[key][1])
        number = self.keys.read(key)
        return self.at(number) if number is not None and self.has(number) else None

    def at(self, number: int) -> Row | None:
        """The row of a number, which may have been removed."""
        key = self.keys.make(number)
        return None if key in self._removed else self._complete(key, self._make(number))

    def changes(self, number: int) -> Row:
        """What was changed by hand of the row of a number."""
        return self._changed.get(self.keys.make(number), {}) if self._changed else {}

    def add(self, row: Row, owner: str | None = None) -> Row:
        """A new row, the newest; ``owner`` is whose it is, where rows are listed by an owner.

        With the key of a row that was removed that row comes back, in its old place.
        """
        number = ADDED + len(self._added)
        new = {**self._make(number), **row}
        key = str(new[self.key])
        self._removed.discard(key)
        made = self.keys.read(key)
        if key in self._added or made is None or not self.has(made):
            self._changed.pop(key, None)
            self._added[key] = (owner, new)
            return self._complete(key, new)
        self._changed[key] = dict(row)
        return self._complete(key, self._make(made))

    def change(self, key: str, fields: Row) -> Row:
        """Set members of a row.

        Raises:
            KeyError: there is no such row.
        """
        if self.find(key) is None:
            raise KeyError(key)
        self._changed[key] = {**self._changed.get(key, {}), **fields}
        changed = self.find(key)
        assert changed is not None  # noqa: S101 - it was there a line ago
        return changed

    def remove(self, key: str) -> Row:
        """Take a row away; gives the row.

        Raises:
            KeyError: there is no such row.
        """
        row = self.find(key)
        if row is None:
            raise KeyError(key)
        self._removed.add(key)
        return row

    def touched(self) -> Iterator[Row]:
        """The rows that were added or changed by hand and are still there."""
        for key in [*self._added, *(key for key in self._changed if key not in self._added)]:
            row = self.find(key)
            if row is not None:
                yield row

    def listing(
        self, numbers: range, matches: Matches | None = None, *, owner: str | None = None
    ) -> Listing:
        """Rows in the API's order.

        Args:
            numbers: of the rows that were not added by hand; few where few can match.
            matches: the rows that are wanted, all without it.
            owner: of the rows added by hand, those of this owner alone.
        """
        added = [key for key, (whose, _) in list(self._added.items()) if owner in (None, whose)]
        return Listing(self, numbers, added, matches)

    def _complete(self, key: str, row: Row) -> Row:
        if self.fields:
            made = row
            row = row | {
                name: value(made) if callable(value) else value
                for name, value in self.fields.items()
            }
        return row | self._changed.get(key, {})


class Listing:
    """Some rows of a collection in their order, to be read by pages."""

    def __init__(
        self, collection: Collection, numbers: range, added: list[str], matches: Matches | None
    ) -> None:
        self._collection = collection
        self._numbers = numbers
        self._added = added
        self._matches = matches

    def __len__(self) -> int:
        """How many places there are; some may be empty, or not match."""
        return len(self._numbers) + len(self._added)

    def page(self, size: int, after: str | None = None, before: str | None = None) -> Rows:
        """At most ``size`` rows behind (or in front of) a cursor, exclusive.

        Raises:
            KeyError: the cursor is no row's key.
        """
        if before is not None:
            found = self._some(range(self._place(before) - 1, -1, -1), size + 1)
            return Rows(found[:size][::-1], has_next=True, has_previous=len(found) > size)
        first = 0 if after is None else self._place(after) + 1
        found = self._some(range(first, len(self)), size + 1)
        has_previous = bool(first and self._some(range(first - 1, -1, -1), 1))
        return Rows(found[:size], has_next=len(found) > size, has_previous=has_previous)

    def __iter__(self) -> Iterator[Row]:
        for place in range(len(self)):
            row = self._at(place)
            if row is not None and (self._matches is None or self._matches(row)):
                yield row

    def _some(self, places: range, most: int) -> list[Row]:
        found: list[Row] = []
        for place in places:
            row = self._at(place)
            if row is not None and (self._matches is None or self._matches(row)):
                found.append(row)
                if len(found) == most:
                    break
        return found

    def _at(self, place: int) -> Row | None:
        if self._collection.is_newest_first:
            place = len(self) - 1 - place
        if place < len(self._numbers):
            return self._collection.at(self._numbers[place])
        return self._collection.find(self._added[place - len(self._numbers)])

    def _place(self, key: str) -> int:
        if key in self._added:
            place = len(self._numbers) + self._added.index(key)
        else:
            number = self._collection.keys.read(key)
            if number is None or number not in self._numbers:
                raise KeyError(key)
            place = self._numbers.index(number)
        return len(self) - 1 - place if self._collection.is_newest_first else place


class SortedListing:
    """Rows in an order that their numbers do not have, to be read by pages as a `Listing` is."""

    def __init__(self, rows: list[Row], key: str) -> None:
        self._rows = rows
        self._places = {str(row[key]): place for place, row in enumerate(rows)}

    def page(self, size: int, after: str | None = None, before: str | None = None) -> Rows:
        """As `Listing.page`.

        Raises:
            KeyError: the cursor is no row's key.
        """
        if before is not None:
            last = self._places[before]
            first = max(0, last - size)
        else:
            first = 0 if after is None else self._places[after] + 1
            last = min(len(self._rows), first + size)
        return Rows(self._rows[first:last], last < len(self._rows), first > 0)
