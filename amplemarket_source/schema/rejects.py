"""What could not be taken as it was, on its way to the ``rejects`` table."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.schema.bookkeeping import REJECTS

__all__ = ["INPUT_REJECT_ID_SQL", "Reject", "reject_table", "with_first_times", "with_lead_keys"]

INPUT_REJECT_ID_SQL = (
    "substr(sha256(concat_ws(chr(31), stage, reason, source, occurrence, raw)), 1, 32)"
)
"""The ``reject_id`` of an input row, over the columns of the same names; ``occurrence`` counts the
rows of a source that are alike. So each row is one reject, and the same one in every run, wherever
in its file it stands. What has a person is told apart by them as well (`Reject.reject_id`). Stored
ids outlive the version that made them."""

Stage = Literal["lead", "result", "field"]


@dataclass(frozen=True)
class Reject:
    """One rejected thing.

    Attributes:
        raw: the original, as JSON text in ASCII.
        entity_id: the person or company it belongs to; what an erasure goes by.
        result_id: the row of the answer, by which its lead is found; not loaded.
    """

    stage: Stage
    reason: str
    raw: str
    lead_key: str | None = None
    entity_id: str | None = None
    result_id: str | None = None

    @cached_property
    def reject_id(self) -> str:
        """The same for the same thing rejected for the same reason, in every run."""
        parts = (self.stage, self.reason, self.lead_key or "", self.entity_id or "", self.raw)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    def parts(self, most_bytes: int) -> list[Reject]:
        """The reject; in several, where its raw text is longer than a column takes.

        Their reasons end in ``(part 1 of 2 of 1a2b3c4d)``; what belongs together ends alike.
        """
        pieces = range(0, len(self.raw), most_bytes)
        if len(pieces) <= 1:
            return [self]
        return [
            replace(
                self,
                reason=f"{self.reason} (part {number} of {len(pieces)} of {self.reject_id[:8]})",
                raw=self.raw[start : start + most_bytes],
            )
            for number, start in enumerate(pieces, start=1)
        ]


def with_lead_keys(rejects: Iterable[Reject], matched: pa.Table) -> list[Reject]:
    """``rejects``, each with the lead whose row it comes from.

    Args:
        matched: ``result_id, lead_key`` of the leads of one request.
    """
    columns = matched.select(["result_id", "lead_key"]).to_pydict()
    keys = dict(zip(columns["result_id"], columns["lead_key"], strict=True))
    keys.pop(None, None)
    return [replace(reject, lead_key=keys.get(reject.result_id)) for reject in rejects]


def reject_table(
    rejects: Iterable[Reject], request_key: str | None, load_id: str, at: datetime
) -> pa.Table:
    """Rows of ``rejects`` from one answer, one for each distinct reject.

    Args:
        request_key: of the enrichment request, if it was one.
    """
    rows: dict[str, dict[str, Any]] = {}
    for reject in rejects:
        key = reject.reject_id
        rows[key] = {
            "reject_id": key,
            "stage": reject.stage,
            "reason": reject.reason,
            "lead_key": reject.lead_key,
            "entity_id": reject.entity_id,
            "request_key": request_key,
            "raw": reject.raw,
            "first_rejected_at": at,
            "rejected_at": at,
            "_dlt_load_id": load_id,
            "_dlt_id": key,
        }
    return pa.Table.from_pylist(list(rows.values()), schema=REJECTS.arrow_schema)


def with_first_times(rejects: pa.Table, known: Iterable[pa.Table]) -> pa.Table:
    """Rows of ``rejects``; one that was met before has the time when it was met first.

    Args:
        known: ``reject_id, first_rejected_at`` of those that are recorded, and perhaps of others.
    """
    name, keys = "first_rejected_at", rejects.column("reject_id")
    field, times = rejects.schema.field(name), rejects.column(name)
    for chunk in known:
        ids, first = (chunk.column(index).combine_chunks() for index in range(2))
        before = first.cast(field.type).take(pc.index_in(keys, value_set=ids))
        times = pc.coalesce(before, times)
    return rejects.set_column(rejects.schema.get_field_index(name), field, times)
