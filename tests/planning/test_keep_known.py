"""The latest outcome for a lead is its latest answer; no answer replaces none."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa

from amplemarket_source.schema.bookkeeping import ENRICHMENT_RESULTS
from amplemarket_source.transform.outcomes import without_lost_answers
from amplemarket_source.workbench import Workbench


def test_an_unanswered_lead_keeps_the_person_or_the_erasure_it_had(tmp_path: Path) -> None:
    workbench = Workbench(tmp_path)
    had = {"a": "enriched", "b": "gdpr_removed", "c": "not_found", "d": "unanswered"}
    for known in [*(("people", *one) for one in had.items()), ("companies", "e", "enriched")]:
        workbench.execute("INSERT INTO known (kind, lead_key, status) VALUES (?, ?, ?)", known)
    schema = ENRICHMENT_RESULTS.arrow_schema
    rows = [
        {
            "kind": "people",
            "lead_key": key,
            "status": status,
            "enriched_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "_dlt_load_id": "1",
            "_dlt_id": key,
        }
        for key, status in [*((key, "unanswered") for key in "abcde"), ("a", "enriched")]
    ]
    kept, _ = without_lost_answers(pa.Table.from_pylist(rows, schema=schema), workbench)
    assert kept.schema == schema
    assert sorted(zip(kept["lead_key"].to_pylist(), kept["status"].to_pylist(), strict=True)) == [
        ("a", "enriched"),
        ("c", "unanswered"),
        ("d", "unanswered"),
        ("e", "unanswered"),
    ]
