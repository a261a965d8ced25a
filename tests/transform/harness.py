"""Pages through the real `TableBuilder`, and their batches through dlt's merge rules in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from amplemarket_source.identity import lead_key_sql
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from amplemarket_source.model import RequestRecord
from amplemarket_source.pages import CompletedRequest, Spool, Summary
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.tables import HISTORIES, TABLES
from amplemarket_source.transform.builder import TableBuilder
from amplemarket_source.workbench import Workbench
from tests.transform.documents import encode

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)

Row = dict[str, Any]


def page(rows: Sequence[Any], **members: Any) -> bytes:
    """A page body with ``rows`` (see `encode`), and further members of the request object."""
    request = {"id": 18, "status": "completed", "results": list(rows), "_links": {}}
    return encode(request | members)


def lead(number: int, kind: Kind = PEOPLE) -> dict[str, str]:
    """What the ``number``-th lead was asked by."""
    if kind is COMPANIES:
        return {"domain": f"site{number}.example"}
    return {"email": f"lead{number}@site.example"}


def person_row(person: Any, number: int = 0, **more: Any) -> Row:
    """A row that found ``person`` for a lead."""
    return {"id": number, "status": "enriched", "result": person, **lead(number), **more}


@dataclass
class Bench:
    """A workbench and a spool for as many loads as a test makes."""

    work: Workbench
    folder: Path
    loads: int = 0
    tolerated_pages: int = 0

    def answer(
        self, pages: Sequence[bytes], leads: int = 0, kind: Kind = PEOPLE, age: int = 0
    ) -> CompletedRequest:
        """A finished request for ``leads`` leads whose pages are on disk."""
        self.loads += 1
        key = f"request-{self.loads}"
        spooled = Spool(self.folder).request(key)
        spooled.start()
        for number, body in enumerate(pages, start=1):
            spooled.add(number, body)
        summary = Summary("completed", NOW - timedelta(hours=age), len(pages))
        spooled.complete(summary)
        self._ask(key, leads, kind)
        record = RequestRecord(key, kind, "completed", "18", leads, leads * 1.5, 0.0)
        return CompletedRequest(record, spooled, summary)

    def load(
        self, answers: Sequence[CompletedRequest], registry: ColumnRegistry, load_id: str = "load"
    ) -> list[dict[str, pa.Table]]:
        """The batches of one load."""
        tables = TableBuilder(registry, load_id, self.work, lambda: NOW)
        batches = list(tables.batches(list(answers)))
        self.tolerated_pages = tables.tolerated_pages
        for answer in answers:
            answer.pages.remove()
        return batches

    def _ask(self, key: str, leads: int, kind: Kind) -> None:
        rows = pa.Table.from_pylist(
            [lead(number, kind) for number in range(leads)],
            schema=pa.schema([(name, pa.string()) for name in (*PEOPLE.identifying, "domain")]),
        )
        self.work.clear("asked_fields")
        columns = f"{lead_key_sql(kind)} AS lead_key, 'email' AS input_kind, *"
        self.work.append("asked_fields", rows, columns)
        self.work.execute(
            "INSERT INTO request_leads SELECT ?, lead_key, input_kind, NULL FROM asked_fields",
            [key],
        )


class Warehouse:
    """The merge rules of `amplemarket_source.schema.table`, applied to dicts."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}

    def apply(self, batches: Sequence[dict[str, pa.Table]]) -> Warehouse:
        """One load."""
        for name, table in TABLES.items():
            loaded = [row for batch in batches if name in batch for row in batch[name].to_pylist()]
            key = (table.child.key,) if table.child else table.key
            named = {tuple(row[column] for column in key) for row in loaded}
            if not table.child:
                assert len(named) == len(loaded), f"{name} has two rows with one key"
            kept = [
                row
                for row in self.tables[name]
                if tuple(row[column] for column in key) not in named
            ]
            new = [row for row in loaded if row.get("_dlt_list_idx", 0) >= 0]
            self.tables[name] = kept + new
        return self

    def __getitem__(self, name: str) -> list[Row]:
        return self.tables[name]

    def content(self) -> dict[str, set[str]]:
        """Every table as a set of rows, without nulls and without what tells one load apart."""
        passing = {"_dlt_load_id", "first_rejected_at", "rejected_at", "loaded_at", "enriched_at"}
        passing |= {"request_id", "request_key"}
        # The row of a history is called after its request.
        also = {history.name: {"_dlt_id"} for history in HISTORIES}
        return {
            name: {
                repr(
                    sorted(
                        (k, v)
                        for k, v in row.items()
                        if v is not None and k not in passing | also.get(name, set())
                    )
                )
                for row in rows
            }
            for name, rows in self.tables.items()
            if name != "enrichment_requests"
        }


def rejects_of(warehouse: Warehouse) -> dict[str, str]:
    """Reason and original of every reject."""
    return {row["reason"]: row["raw"] for row in warehouse["rejects"]}
