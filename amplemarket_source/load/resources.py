"""From completed requests to dlt: two resources, which fill all tables in one pass.

What a load does with the answers, each step a stage of its own in `read_requests`:

1. erase: whoever the API says has been removed leaves the destination before anything else comes,
   and the pages (`amplemarket_source.load.removed`);
2. flatten: pages become rows of every table (`amplemarket_source.transform.builder`);
3. keep: no row replaces an answer that a lead had by nothing, or when a reject was met first;
4. gather: fewer and larger batches, of which dlt takes one at a time;
5. price: each request by the vendor's rules, once it is known who was found when;
6. count: what is left goes into the run's report;
7. keep what was revealed: no person loses an address that was not asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.extract import DltResource

from amplemarket_source.errors import SchemaFrozen
from amplemarket_source.kinds import ENRICHED, KINDS
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.guard import (
    refuse_outside_a_load,
    refuse_overrides,
    refuse_settings,
    selected_kinds,
)
from amplemarket_source.load.removed import erase_the_removed
from amplemarket_source.load.revealed import keeping_emails
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.privacy.erase import erase
from amplemarket_source.report import RunReport
from amplemarket_source.schema.bookkeeping import (
    CHARGES,
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    REJECTS,
)
from amplemarket_source.schema.registry import ColumnRegistry, SchemaContract, annotate_new
from amplemarket_source.schema.table import Table, resource_for
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.session import Session
from amplemarket_source.transform.builder import TableBatch, TableBuilder, gathered
from amplemarket_source.transform.charges import priced
from amplemarket_source.transform.outcomes import without_lost_answers
from amplemarket_source.warehouse.capabilities import limits_of

__all__ = ["Lacking", "ReadTables", "marked_rows", "read_requests", "resources"]

logger = logging.getLogger("amplemarket")

_KINDS_OF_PEOPLE = pa.array([kind.name for kind in KINDS if kind.about_people])

_LOADED = {**TABLES, CHARGES.name: CHARGES}
"""What is loaded whatever resources a user selects."""

ReadTables = Callable[[ColumnRegistry, str], Iterator[TableBatch]]
"""Gives the batches of one load, from the columns known by now and the load's id."""

Lacking = Callable[[Iterable[Table]], Iterable[Table]]
"""Those of some tables that the destination has not got as they are declared."""


def resources(read: ReadTables, lacking: Lacking) -> list[DltResource]:
    """``people`` and ``companies``: what a user selects is what is bought.

    Every table comes along whatever is selected, from the first load on. One pass over the answers
    fills them all, so the first selected resource yields the rows of every table, each marked with
    its table's name, and the other nothing. No transformers, whose limits dlt does not tell of
    (api-notes: dlt-limit).

    Called where a dlt source is made, whose name the resources keep to.
    """
    name = dlt.current.source_schema().name
    return [_resource(kind.name, name, read, lacking) for kind in ENRICHED]


def _resource(kind: str, source_name: str, read: ReadTables, lacking: Lacking) -> DltResource:
    def rows() -> Iterator[Any]:
        refuse_outside_a_load(kind)
        refuse_settings(dlt.current.pipeline())
        source, schema = dlt.current.source(), dlt.current.source_schema()
        selected = selected_kinds(source)
        if selected and kind != selected[0]:
            return
        refuse_overrides(source, schema, source_name, lambda kind: _made(kind, rows))
        registry = ColumnRegistry.of(schema, SchemaContract.taken_from(source))
        yield from marked_rows(kind, schema, registry, _LOADED.values(), lacking, read)

    return _made(kind, rows)


def marked_rows(
    own: str,
    schema: dlt.Schema,
    registry: ColumnRegistry,
    tables: Iterable[Table],
    lacking: Lacking,
    read: ReadTables,
) -> Iterator[Any]:
    """What a resource yields that fills several tables: rows, marked with the name of their table.

    The first load makes every table, also those that stay empty; later ones spare dlt a file, and
    the destination several statements, for each table without a row.

    Args:
        own: the table of the resource itself, whose rows need no mark.
        tables: those that are there after the load.
    """
    loaded = tuple(tables)
    known, absent = _columns(schema), set(lacking(loaded))
    empty = {
        table.name: table.arrow_schema.empty_table()
        for table in loaded
        if table in absent
        or not known.get(table.name, set()).issuperset(column.name for column in table.columns)
    }
    yield from _marked(empty, own)
    for batch in read(registry, dlt.current.load_package_state()["load_id"]):
        annotate_new(schema, registry)
        yield from _marked({name: rows for name, rows in batch.items() if rows.num_rows}, own)


def _columns(schema: dlt.Schema) -> dict[str, set[str]]:
    return {name: set(table["columns"]) for name, table in schema.tables.items()}


def _made(kind: str, rows: Callable[[], Iterator[Any]]) -> DltResource:
    return resource_for(TABLES[kind], rows, also=_LOADED.values())


def _marked(batch: TableBatch, own: str) -> Iterator[Any]:
    for name, rows in batch.items():
        yield rows if name == own else dlt.mark.with_table_name(rows, name)


def read_requests(
    session: Session,
    requests: Iterable[CompletedRequest],
    registry: ColumnRegistry,
    load_id: str,
) -> Iterator[TableBatch]:
    """The table batches of one load.

    All requests are waited for before the first row: the newest has to come first.

    Args:
        registry: the columns of the destination; grows with what arrives.
        load_id: the dlt load that takes the rows.
    """
    registry.limits = limits_of(session.pipeline)
    if session.settings.schema_contract is not None:
        registry.contract = SchemaContract.of(session.settings.schema_contract)
    builder = TableBuilder(registry, load_id, session.workbench, session.clock.now)
    completed = list(requests)
    with session.memory.stage("transform"):
        erase_the_removed(session, completed)
        batches = builder.batches(completed)
        batches = _erasing_the_removed(session, batches)
        batches = _keeping_answers(session, batches)
        batches = _keeping_first_times(session.ledger, batches)
        batches = priced(session.ledger, session.workbench, load_id, gathered(batches))
        batches = _counted(session.report, batches)
        yield from keeping_emails(session.warehouse, completed, batches)
    _tell_of_new_fields(session.report, registry)
    session.report.loaded(len(completed), registry.new_fields)


def _erasing_the_removed(session: Session, batches: Iterable[TableBatch]) -> Iterator[TableBatch]:
    """Erase those of whom only their match says whom the API has removed; the rows stay."""
    for batch in batches:
        results = batch.get(ENRICHMENT_RESULTS.name)
        if results is not None:
            is_removed = pc.and_(
                pc.equal(results.column("status"), "gdpr_removed"),
                pc.is_in(results.column("kind"), value_set=_KINDS_OF_PEOPLE),
            )
            keys = set(results.filter(is_removed).column("lead_key").to_pylist())
            if keys - session.suppressions.keys:
                session.suppressions.add(
                    erase(session.warehouse, lead_keys=keys, person_ids=[], at=session.clock.now())
                )
        yield batch


def _keeping_answers(session: Session, batches: Iterable[TableBatch]) -> Iterator[TableBatch]:
    """The batches without results that would replace an answer by nothing.

    Their leads count as unanswered all the same, and a lead that was asked for in vain is not asked
    for again at once.
    """
    for batch in batches:
        results = batch.get(ENRICHMENT_RESULTS.name)
        if results is None:
            yield batch
            continue
        never_asked = results.filter(pc.is_null(results.column("enriched_at"))).num_rows
        session.report.answered(_values(results.column("status")), never_asked)
        kept, in_vain = without_lost_answers(results, session.workbench)
        for kind in KINDS:
            asked = in_vain.filter(pc.equal(in_vain.column("kind"), kind.name))
            if asked.num_rows:
                at = asked.column("enriched_at")[0].as_py()
                session.ledger.asked_in_vain(kind, asked.column("lead_key").to_pylist(), at)
        yield {**batch, ENRICHMENT_RESULTS.name: kept}


def _keeping_first_times(ledger: Ledger, batches: Iterable[TableBatch]) -> Iterator[TableBatch]:
    """The batches, in which a reject that was met before keeps the time when it was met first."""
    for batch in batches:
        rejects = batch.get(REJECTS.name)
        if rejects is not None and rejects.num_rows:
            batch = {**batch, REJECTS.name: ledger.with_first_times(rejects)}
        yield batch


def _counted(report: RunReport, batches: Iterable[TableBatch]) -> Iterator[TableBatch]:
    """The same batches; the report learns what is in them."""
    for batch in batches:
        requests, rejects = batch.get(ENRICHMENT_REQUESTS.name), batch.get(REJECTS.name)
        report.loading(
            {table: _row_count(rows) for table, rows in batch.items() if table in TABLES},
            cost={} if requests is None else _credits(requests),
            rejects={} if rejects is None else _values(rejects.column("reason")),
        )
        yield batch


def _row_count(rows: pa.Table) -> int:
    count: int = rows.num_rows
    if "_dlt_list_idx" in rows.column_names:
        # Rows that stand for "this parent has none" are not loaded.
        count -= pc.sum(pc.less(rows.column("_dlt_list_idx"), 0)).as_py() or 0
    return count


def _credits(requests: pa.Table) -> dict[str, float]:
    names = ("email_credits_estimated", "phone_credits_estimated")
    return {name: pc.sum(requests.column(name)).as_py() for name in names}


def _values(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value is there."""
    return {value["values"].as_py(): value["counts"].as_py() for value in column.value_counts()}


def _tell_of_new_fields(report: RunReport, registry: ColumnRegistry) -> None:
    refused = [name for name in registry.refused if name not in report.new_fields]
    if refused and registry.contract.is_frozen:
        frozen = SchemaFrozen(refused)
        report.failed(frozen)
        logger.error("%s", frozen)  # all that a plain pipeline.run shows of it
