"""Who was erased, and what a page may still say of them: nothing.

A page is redacted whenever it is read, so nothing that comes after, tables, matching, rejects,
needs to know about erasures.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from amplemarket_source.identity import IDENTIFIERS, install_identity, lead_key_sql, person_key
from amplemarket_source.lenient_json import page_text, placed_rows, replaced_values
from amplemarket_source.model import PEOPLE

__all__ = ["Suppressions"]


class Suppressions:
    """The keys of everyone erased; safe to use from several threads.

    Example::

        suppressions = Suppressions(erase(warehouse, lead_keys=keys, person_ids=[], at=now))
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

        That is what the API says of a removed person: the status, the lead, and no result. A row is
        about someone erased if its lead is, or if the person it found is, by id, e-mail address or
        LinkedIn URL; of a key that comes twice, each value counts. All other rows stay as they
        came, byte for byte, and without such a row so does the page; only what is nested too deeply
        for a parser becomes a string (`amplemarket_source.lenient_json`).

        Example::

            b'{"results": [{"status": "enriched", "email": "ada@example.com", "result": {...}}]}'
            b'{"results": [{"status": "gdpr_removed", "email": "ada@example.com", "result": null}]}'

        Raises:
            ValueError: the body is no JSON object, which the API client would not have let pass.
        """
        if not self._keys:
            return body
        plain = _plain_rows(body)
        if plain is not None and not self._erased(plain):
            return body
        text = page_text(body)
        placed = [row for row in placed_rows(text) if isinstance(row.value, dict)]
        erased = {id(row) for row in self._erased([row.value for row in placed])}
        parts, copied = [], 0
        for start, stop, row in placed:
            if id(row) in erased:
                parts += [text[copied:start], json.dumps(_removed(row))]
                copied = stop
        if not parts:
            return body
        return "".join([*parts, text[copied:]]).encode("utf-8", "surrogateescape")

    def _erased(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        places: list[int] = []
        claims: list[Mapping[str, str]] = []
        for place, row in enumerate(rows):
            for claim in (claim for version in _versions(row) for claim in _claims(version)):
                places.append(place)
                claims.append(claim)
        keys = _keys_of(claims)
        found = {place for place, key in zip(places, keys, strict=True) if key in self._keys}
        for place, row in enumerate(rows):
            for version in _versions(row):
                result = version.get("result")
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
