"""The ledger of purchases, in the destination itself.

``enrichment_requests`` is both what analysts see and what the next run, on this disk or an empty
one, goes on from. What a process that dies leaves behind, and why no lead is lost or bought twice:

======================================  ===================================================
it dies after                           the next run finds, and does
======================================  ===================================================
the plan was recorded                   leads of a request without a row: free, planned anew
``intended`` in the journal             the same
the row ``intended`` here               journal ``intended``: never sent, free. Without the journal
                                        (another machine): held, because nobody can know
``posting`` in the journal              held: it may have been sent
the API took it                         held, too: the one instant that nothing of ours can prove
``accepted`` in the journal             the id: it goes into the row, the request is collected.
                                        Without the journal: held
the id in the row                       collected, from any machine
pages on disk, not all                  read again: GETs are free
pages on disk, all                      loaded from there, without a call
dlt extracted, normalised, half loaded  the pending package is loaded first; or, on another machine,
                                        the pages are read again. Each table merges by its keys, so
                                        the second load is the same as one
the load was done                       settled; pages that are left are removed
======================================  ===================================================

A request is settled by the load that holds its rows: the row with ``loaded_at`` travels in the same
dlt package as the people, and counts only once dlt has written that package's id to ``_dlt_loads``,
which is the last thing a load does (api-notes: dlt-loads). A load that lost a table on the way is
taken back (api-notes: dlt-lost-table). dlt's own state would not do: it is lost
with an extract that fails (api-notes: dlt-state).

Rows go through dlt's SQL client: one statement each, a millisecond on DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from amplemarket_source.errors import ExitCode
from amplemarket_source.kinds import LEAD_FIELDS, PEOPLE, Kind, kind_named
from amplemarket_source.model import Batch, Buyer, RequestRecord, RunMark
from amplemarket_source.schema.bookkeeping import (
    CHARGES,
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RESULTS,
    ENRICHMENT_RUNS,
    ERASURES,
    LEADS,
    REJECTS,
    REQUEST_LEADS,
)
from amplemarket_source.schema.rejects import with_first_times
from amplemarket_source.schema.table import Table
from amplemarket_source.upgrade import make_ledger
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import CheckLease
from amplemarket_source.workbench import Keys

__all__ = ["Ledger"]

_KEYS_AT_ONCE = 500  # in one statement; warehouses limit its length
_FEW_KEYS = 20_000
"""So many leads are looked for at once, without asking first how much is known."""


class Ledger:
    """Reads and writes the record of purchases; safe to use from several threads.

    Args:
        warehouse: open; a ledger that is not there yet is made in it.

    Every method, and making one, may raise `DestinationError`.

    Example::

        with Warehouse(pipeline) as warehouse:
            for record in Ledger(warehouse).open_requests():
                print(record.request_key, record.status)
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        make_ledger(warehouse)

    def load(self, tables: Mapping[Table, Sequence[pa.Table]]) -> None:
        """Load rows of bookkeeping tables, merged by their keys."""
        self.warehouse.load(tables)

    def open_requests(self) -> list[RequestRecord]:
        """Every request whose answers are not known to be loaded, held ones included."""
        requests, loads = (
            self.warehouse.name(ENRICHMENT_REQUESTS.name),
            self.warehouse.name("_dlt_loads"),
        )
        rows = self.warehouse.rows(
            "SELECT request_key, kind, status, request_id, lead_count, email_credits_max, "
            "phone_credits_max, submitted_at, reveal_email, reveal_phone_numbers, account_id, "
            f"origin, run_key, label FROM {requests} WHERE status <> 'dropped' AND NOT "
            f"(loaded_at IS NOT NULL AND _dlt_load_id IN "
            f"(SELECT load_id FROM {loads} WHERE status = 0)) ORDER BY request_key"
        )
        return [_record(row) for row in rows]

    def spending(self) -> list[tuple[str, str | None, int, int, float, float]]:
        """``status, label, requests, leads, email credits, phone credits`` of all requests.

        The credits are estimates.
        """
        rows = self.warehouse.rows(
            "SELECT status, label, count(*), sum(lead_count), sum(email_credits_estimated), "
            "sum(phone_credits_estimated) "
            f"FROM {self.warehouse.name(ENRICHMENT_REQUESTS.name)} "
            "GROUP BY status, label ORDER BY status, label"
        )
        return [
            (row[0], row[1], row[2], int(row[3] or 0), float(row[4] or 0), float(row[5] or 0))
            for row in rows
        ]

    def leads_not_bought(self) -> int:
        """Leads that the last run planned and did not buy: it was stopped before their POST."""
        requests = self.warehouse.name(ENRICHMENT_REQUESTS.name)
        rows = self.warehouse.rows(
            f"SELECT count(*) FROM {self.warehouse.name(REQUEST_LEADS.name)} "
            f"WHERE request_key NOT IN (SELECT request_key FROM {requests} "
            # What a person gave up, and what is planned anew, is not left over.
            "WHERE status <> 'dropped' OR error_code IN ('released', 'resubmitted'))"
        )
        return int(rows[0][0])

    def committed_since(self, at: datetime) -> float:
        """Credits of the requests since then: settled ones at their estimate, others at most."""
        estimated, most = (
            f"coalesce(email_credits_{which}, 0) + coalesce(phone_credits_{which}, 0)"
            for which in ("estimated", "max")
        )
        ((found,),) = self.warehouse.rows(
            f"SELECT sum(CASE WHEN loaded_at IS NOT NULL THEN {estimated} ELSE {most} END) "
            f"FROM {self.warehouse.name(ENRICHMENT_REQUESTS.name)} WHERE status <> 'dropped' "
            # One without a time is about to be sent, or nobody knows whether it was.
            "AND (coalesce(submitted_at, completed_at) IS NULL "
            "OR coalesce(submitted_at, completed_at) >= %s)",
            at,
        )
        return float(found or 0)

    def leads_given(self, kind: Kind, request_key: str) -> list[dict[str, Any]]:
        """The leads that a request asks for, as an input has them, to be bought again.

        Of someone erased since then nothing is left to ask with, so their leads are left out.
        """
        names = ("external_id", *LEAD_FIELDS)
        rows = self.warehouse.rows(
            f"SELECT {', '.join(names)} FROM {self.warehouse.name(LEADS.name)} WHERE lead_key IN "
            f"(SELECT lead_key FROM {self.warehouse.name(REQUEST_LEADS.name)} "
            "WHERE request_key = %s)",
            request_key,
        )
        leads = [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in rows
        ]
        return [lead for lead in leads if any(name in lead for name in kind.identifying)]

    def intend(self, batch: Batch, buyer: Buyer, run: RunMark, check_lease: CheckLease) -> None:
        """Record the intent to buy, and ask for the lease; returns once the destination has it.

        Raises:
            Busy: another machine runs by now.
        """
        intent = self.warehouse.insertion(
            ENRICHMENT_REQUESTS,
            {
                "request_key": batch.request_key,
                "kind": batch.kind.name,
                "status": "intended",
                "lead_count": batch.lead_count,
                "email_credits_max": batch.email_credits,
                "phone_credits_max": batch.phone_credits,
                "account_id": buyer.account_id,
                "origin": buyer.origin,
                "reveal_email": batch.reveal_email,
                "reveal_phone_numbers": batch.reveal_phone_numbers,
                "label": run.label,
                "run_key": run.run_key,
                "_dlt_id": batch.request_key,
            },
        )
        check_lease(intent)

    def begin_run(self, run: RunMark, command: str, at: datetime) -> None:
        """Record that a run has started, with the next statement, and that others are over.

        One whose end nobody recorded has died: whoever records has the destination to itself.
        """
        self.warehouse.soon(
            f"UPDATE {self.warehouse.name(ENRICHMENT_RUNS.name)} "
            "SET finished_at = %s, exit_code = %s WHERE finished_at IS NULL",
            at,
            int(ExitCode.UNEXPECTED),
        )
        sql, values = self.warehouse.insertion(
            ENRICHMENT_RUNS,
            {
                "run_key": run.run_key,
                "command": command,
                "label": run.label,
                "started_at": at,
                "version": version("dlt-source-amplemarket"),
                "_dlt_id": run.run_key,
            },
        )
        self.warehouse.soon(sql, *values)

    def end_run(self, run: RunMark, figures: Mapping[str, float], at: datetime) -> None:
        """Record how a run has ended, with the next statement or when the warehouse is closed.

        Args:
            figures: columns of ``enrichment_runs``, such as ``exit_code``.
        """
        given = {**figures, "finished_at": at}
        self.warehouse.soon(
            f"UPDATE {self.warehouse.name(ENRICHMENT_RUNS.name)} "
            f"SET {', '.join(f'{name} = %s' for name in given)} WHERE run_key = %s",
            *given.values(),
            run.run_key,
        )

    def accepted(self, request_key: str, request_id: str, at: datetime) -> None:
        """Record the API's id."""
        self.update(request_key, status="submitted", request_id=request_id, submitted_at=at)

    def update(self, request_key: str, **columns: Any) -> None:
        """Set columns of one request; None leaves a column as it is."""
        given = {name: value for name, value in columns.items() if value is not None}
        setting = ", ".join(f"{name} = %s" for name in given)
        self.warehouse.rows(
            f"UPDATE {self.warehouse.name(ENRICHMENT_REQUESTS.name)} SET {setting} "
            "WHERE request_key = %s",
            *given.values(),
            request_key,
        )

    def asked_in_vain(self, kind: Kind, lead_keys: Sequence[str], at: datetime) -> None:
        """Date the outcome of enriched leads anew that a completed request has no row for.

        They keep their person, and are asked again once the outcome is old enough again.
        """
        table = self.warehouse.name(ENRICHMENT_RESULTS.name)
        for start in range(0, len(lead_keys), _KEYS_AT_ONCE):
            some = lead_keys[start : start + _KEYS_AT_ONCE]
            self.warehouse.rows(
                f"UPDATE {table} SET enriched_at = %s WHERE kind = %s AND status = 'enriched' "
                f"AND lead_key IN ({_marks(some)})",
                at,
                kind.name,
                *some,
            )

    def unsettle(self, load_id: str) -> None:
        """A load that ended without all of its tables settles nothing."""
        self.warehouse.rows(
            f"UPDATE {self.warehouse.name(ENRICHMENT_REQUESTS.name)} SET loaded_at = NULL "
            "WHERE _dlt_load_id = %s",
            load_id,
        )

    def leave_out(self, batch: Batch, lead_keys: Sequence[str]) -> None:
        """Take leads out of a request that was not sent; ``batch`` is what is left of it."""
        table = self.warehouse.name(REQUEST_LEADS.name)
        self._portioned(f"DELETE FROM {table}", batch, lead_keys)
        self.update(
            batch.request_key,
            lead_count=batch.lead_count,
            email_credits_max=batch.email_credits,
            phone_credits_max=batch.phone_credits,
        )

    def put_off(self, batch: Batch, lead_keys: Sequence[str]) -> None:
        """Leave leads of a request that was not sent to a later run (`leads_not_bought`)."""
        table = self.warehouse.name(REQUEST_LEADS.name)
        later = f"{batch.request_key}-later"
        self._portioned(f"UPDATE {table} SET request_key = '{later}'", batch, lead_keys)

    def _portioned(self, statement: str, batch: Batch, lead_keys: Sequence[str]) -> None:
        for start in range(0, len(lead_keys), _KEYS_AT_ONCE):
            some = lead_keys[start : start + _KEYS_AT_ONCE]
            self.warehouse.rows(
                f"{statement} WHERE request_key = %s AND lead_key IN ({_marks(some)})",
                batch.request_key,
                *some,
            )

    def known_outcomes(self, kind: Kind, lead_keys: Keys) -> Iterator[pa.Table]:
        """Of those of the leads that have an outcome, of everyone erased, and perhaps of others:
        ``lead_key, status, enriched_at, reveal_email, reveal_phone_numbers, person_id``.
        """
        yield from self._about(
            kind,
            ENRICHMENT_RESULTS,
            "lead_key, status, enriched_at, reveal_email, reveal_phone_numbers, person_id",
            lead_keys,
            "status = 'gdpr_removed'" if kind is PEOPLE else None,
        )

    def found_of_asked(self, kind: Kind) -> tuple[int, int]:
        """How many leads were found, and how many were found or not."""
        ((found, asked),) = self.warehouse.rows(
            "SELECT sum(CASE WHEN status = 'enriched' THEN 1 ELSE 0 END), count(*) "
            f"FROM {self.warehouse.name(ENRICHMENT_RESULTS.name)} "
            "WHERE kind = %s AND status IN ('enriched', 'not_found')",
            kind.name,
        )
        return int(found or 0), int(asked)

    def outcome(self, kind: Kind, lead_key: str) -> tuple[str, str | None, datetime | None] | None:
        """``status, entity id, enriched_at`` of a lead; None where it was never answered."""
        column = kind.result_column
        rows = self.warehouse.rows(
            f"SELECT status, {column}, enriched_at FROM "
            f"{self.warehouse.name(ENRICHMENT_RESULTS.name)} WHERE kind = %s AND lead_key = %s",
            kind.name,
            lead_key,
        )
        return rows[0] if rows else None

    def known_lead_ids(self, kind: Kind, lead_ids: Keys) -> Iterator[pa.Table]:
        """``lead_id`` of those of the input rows that are recorded, and perhaps of others."""
        yield from self._about(kind, LEADS, "lead_id", lead_ids)

    def untold_lead_ids(self, lead_ids: Keys) -> Iterator[pa.Table]:
        """``lead_id`` of those of some recorded rows that are erased for their age."""
        erasures = self.warehouse.name(ERASURES.name)
        # A column that no merge compares, and as a rule nobody is erased for their age.
        if lead_ids.count and self.warehouse.rows(
            f"SELECT 1 FROM {erasures} WHERE reason = %s LIMIT 1", "retention"
        ):
            leads = self.warehouse.name(LEADS.name)
            sql = (
                f"SELECT lead_id FROM {leads} WHERE erased_at IS NOT NULL AND lead_id IN ({{keys}})"
            )
            yield from self.warehouse.read_for(sql, lead_ids.read())

    def rejected_before(self, reject_ids: Keys) -> Iterator[pa.Table]:
        """``reject_id, first_rejected_at`` of those of the rejects that are recorded, and perhaps
        of others."""
        yield from self._about(None, REJECTS, "reject_id, first_rejected_at", reject_ids)

    def with_first_times(self, rejects: pa.Table) -> pa.Table:
        """Rows of ``rejects``; one that was met before has the time when it was met first."""
        keys = rejects.column("reject_id")
        return with_first_times(rejects, self.rejected_before(Keys(len(keys), lambda: keys)))

    def _about(
        self, kind: Kind | None, table: Table, columns: str, keys: Keys, also: str | None = None
    ) -> Iterator[pa.Table]:
        """Columns of a table's rows, the key first, that are about ``keys``.

        The keys are sent unless there are fewer rows: so no more moves than the list has rows,
        whatever is known.

        Args:
            kind: the rows' kind; None for all.
            also: a condition of further rows.
        """
        key = columns.partition(",")[0]
        of_kind = "1 = 1" if kind is None else f"kind = '{kind.name}'"
        of_kind = f"FROM {self.warehouse.name(table.name)} WHERE {of_kind}"
        if keys.count > _FEW_KEYS:
            ((count,),) = self.warehouse.rows(f"SELECT count(*) {of_kind}")
            if count <= keys.count:
                yield from self.warehouse.read(f"SELECT {columns} {of_kind}") if count else ()
                return
        if keys.count:
            yield from self.warehouse.read_for(
                f"SELECT {columns} {of_kind} AND ({key} IN ({{keys}}){{also}})",
                keys.read(),
                f" OR {also}" if also else "",
            )
        elif also:
            yield from self.warehouse.read(f"SELECT {columns} {of_kind} AND {also}")

    def request_leads(self, request_keys: Sequence[str]) -> Iterator[pa.Table]:
        """``request_key, lead_key`` of some requests."""
        if request_keys:
            yield from self.warehouse.read_for(
                f"SELECT request_key, lead_key FROM {self.warehouse.name(REQUEST_LEADS.name)} "
                "WHERE request_key IN ({keys})",
                pa.chunked_array([request_keys]),
            )

    def lead_fields(self, request_keys: list[str]) -> Iterator[pa.Table]:
        """The fields as given of the leads that the requests ask for."""
        if not request_keys:
            return
        yield from self.warehouse.read(
            f"SELECT lead_key, input_kind, {', '.join(LEAD_FIELDS)} "
            f"FROM {self.warehouse.name(LEADS.name)} WHERE lead_key IN "
            f"(SELECT lead_key FROM {self.warehouse.name(REQUEST_LEADS.name)} "
            f"WHERE request_key IN ({_marks(request_keys)}))",
            *request_keys,
        )

    def charges(self, charge_keys: pa.ChunkedArray) -> Iterator[pa.Table]:
        """``charge_key, reason, request_key, charged_at`` of what was charged before."""
        yield from self.warehouse.read_for(
            "SELECT charge_key, reason, request_key, charged_at "
            f"FROM {self.warehouse.name(CHARGES.name)} WHERE charge_key IN ({{keys}})",
            charge_keys,
        )

    def has_charges(self) -> bool:
        """Whether anything was ever charged."""
        table = self.warehouse.name(CHARGES.name)
        return bool(self.warehouse.rows(f"SELECT 1 FROM {table} LIMIT 1"))

    def forget_settled(self, open_keys: set[str]) -> None:
        """Remove the membership of every request that is not open, with the next statement."""
        table = self.warehouse.name(REQUEST_LEADS.name)
        keep = f"request_key NOT IN ({_marks(sorted(open_keys))})" if open_keys else "1 = 1"
        self.warehouse.soon(f"DELETE FROM {table} WHERE {keep}", *sorted(open_keys))


def _record(row: tuple[Any, ...]) -> RequestRecord:
    key, kind_name, status, request_id, leads, email, phone, submitted_at, *rest = row
    reveal_email, reveal_phone_numbers, account_id, origin, run_key, label = rest
    kind = kind_named(kind_name)
    if reveal_email is None:
        # Recorded before the flags were: the worst case says what was asked for. It was no exact
        # figure then; a reveal is a whole credit more for each lead.
        reveal_email = email > leads * (kind.credits_per_found + 0.5)
        reveal_phone_numbers = phone > leads * 0.5
    return RequestRecord(
        request_key=key,
        kind=kind,
        status=status,
        request_id=request_id,
        lead_count=leads,
        email_credits=email,
        phone_credits=phone,
        submitted_at=submitted_at,
        reveal_email=bool(reveal_email),
        reveal_phone_numbers=bool(reveal_phone_numbers),
        buyer=Buyer(account_id, origin),
        run=RunMark(run_key, label) if run_key is not None else None,
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))
