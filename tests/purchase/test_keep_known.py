"""The latest outcome for a lead is its latest answer; no answer replaces none."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa

from amplemarket_source.leads.intake import open_workbench
from amplemarket_source.planning import keep_known
from amplemarket_source.schema.tables import ENRICHMENT_RESULTS


def test_an_unanswered_lead_keeps_the_person_or_the_erasure_it_had(tmp_path: Path) -> None:
    work = open_workbench(tmp_path)
    work.execute("CREATE TABLE known (kind TEXT, lead_key TEXT, status TEXT)")
    had = {"a": "enriched", "b": "gdpr_removed", "c": "not_found", "d": "unanswered"}
    work.executemany("INSERT INTO known VALUES ('people', ?, ?)", list(had.items()))
    work.execute("INSERT INTO known VALUES ('companies', 'e', 'enriched')")
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
    kept = keep_known(pa.Table.from_pylist(rows, schema=schema), work)
    assert kept.schema == schema
    assert sorted(zip(kept["lead_key"].to_pylist(), kept["status"].to_pylist(), strict=True)) == [
        ("a", "enriched"),
        ("c", "unanswered"),
        ("d", "unanswered"),
        ("e", "unanswered"),
    ]
