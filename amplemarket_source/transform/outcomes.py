"""The rows of a request beside their entities: which lead each answers, and how it ended.

A field of a row that is not documented (``{"id": 1, "status": "enriched", "confidence": 0.9,
"result": {...}}``) becomes a column of ``enrichment_results``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.kinds import Kind
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.schema.bookkeeping import ENRICHMENT_REQUESTS, ENRICHMENT_RESULTS
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.transform.flatten import constant, field_of, has_items, indices
from amplemarket_source.transform.match import OWN_FIELDS, Matched, echo_schema
from amplemarket_source.workbench import Workbench

__all__ = ["echoes", "extras_by_row", "request_table", "result_table", "without_lost_answers"]


def echoes(kind: Kind, rows: pa.StructArray, position: int) -> pa.Table:
    """What `match` needs of the rows; light, kept until the request is complete."""
    count = len(rows)

    def text(name: str) -> pa.Array:
        values = field_of(rows, name)
        return pa.nulls(count, pa.string()) if values is None else pc.cast(values, pa.string())

    columns: dict[str, pa.Array] = {
        "position": pc.add(indices(count), position),
        "result_id": text("id"),
        "status": text("status"),
        "entity_id": pa.nulls(count, pa.string()),
        **{name: pa.nulls(count, pa.string()) for name in OWN_FIELDS},
        "has_email": constant(False, count, pa.bool_()),
        "has_phone": constant(False, count, pa.bool_()),
    }
    columns |= {name: text(name) for name in kind.identifying}
    if "linkedin_url" in columns:
        # The guide's key and the newer one are one field (api-notes: linkedin-key).
        columns["linkedin_url"] = pc.coalesce(columns["linkedin_url"], text("linkedin_id"))
    entities = field_of(rows, "result")
    if entities is not None and pa.types.is_struct(entities.type):
        columns["entity_id"] = pc.cast(pc.struct_field(entities, "id"), pa.string())
        for own, name in zip(OWN_FIELDS, ("email", "linkedin_url", "website"), strict=True):
            values = field_of(entities, name)
            if values is not None and pa.types.is_string(values.type):
                columns[own] = values
        email = field_of(entities, "email")
        if email is not None:
            columns["has_email"] = pc.is_valid(email)
        columns["has_phone"] = has_items(entities, "phone_numbers")
    schema = echo_schema(kind)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def extras_by_row(rows: pa.StructArray, columns: dict[str, pa.Array], position: int) -> pa.Table:
    """``columns`` with the position of the row they come from; of rows that have such fields.

    What comes with the row of a removed person is left out.
    """
    table = pa.table({"position": pc.add(indices(len(rows)), position), **columns})
    is_removed = pc.fill_null(pc.equal(field_of(rows, "status"), "gdpr_removed"), False)
    says_something = constant(False, len(rows), pa.bool_())
    for values in columns.values():
        says_something = pc.or_(says_something, pc.is_valid(values))
    return table.filter(pc.and_(says_something, pc.invert(is_removed)))


def result_table(
    answer: CompletedRequest,
    matched: Matched,
    extras: Iterable[pa.Table],
    registry: ColumnRegistry,
    load_id: str,
) -> pa.Table:
    """Rows of ``enrichment_results``.

    Args:
        extras: from `extras_by_row`; those of rows that answer no lead are left out.
    """
    record, results = answer.record, matched.results
    # A lead without an answer was asked in vain where the request was completed. Where it ended
    # early, it has not been asked: no time.
    was_asked = pc.or_(
        pc.not_equal(results.column("status"), "unanswered"),
        pa.scalar(answer.summary.status == "completed"),
    )
    fetched_at = pa.scalar(answer.summary.fetched_at, pa.timestamp("us", tz="UTC"))
    entity = results.column("entity_id")
    nothing = pa.nulls(len(results), pa.string())
    result_id = results.column("result_id")
    never = pa.scalar(None, fetched_at.type)
    erased_at: object = None
    if record.kind.about_people:
        # As an erasure leaves it: nothing that leads back to the person.
        is_removed = pc.equal(results.column("status"), "gdpr_removed")
        result_id = pc.if_else(is_removed, nothing, result_id)
        erased_at = pc.if_else(is_removed, fetched_at, never)
    columns: dict[str, object] = {
        "kind": record.kind.name,
        "lead_key": results.column("lead_key"),
        "status": results.column("status"),
        "person_id": nothing,
        "company_id": nothing,
        "request_key": record.request_key,
        "request_id": record.request_id,
        "result_id": result_id,
        "input_kind": results.column("input_kind"),
        "enriched_at": pc.if_else(was_asked, fetched_at, never),
        "erased_at": erased_at,
        "reveal_email": record.reveal_email,
        "reveal_phone_numbers": record.reveal_phone_numbers,
        "_dlt_load_id": load_id,
        "_dlt_id": pc.binary_join_element_wise(
            pa.scalar(record.kind.name), results.column("lead_key"), ":"
        ),
    }
    if record.kind.result_column is not None:
        columns[record.kind.result_column] = entity
    tables = [table for table in extras if len(table)]
    if tables:
        given = pa.concat_tables(tables, promote_options="default").combine_chunks()
        positions = given.column("position").combine_chunks()
        rows = pc.index_in(results.column("position"), value_set=positions, skip_nulls=True)
        columns |= {name: given.column(name).take(rows) for name in given.column_names[1:]}
    return _table(registry.schema(ENRICHMENT_RESULTS), columns, len(results))


def request_table(
    answer: CompletedRequest, matched: Matched, load_id: str, loaded_at: object
) -> pa.Table:
    """The row of ``enrichment_requests``: what the request came to, but for its price."""
    record, summary = answer.record, answer.summary
    columns: dict[str, object] = {
        "request_key": record.request_key,
        "kind": record.kind.name,
        "request_id": record.request_id,
        "status": summary.status,
        "lead_count": record.lead_count,
        "enriched_count": matched.counts["enriched"],
        "not_found_count": matched.counts["not_found"],
        "gdpr_removed_count": matched.counts["gdpr_removed"],
        "unanswered_count": matched.counts["unanswered"],
        "email_credits_max": record.email_credits,
        "phone_credits_max": record.phone_credits,
        "submitted_at": record.submitted_at,
        "completed_at": summary.fetched_at,
        "loaded_at": loaded_at,
        "account_id": record.buyer.account_id,
        "origin": record.buyer.origin,
        "reveal_email": record.reveal_email,
        "reveal_phone_numbers": record.reveal_phone_numbers,
        "label": record.run.label if record.run else None,
        "run_key": record.run.run_key if record.run else None,
        "error_code": summary.error_code,
        "error_detail": summary.error_detail,
        "_dlt_load_id": load_id,
        "_dlt_id": record.request_key,
    }
    return _table(ENRICHMENT_REQUESTS.arrow_schema, columns, 1)


def without_lost_answers(results: pa.Table, workbench: Workbench) -> tuple[pa.Table, pa.Table]:
    """Rows for ``enrichment_results``, apart from those that would replace an answer by nothing.

    A lead that was enriched, was bought again and got no answer keeps the person it had; one that
    was erased stays erased. What was unanswered all the same counts in ``enrichment_requests``.

    Args:
        results: rows of ``enrichment_results``.
        workbench: with ``known``.

    Returns:
        The rows to load, and ``kind, lead_key, enriched_at`` of enriched leads that a completed
        request was asked for in vain.
    """
    columns = ["kind", "lead_key", "enriched_at"]
    if not pc.any(pc.equal(results.column("status"), "unanswered")).as_py():
        return results, results.select(columns).slice(0, 0)
    with workbench.view("new_results", results):
        known = "FROM known k WHERE k.kind = n.kind AND k.lead_key = n.lead_key AND k.status IN"
        kept = workbench.table(
            "SELECT n.* FROM new_results n WHERE n.status <> 'unanswered' "
            f"OR NOT EXISTS (SELECT 1 {known} ('enriched', 'gdpr_removed'))"
        )
        in_vain = workbench.table(
            f"SELECT {', '.join(columns)} FROM new_results n WHERE n.status = 'unanswered' "
            f"AND n.enriched_at IS NOT NULL AND EXISTS (SELECT 1 {known} ('enriched'))"
        )
    return kept.cast(results.schema), in_vain


def _table(schema: pa.Schema, columns: dict[str, object], rows: int) -> pa.Table:
    """A table of arrays and of values that every row shares; null where there is neither."""
    arrays = [
        value
        if isinstance(value := columns.get(field.name), (pa.Array, pa.ChunkedArray))
        else constant(value, rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
