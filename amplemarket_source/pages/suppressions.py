"""Who was erased, and what a page may still say of them: nothing.

A page is redacted whenever it is read, so nothing that comes after, tables, matching, rejects,
needs to know about erasures.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.identity import install_identity, lead_key, lead_key_sql

__all__ = ["IDENTIFIERS", "Suppressions", "identifier_keys", "person_key"]

IDENTIFIERS = ("email", "linkedin_url")
"""The fields that name one person all by themselves."""


def person_key(person_id: str) -> str:
    """The key under which an API person id is suppressed."""
    return hashlib.sha256(f"person\x1e{person_id}".encode(errors="replace")).hexdigest()[:32]


def identifier_keys(email: str | None, linkedin_url: str | None) -> list[str]:
    """The keys of each identifier alone, as `lead_key` makes them."""
    given = {"email": email, "linkedin_url": linkedin_url}
    return [lead_key(PEOPLE, {name: value}) for name, value in given.items() if value]


class Suppressions:
    """The keys of everyone erased; safe to use from several threads.

    Example::

        suppressions = Suppressions(erase(ledger, lead_keys=keys, person_ids=[], at=now))
        spool = Spool(folder, suppressions.redact)
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._keys = frozenset(keys)

    def add(self, keys: Iterable[str]) -> None:
        """Suppress further keys."""
        with self._lock:
            self._keys |= frozenset(keys)

    def redact(self, body: bytes) -> bytes:
        """A page's JSON text in which every row about someone erased says ``gdpr_removed``.

        That is what the API says of a removed person: the status, and no result. A row is about
        someone erased if its lead is, or if the person it found is, by id, e-mail address or
        LinkedIn URL. Without such a row the text is returned as it is.

        Example::

            b'{"results": [{"status": "enriched", "email": "ada@example.com", "result": {...}}]}'
            b'{"results": [{"status": "gdpr_removed", "email": "ada@example.com", "result": null}]}'
        """
        if not self._keys:
            return body
        document = _decoded(body)
        rows = document.get("results") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            return body
        erased = self._erased([row for row in rows if isinstance(row, dict)])
        for row in erased:
            row["status"], row["result"] = "gdpr_removed", None
        return json.dumps(document).encode() if erased else body

    def among(self, people: pa.StructArray) -> pa.BooleanArray:
        """For each Person object whether it is someone erased."""
        if not self._keys:
            return pa.repeat(pa.scalar(False), len(people))
        names = [name for name in ("id", *IDENTIFIERS) if people.type.get_field_index(name) >= 0]
        found = zip(*(pc.struct_field(people, name).to_pylist() for name in names), strict=True)
        rows = [{"result": dict(zip(names, values, strict=True))} for values in found]
        erased = {id(row) for row in self._erased(rows)}
        return pa.array([id(row) in erased for row in rows], pa.bool_())

    def _erased(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        places: list[int] = []
        claims: list[Mapping[str, str]] = []
        for place, row in enumerate(rows):
            for claim in _claims(row):
                places.append(place)
                claims.append(claim)
        keys = _keys_of(claims)
        found = {place for place, key in zip(places, keys, strict=True) if key in self._keys}
        for place, row in enumerate(rows):
            result = row.get("result")
            if isinstance(result, dict) and person_key(str(result.get("id"))) in self._keys:
                found.add(place)
        return [rows[place] for place in sorted(found)]


def _claims(row: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The sets of fields under any of which a row's person may be suppressed."""
    echo = {name: row[name] for name in PEOPLE.identifying if isinstance(row.get(name), str)}
    if "linkedin_url" not in echo and isinstance(row.get("linkedin_id"), str):
        echo["linkedin_url"] = row["linkedin_id"]
    yield echo
    result = row.get("result")
    for fields in (echo, result if isinstance(result, dict) else {}):
        for name in IDENTIFIERS:
            if isinstance(fields.get(name), str):
                yield {name: fields[name]}


def _keys_of(claims: Sequence[Mapping[str, str]]) -> list[str]:
    """The lead keys of sets of fields, all with one statement."""
    columns = {
        name: pa.array([_plain(claim.get(name)) for claim in claims], pa.string())
        for name in PEOPLE.identifying
    }
    place = pa.array(range(len(claims)), pa.int64())
    with duckdb.connect(":memory:", config={"threads": 1}) as work:
        install_identity(work)
        work.register("claims", pa.table({"place": place, **columns}))
        rows = work.execute(f"SELECT {lead_key_sql(PEOPLE)} FROM claims ORDER BY place").fetchall()
    return [row[0] for row in rows]


def _plain(text: str | None) -> str | None:
    # A lone surrogate is in nobody's key, and no column takes it.
    return None if text is None else text.encode(errors="replace").decode()


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body.decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError):
            return None
