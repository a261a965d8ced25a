"""Datasets that an earlier version made: what their tables lack, made once and filled once.

Columns and tables are made by whoever opens the ledger. They are filled by the next who holds the
lease, in statements that can be repeated: `_LAST` is made when all of them are through, so a
process that dies on the way is followed by one that begins anew. Nothing is bought, and nothing
removed.
"""

from __future__ import annotations

from dataclasses import replace

from amplemarket_source.schema.bookkeeping import (
    BOOKKEEPING,
    CHARGES,
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ERASURES,
    LEADS,
    REJECTS,
    REQUEST_LEADS,
)
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import (
    COMPANIES,
    COMPANIES_HISTORY,
    EMAIL_VALIDATIONS,
    HISTORIES,
    PEOPLE,
    PEOPLE_HISTORY,
    PHONE_NUMBERS,
)
from amplemarket_source.warehouse.client import Warehouse

__all__ = ["complete_earlier", "make_ledger"]

# With the verdicts, which no load of an earlier version has made.
_LEDGER = (*BOOKKEEPING, *HISTORIES, EMAIL_VALIDATIONS, REQUEST_LEADS, CHARGES)

_LAST = "request_key"
"""The column of ``rejects`` whose making ends an upgrade: of what is there it says nothing."""

_NOT_KNOWN = "-"
"""The request of an answer that came before requests had keys in all tables."""


def make_ledger(warehouse: Warehouse) -> None:
    """Make what the ledger lacks; of an earlier version's all but what says that it is complete.

    Raises:
        DestinationError: the destination refused.
    """
    lacking = warehouse.lacking(_LEDGER)
    if REQUEST_LEADS not in lacking:
        lacking = [_before_the_end(table) for table in lacking]
    if lacking:
        warehouse.make(lacking)


def complete_earlier(warehouse: Warehouse) -> None:
    """Fill what an earlier version did not record, as far as it can still be told.

    Called by whoever has the destination to itself, after `make_ledger`. Costs nothing where there
    is nothing to do.

    Raises:
        DestinationError: the destination refused; the next session does it.
    """
    if REJECTS not in warehouse.lacking([REJECTS]):
        return
    there = [table for table in (PEOPLE, COMPANIES) if warehouse.has_table(table.name)]
    if lacking := warehouse.lacking(there):
        warehouse.make(lacking)
    _fill_input_kind(warehouse)
    _fill_erased_at(warehouse)
    for table in there:
        _fill_request_key(warehouse, table)
        _fill_history(warehouse, table)
    rejects = warehouse.name(REJECTS.name)
    warehouse.rows(
        f"UPDATE {rejects} SET first_rejected_at = rejected_at WHERE first_rejected_at IS NULL"
    )
    warehouse.make([REJECTS])


def _before_the_end(table: Table) -> Table:
    if table is not REJECTS:
        return table
    return replace(table, columns=tuple(c for c in table.columns if c.name != _LAST))


def _fill_input_kind(warehouse: Warehouse) -> None:
    leads, results = (warehouse.name(table.name) for table in (LEADS, ENRICHMENT_RESULTS))
    warehouse.rows(
        f"UPDATE {leads} SET input_kind = CASE "
        "WHEN kind = 'companies' AND domain IS NOT NULL THEN 'domain' "
        "WHEN kind = 'people' AND email IS NOT NULL THEN 'email' "
        "WHEN linkedin_url IS NOT NULL THEN 'linkedin_url' "
        "WHEN name IS NOT NULL OR title IS NOT NULL THEN 'name' END "
        "WHERE input_kind IS NULL"
    )
    warehouse.rows(
        f"UPDATE {results} SET input_kind = (SELECT max(l.input_kind) FROM {leads} l "
        f"WHERE l.kind = {results}.kind AND l.lead_key = {results}.lead_key) "
        "WHERE input_kind IS NULL"
    )


def _fill_erased_at(warehouse: Warehouse) -> None:
    """From the record of erasures; a result that it does not tell of has the time of its own."""
    results, leads, erasures = (
        warehouse.name(table.name) for table in (ENRICHMENT_RESULTS, LEADS, ERASURES)
    )
    for table in (results, leads):
        warehouse.rows(
            f"UPDATE {table} SET erased_at = (SELECT max(e.erased_at) FROM {erasures} e "
            f"WHERE e.erasure_key = {table}.lead_key) WHERE kind = 'people' AND erased_at IS NULL"
        )
    warehouse.rows(
        f"UPDATE {results} SET erased_at = enriched_at "
        "WHERE status = 'gdpr_removed' AND erased_at IS NULL"
    )


def _fill_request_key(warehouse: Warehouse, table: Table) -> None:
    """By the outcome of the same moment, else by the API's id, which requests may share."""
    name, results, requests = (
        warehouse.name(one.name) for one in (table, ENRICHMENT_RESULTS, ENRICHMENT_REQUESTS)
    )
    warehouse.rows(
        f"UPDATE {name} SET request_key = coalesce("
        f"(SELECT max(r.request_key) FROM {results} r "
        f"WHERE r.enriched_at = {name}.enriched_at "
        f"AND r.request_id = {name}.enrichment_request_id), "
        f"(SELECT max(q.request_key) FROM {requests} q "
        f"WHERE q.request_id = {name}.enrichment_request_id)) WHERE request_key IS NULL"
    )


def _fill_history(warehouse: Warehouse, table: Table) -> None:
    """The answers that are there now: what came before them nobody has kept."""
    history = PEOPLE_HISTORY if table is PEOPLE else COMPANIES_HISTORY
    name, key = warehouse.name(history.name), history.key[0]
    request_key = f"coalesce(e.request_key, '{_NOT_KNOWN}')"
    values = {column.name: f"e.{column.name}" for column in history.columns}
    values |= {
        key: "e.id",
        "request_key": request_key,
        "_dlt_load_id": f"'{_NOT_KNOWN}'",
        "_dlt_id": f"concat(e.id, ':', {request_key})",
    }
    joins = f"LEFT JOIN {name} h ON h.{key} = e.id"
    if table is PEOPLE:
        phones = warehouse.name(PHONE_NUMBERS.name)
        joins += f" LEFT JOIN (SELECT DISTINCT person_id FROM {phones}) n ON n.person_id = e.id"
        values |= {"has_email": "e.email IS NOT NULL", "has_phone": "n.person_id IS NOT NULL"}
    warehouse.rows(
        f"INSERT INTO {name} ({', '.join(values)}) SELECT {', '.join(values.values())} "
        f"FROM {warehouse.name(table.name)} e {joins} WHERE h.{key} IS NULL"
    )
