"""Finished requests of a run as the rows of one load."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import pyarrow.compute as pc

from amplemarket_source.errors import SchemaFrozen
from amplemarket_source.footprint import give_back
from amplemarket_source.plan.known import keep_known
from amplemarket_source.purchase.collect import Answer
from amplemarket_source.run import Run
from amplemarket_source.tables.answers import AnswerTables
from amplemarket_source.tables.contract import ENRICHMENT_RESULTS
from amplemarket_source.tables.gather import TableBatch, gathered
from amplemarket_source.tables.memory import ColumnMemory
from amplemarket_source.tables.schema_contract import SchemaContract

__all__ = ["read_answers"]

logger = logging.getLogger("amplemarket")


def read_answers(
    run: Run, answers: Iterable[Answer], memory: ColumnMemory, load_id: str
) -> Iterator[TableBatch]:
    """The table batches of ``answers``; counts them in the run's report.

    All answers are waited for before the first row: the newest has to come first.
    """
    if run.settings.schema_contract is not None:
        memory.contract = SchemaContract.of(run.settings.schema_contract)
    tables = AnswerTables(memory, load_id, run.work, run.clock.now)
    finished = list(answers)
    with run.ledger.at_rest():
        yield from gathered(_counted(run, tables.batches(finished)))
        give_back()
    refused = [name for name in memory.refused if name not in run.report.new_fields]
    if refused and memory.contract.is_frozen:
        frozen = SchemaFrozen(refused)
        run.report.failed(frozen)
        logger.error("%s", frozen)  # all that a plain pipeline.run shows of it
    run.report.new_fields.update(memory.new_fields)
    run.report.requests_loaded += len(finished)


def _counted(run: Run, batches: Iterable[TableBatch]) -> Iterator[TableBatch]:
    for batch in batches:
        _count(run, batch)
        if ENRICHMENT_RESULTS.name in batch:
            batch[ENRICHMENT_RESULTS.name] = keep_known(batch[ENRICHMENT_RESULTS.name], run.work)
        yield batch


def _count(run: Run, batch: TableBatch) -> None:
    report = run.report
    for table, rows in batch.items():
        report.loaded[table] += rows.num_rows
        if "_dlt_list_idx" in rows.column_names:
            # Rows that stand for "this parent has none" are not loaded.
            report.loaded[table] -= pc.sum(pc.less(rows.column("_dlt_list_idx"), 0)).as_py() or 0
    if "enrichment_results" in batch:
        results = batch["enrichment_results"]
        for value in results.column("status").value_counts():
            report.outcomes[value["values"].as_py()] += value["counts"].as_py()
        removed = results.filter(pc.equal(results.column("status"), "gdpr_removed"))
        is_person = pc.equal(removed.column("kind"), "people")
        if removed.num_rows:
            run.erase(removed.filter(is_person).column("lead_key").to_pylist())
    if "enrichment_requests" in batch:
        for name in ("email_credits_estimated", "phone_credits_estimated"):
            report.credits[name] += pc.sum(batch["enrichment_requests"].column(name)).as_py()
    if "rejects" in batch:
        for reason in batch["rejects"].column("reason").to_pylist():
            report.rejects[reason] += 1
