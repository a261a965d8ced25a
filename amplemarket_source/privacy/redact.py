"""Who was erased, and what a page may still say of them: nothing.

A page is redacted whenever it is read, so nothing that comes after, tables, matching, rejects,
needs to know about erasures. Before the first page of a load is, all of them are looked through:
somebody whom one row says to be removed may be found by any other.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from amplemarket_source.identity import install_identity, lead_key_sql
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.lenient_json import page_text, placed_rows, read_rows, replaced_values
from amplemarket_source.privacy.keys import IDENTIFIERS, person_key

__all__ = ["AboutErased", "Suppressions"]


@dataclass(frozen=True)
class AboutErased:
    """What the rows of a page about someone erased, or removed by the API, say of who they are.

    Attributes:
        identifiers: keys of their identifiers alone, as the row's lead or its person has them.
        leads: keys of what the rows echo; of a lead that was asked for, or of a part of one.
        people: ids at the API.
    """

    identifiers: set[str] = field(default_factory=set)
    leads: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)


class Suppressions:
    """The keys of everyone erased; safe to use from several threads.

    Example::

        suppressions = Suppressions(erase(warehouse, lead_keys=keys, person_ids=[], at=now))
        spool = Spool(folder, suppressions.redact)
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._keys = frozenset(keys)
        self._clean: set[bytes] = set()

    @property
    def keys(self) -> frozenset[str]:
        """All of them."""
        return self._keys

    def add(self, keys: Iterable[str]) -> None:
        """Suppress further keys."""
        with self._lock:
            grown = self._keys | frozenset(keys)
            if grown != self._keys:
                self._keys = grown
                self._clean.clear()

    def redact(self, body: bytes, named: frozenset[str] | None = None) -> bytes:
        """A page's JSON text in which every row about someone erased says ``gdpr_removed``.

        That is what the API says of a removed person: the status, the lead, and no result. A row is
        about someone erased if its lead is, or if the person it found is, by id, e-mail address or
        LinkedIn URL; of a key that comes twice, each value counts. All other rows stay as they
        came, byte for byte, and without such a row so does the page; only what is nested too deeply
        for a parser becomes a string (`amplemarket_source.lenient_json`).

        Args:
            named: keys of the leads that a request asks for, and of their identifiers, where one of
                them is erased. A row that names none of them may be about that one, and says
                ``withheld`` and nothing else.

        Example::

            b'{"results": [{"status": "enriched", "email": "ada@example.com", "result": {...}}]}'
            b'{"results": [{"status": "gdpr_removed", "email": "ada@example.com", "result": null}]}'

        Raises:
            ValueError: the body is no JSON object, which the API client would not have let pass.
        """
        if not self._keys or (named is None and self._is_clean(body)):
            return body
        plain = _plain_rows(body)
        if plain is not None and not any(self._withheld(plain, named)):
            return body
        text = page_text(body)
        placed = [row for row in placed_rows(text) if isinstance(row.value, dict)]
        withheld = self._withheld([row.value for row in placed], named)
        parts, copied = [], 0
        for (start, stop, _), instead in zip(placed, withheld, strict=True):
            if instead is not None:
                parts += [text[copied:start], json.dumps(instead)]
                copied = stop
        if not parts:
            return body
        return "".join([*parts, text[copied:]]).encode("utf-8", "surrogateescape")

    def about_erased(self, body: bytes) -> AboutErased:
        """Who the rows of a page are about that must not be told, as far as they say it.

        Somebody removed under one lead may be found under another, on the same page or ten requests
        later; what is found here leads from one to the other.
        """
        found = AboutErased()
        if not self._keys and b"gdpr_removed" not in body:
            return found
        rows = _plain_rows(body)
        if rows is None:
            rows = [row for row in read_rows(body) if isinstance(row, dict)]
        for row, said in zip(rows, _said_by(rows), strict=True):
            if said.keys & self._keys or _is_removed(row):
                found.identifiers.update(said.of_one)
                found.leads.update(said.echoed)
                found.people.update(said.people)
        if self._keys and not (found.leads or found.identifiers or found.people):
            with self._lock:
                self._clean.add(_digest(body))
        return found

    def _is_clean(self, body: bytes) -> bool:
        """Whether the page is known to hold nobody who is erased by now."""
        return bool(self._clean) and _digest(body) in self._clean

    def _withheld(
        self, rows: Sequence[dict[str, Any]], named: frozenset[str] | None
    ) -> list[dict[str, Any] | None]:
        """For each row what is told instead of it; None for one that stays."""
        instead: list[dict[str, Any] | None] = []
        for row, said in zip(rows, _said_by(rows), strict=True):
            if said.keys & self._keys:
                instead.append(_removed(row))
            elif named is not None and not said.keys & named:
                # No status that a lead could be given for an answer.
                instead.append({"id": row.get("id"), "status": "withheld", "result": None})
            else:
                instead.append(None)
        return instead


@dataclass
class _Said:
    """What a row says of whom it is about.

    Attributes:
        keys: all under which its person may be suppressed.
        of_one: those of them that are of an identifier which is one person's own.
        echoed: that of everything it echoes.
        people: ids.
    """

    keys: set[str] = field(default_factory=set)
    of_one: set[str] = field(default_factory=set)
    echoed: set[str] = field(default_factory=set)
    people: set[str] = field(default_factory=set)


def _said_by(rows: Sequence[dict[str, Any]]) -> list[_Said]:
    said = [_Said() for _ in rows]
    owners: list[_Said] = []
    claims: list[Mapping[str, str]] = []
    for one, row in zip(said, rows, strict=True):
        for version in _versions(row):
            for claim in _claims(version):
                owners.append(one)
                claims.append(claim)
            result = version.get("result")
            if isinstance(result, dict) and result.get("id") not in (None, ""):
                one.people.add(str(result["id"]))
        one.keys.update(person_key(person) for person in one.people)
    for one, given, (key, profile, is_of_one) in zip(owners, claims, _keys_of(claims), strict=True):
        one.keys.update(filter(None, (key, profile)))
        if len(given) > 1 or not is_of_one:
            one.echoed.add(key)
        else:
            one.of_one.update(filter(None, (key, profile)))
    return said


def _claims(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The sets of fields under any of which a row's person may be suppressed."""
    echo = {name: row[name] for name in PEOPLE.identifying if isinstance(row.get(name), str)}
    if "linkedin_url" not in echo and isinstance(row.get("linkedin_id"), str):
        echo["linkedin_url"] = row["linkedin_id"]
    if any(echo.values()):
        yield echo
    result = row.get("result")
    for fields in (echo, result if isinstance(result, dict) else {}):
        for name in IDENTIFIERS:
            if isinstance(fields.get(name), str) and fields[name]:
                yield {name: fields[name]}


def _keys_of(claims: Sequence[Mapping[str, str]]) -> list[tuple[str, str | None, bool]]:
    """Of sets of fields the lead key, the key of the profile, and whether they name just one.

    All with one statement.
    """
    columns = {
        name: pa.array([_plain(claim.get(name)) for claim in claims], pa.string())
        for name in PEOPLE.identifying
    }
    place = pa.array(range(len(claims)), pa.int64())
    with duckdb.connect(":memory:", config={"threads": 1}) as work:
        install_identity(work)
        work.register("claims", pa.table({"place": place, **columns}))
        return work.execute(
            f"SELECT {lead_key_sql(PEOPLE)}, profile_key(linkedin_url), "
            "is_email(email) OR is_linkedin(linkedin_url) FROM claims ORDER BY place"
        ).fetchall()


def _plain(text: str | None) -> str | None:
    # A lone surrogate is in nobody's key, and no column takes it.
    return None if text is None else text.encode(errors="replace").decode()


def _is_removed(row: Mapping[str, Any]) -> bool:
    return any(version.get("status") == "gdpr_removed" for version in _versions(row))


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def _versions(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A row, and what it says beside that: under a key that comes twice, in a list of people."""
    yield row
    results = [row.get("result")]
    for key, value in replaced_values(row):
        yield {key: value}
        results += [value] if key == "result" else []
    for result in results:
        for key, value in replaced_values(result):
            yield {"result": {key: value}}
        if isinstance(result, list):
            yield from ({"result": item} for item in result)


def _removed(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the API says of the same lead once its person is removed."""
    kept = ("id", *PEOPLE.identifying, "linkedin_id")
    return {
        **{name: row[name] for name in kept if isinstance(row.get(name), (str, int))},
        "status": "gdpr_removed",
        "result": None,
    }


def _plain_rows(body: bytes) -> list[dict[str, Any]] | None:
    """The rows of a page that can be read fast; None where that might miss something."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    rows = document.get("results") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    # Of a key that comes twice orjson shows the last value only.
    once = body.count(b'"results"') == 1 and body.count(b'"result"') <= len(rows)
    return rows if once else None
