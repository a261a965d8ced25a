"""Invented answers, well-formed to hostile, from a source of randomness.

The same generator feeds hypothesis (which shrinks what fails) and the fuzz command.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from amplemarket_source.schema.fields import is_declared
from amplemarket_source.schema.registry import Limits
from amplemarket_source.schema.tables import COMPANIES, PEOPLE, children_of
from amplemarket_source.transform.envelope import MEMBERS
from tests.transform.documents import Deep, Literal, Pairs
from tests.transform.harness import Row, lead

_KEYS = (
    *("fullName", "full_name", "FullName", "full name", "full-name", "full__name", "fullname"),
    *("select", "order", "_dlt_id", "_dlt_load_id", "person_id", "company_id", "enriched_at"),
    *("value", "label", "headcount", "id", "object", "name", "", " ", "_", "__", "2nd", "ключ"),
    *("名前", "a\x00b", "\ud800", "\udcff", "v_text", "x" * 70, "x" * 69 + "y", "e" * 300),
    *("location_details", "location_details__city", "city", "type", "number", "is_primary"),
    *("skills", "score", "since", "details", "tags", "full_name_x0123456789", "a.b", 'a"b\\'),
)
_TEXTS = (
    *("", " ", "x", "42", " 7 ", "1.5", "true", "False", "2020-01-01", "2020-01-01T00:00:00Z"),
    *("12:30", "nul\x00", "\ud83d", "\udcff\udcfe", "🐈", "مرحبا", "\u202eabc", 'a\nb\t"c"\\'),
    *("[1", "}", "[]", "{}", '{"a":1}', "NaN", "null", "é" * 40, "0111", "\\u0000", "1e5"),
)
_NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 7, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**30),
    *(0.0, 1.0, 1.5, -2.25, 1e10, 1e22, 1e300, float("nan"), float("inf"), float("-inf")),
    *(Literal("1e400"), Literal("-1E-7"), Literal("1.0"), Literal("123e2"), Literal("9" * 4400)),
)
_DOCUMENTED = {
    table.name: [column.name for column in table.columns if is_declared(table, (column.name,))]
    + ["location_details"]
    + [child.child.path for child in children_of(table.name) if child.child]
    for table in (PEOPLE, COMPANIES)
}
_OWN_IDS = (18, 18.0, "18", " 18.0 ", Literal("1.8e1"), None, [], {}, True, "", "\ud800", "\x00")
_LISTS = ("experiences", "educations", "languages", "phone_numbers", "locations")
_CODES = ("sic_codes", "naics_codes", "keywords", "technologies")
_MAPS = ("department_headcount", "job_function_headcount")


class Generator:
    """Makes rows; every entity of a generator has an id of its own.

    Args:
        random: decides everything.
        oddity: from 0 (all as documented) to 1 (anything anywhere).
    """

    def __init__(self, random: Random, oddity: float = 0.5) -> None:
        self._random = random
        self._oddity = oddity
        self._entities = 0

    def row(self, number: int) -> Any:
        """The answer to lead ``number``."""
        if self._odd(0.02):
            return self._random.choice([5, "text", None, [], ["x", {"y": 1}], True])
        status = "enriched" if not self._odd(0.1) else self._choice("not_found", "partial", 7, None)
        row: Row = {"id": number, "status": status, "result": None, **lead(number)}
        if status == "enriched" or self._odd(0.3):
            row["result"] = self.entity(PEOPLE.name)
        if self._odd(0.1):
            row.update(self._object(2))
            row["id"] = number
        if self._odd(0.05):
            row["name"] = self._value(1)
        if self._odd(0.03):
            row["result"] = self._value(2)
        return row

    def rows(self, numbers: Sequence[int]) -> list[Any]:
        """The answers to some leads, as a page has them: now and then all of them several times."""
        rows = [self.row(number) for number in numbers]
        return rows * self._choice(2, 4) if self._odd(0.05) else rows

    def envelope(self) -> Row:
        """Members of the request object, documented ones in odd spellings and others."""
        members: Row = {}
        if self._odd(0.3):
            members = self._object(2)
        for name in MEMBERS:
            members.pop(name, None)
        if self._odd(0.3):
            members["id"] = self._random.choice(_OWN_IDS)
        if self._odd(0.3):
            problem = self._choice(self._object(1), {"code": self._value(0), "detail": "\x00"})
            members["_errors"] = [problem, self._value(1)]
        return members

    def limits(self) -> Limits:
        """What some destination can hold."""
        if not self._odd(0.4):
            return Limits()
        return Limits(columns=self._choice(70, 90), text_bytes=self._choice(40, 300, 1 << 30))

    def entity(self, table: str) -> Any:
        """A person, or a company."""
        fields = _DOCUMENTED[table]
        chosen = self._random.sample(fields, self._random.randrange(len(fields)))
        entity: Row = {name: self._documented(name) for name in chosen if name[0] != "_"}
        if self._odd(0.5):
            entity.update(self._object(3))
        self._entities += 1
        identity: Any = f"{table}-{self._entities}"
        if self._odd(0.08):
            identity = self._choice(self._entities, None, "", 1.5, True, [], {}, "\x00", "\ud800")
        entity["id"] = identity
        entity.pop("company", None)
        if table == PEOPLE.name and self._random.random() < 0.7:
            odd = self._odd(0.05)
            entity["company"] = self._value(2) if odd else self.entity(COMPANIES.name)
        if self._odd(0.05):
            keys = [key for key in entity if key not in ("id", "company")]
            return Pairs([(key, self._value(2)) for key in keys[:2]] + list(entity.items()))
        return entity

    def _documented(self, name: str) -> Any:
        if self._odd(0.12):
            return self._value(3)
        if self._random.random() < 0.1:
            return None
        if name in _LISTS:
            return [self._item() for _ in range(self._random.randrange(4))]
        if name in _CODES:
            is_code = name.endswith("codes")
            return [7372 if is_code else "crm" for _ in range(self._random.randrange(3))]
        if name in _MAPS:
            labels = ("Sales & Marketing", "Engineering", "Senior Leadership")
            return {label: self._random.randrange(99) for label in labels}
        if name == "location_details":
            return {"city": "Lisbon", "state": None, "country": "Portugal"}
        column = COMPANIES.column(name) or PEOPLE.column(name)
        kind = column.data_type if column else "text"
        return {"bigint": 2015, "bool": True, "double": 1.5}.get(kind, f"some {name}")

    def _item(self) -> Any:
        if self._odd(0.05):
            return self._value(2)
        item: Row = {"title": "Engineer", "start_date": "2020-01", "level": 3}
        if self._odd(0.2):
            item.update(self._object(2))
        return item

    def _object(self, depth: int) -> Row:
        count = self._random.randrange(1, 5)
        return {self._key(): self._value(depth) for _ in range(count)}

    def _key(self) -> str:
        if self._random.random() < 0.8:
            return self._random.choice(_KEYS)
        return self._characters(self._random.randrange(6))

    def _value(self, depth: int) -> Any:
        chance = self._random.random()
        if chance < 0.01:
            return Deep(self._choice(4, 10, 70, 400, 3000, 50_000))
        if depth and chance < 0.25:
            return self._object(depth - 1)
        if depth and chance < 0.4:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        if chance < 0.55:
            return self._random.choice(_TEXTS)
        if chance < 0.65:
            return self._characters(self._random.randrange(9))
        if chance < 0.9:
            return self._random.choice(_NUMBERS)
        return self._choice(None, True, False)

    def _characters(self, count: int) -> str:
        spans = ((0, 0x7F), (0x80, 0x7FF), (0xD800, 0xDBFF), (0xE000, 0xFFFF), (0x1F300, 0x1F6FF))
        return "".join(chr(self._random.randint(*self._choice(*spans))) for _ in range(count))

    def _odd(self, chance: float) -> bool:
        return self._random.random() < chance * self._oddity

    def _choice(self, *values: Any) -> Any:
        return self._random.choice(values)


class Consistent(Generator):
    """A generator whose undocumented fields have one type each, so that order cannot matter."""

    def row(self, number: int) -> Any:
        """The answer to lead ``number``, in the documented envelope."""
        row: Row = {"id": number, "status": "enriched", **lead(number)}
        row["result"] = self.entity(PEOPLE.name)
        if self._odd(0.3):
            row.update(self._object(1))
            row["id"] = number
        return row

    def _object(self, depth: int) -> Row:
        keys = {self._key() for _ in range(self._random.randrange(1, 5))}
        return {key: self._of(key, depth) for key in sorted(keys)}

    def _of(self, key: str, depth: int) -> Any:
        if self._random.random() < 0.1:
            return None
        whole = self._random.randrange(-(2**62), 2**62)
        types: list[Any] = [
            self._random.choice(_TEXTS),
            whole,
            self._random.choice((0.5, -2.25, 1e-7)),
            bool(whole % 2),
            [self._random.choice(_TEXTS), None, {"b": 1.5, "a": [whole, None]}],
            self._object(depth - 1) if depth else {},
        ]
        return types[sum(map(ord, key)) % len(types)]
