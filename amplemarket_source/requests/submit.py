"""One POST that costs money: recorded before, sent once, recorded after.

In this order, and why each failure on the way is safe:

1. The budget is asked, and the batch is cut to what it pays for. Nothing has happened yet; leads
   that were left out are free.
2. Journal ``intended``, then the ledger's row, then the lease is asked. If any of them fails, no
   POST; the next run finds a row whose journal says "never sent", or no row.
3. Journal ``posting``. If it fails, no POST.
4. The POST, once. What the API refuses was not bought: journal ``refused``, row ``dropped``. Where
   nobody can know: row ``held``. If these records fail, the journal's ``posting`` makes the next
   run hold the batch, and never send it.
5. Journal ``accepted``, then the id into the row. If one of the two fails, the other is enough. If
   both do, the id is in memory: the request is collected by this run all the same, and its load
   writes the row. Only if that does not happen either, the next run holds the batch.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from amplemarket_source.api import EnrichmentApi
from amplemarket_source.clock import Interrupted, StoppableClock
from amplemarket_source.errors import (
    AmplemarketError,
    ApiError,
    CreditCapReached,
    DestinationError,
    LedgerError,
    OutcomeUnknown,
    RequestRefused,
)
from amplemarket_source.journal import Journal
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import Batch, Buyer, RequestRecord, RunMark
from amplemarket_source.requests.budget import Budget
from amplemarket_source.schema.bookkeeping import REJECTS
from amplemarket_source.schema.rejects import Reject, reject_table
from amplemarket_source.warehouse.lease import CheckLease
from amplemarket_source.workbench import LeadToSend, Workbench

__all__ = ["Submission", "Submitter", "recover", "refused_positions"]


logger = logging.getLogger("amplemarket")

_MOST_REFUSALS = 20
"""POSTs of one batch that may be refused for single leads before all of it is given up."""


@dataclass(frozen=True)
class Submission:
    """What became of a batch that was sent.

    Attributes:
        batch: as it was sent in the end, without the leads that were refused.
        record: the request, ``submitted``; None where the API refused every lead.
        refused: how many leads are in ``rejects`` now, by reason.
        trouble: the request is bought, and part of the record of it could not be written.
    """

    batch: Batch
    record: RequestRecord | None
    refused: dict[str, int]
    trouble: AmplemarketError | None = None


@dataclass(frozen=True)
class Submitter:
    """Sends batches.

    Attributes:
        check_lease: records what it is given, and raises `Busy` where another machine runs by now.
        buyer: whose key it is.
        run: the mark of this run.
        resubmit: the user's own choice ``on_ambiguous = resubmit``: where nobody can know whether
            a POST arrived, send it once more, if the budget has the credits a second time.
    """

    api: EnrichmentApi
    ledger: Ledger
    journal: Journal
    workbench: Workbench
    budget: Budget
    clock: StoppableClock
    check_lease: CheckLease
    resubmit: bool
    buyer: Buyer
    run: RunMark

    def within_budget(self, batch: Batch) -> Batch:
        """Commit the credits of a batch, and cut it to the first leads that they pay for.

        The leads that were left out are free for the next run.

        Raises:
            CreditCapReached: the budget pays for none of them.
            DestinationError: the leads that were left out could not be freed.
        """
        leads = self.budget.take(batch)
        if leads == batch.lead_count:
            return batch
        keys = [item.lead_key for item in self.workbench.leads_of(batch)[leads:]]
        smaller = batch.without(len(keys))
        self.ledger.put_off(smaller, keys)
        self.workbench.leave_out(batch.request_key, keys)
        return smaller

    def submit(self, batch: Batch) -> Submission:
        """Send one batch, whose credits are committed, and record what became of it.

        Raises:
            OutcomeUnknown: the batch is ``held``; its credits count as committed.
            Busy, ApiError, LedgerError, DestinationError, Interrupted: nothing was bought, and the
                leads are free for the next run.
        """
        try:
            self.journal.write("intended", batch.request_key)
            # After the intent: whoever took the lease before it will be seen here, and whoever
            # takes it later sees the intent.
            self.ledger.intend(batch, self.buyer, self.run, self.check_lease)
            submission = self._send(batch)
        except OutcomeUnknown as error:
            self._hold(batch, error)
            raise
        except (AmplemarketError, Interrupted) as error:
            self._drop(batch, error)
            raise
        # For leads that the API refused. After an error nothing more is bought anyway.
        self.budget.refund(batch.credits_at_stake - submission.batch.credits_at_stake)
        return submission

    def _send(self, batch: Batch) -> Submission:
        """The POST, and again without the leads that the API refuses one by one."""
        items = self.workbench.leads_of(batch)
        refused: dict[str, int] = {}
        for attempt in range(1, _MOST_REFUSALS + 1):
            self.journal.write("posting", batch.request_key)
            try:
                return self._accepted(batch, self._post(batch, items), refused)
            except RequestRefused as error:
                bad = refused_positions(error, batch, len(items))
                if not bad or attempt == _MOST_REFUSALS:
                    raise
            self.journal.write("refused", batch.request_key)
            smaller = batch.without(len(bad))
            self._quarantine(smaller, [(items[place], code) for place, code in bad.items()])
            for code in bad.values():
                refused[_reason(code)] = refused.get(_reason(code), 0) + 1
            items = [item for place, item in enumerate(items) if place not in bad]
            batch = smaller
            if not items:
                break
        self._drop(batch, None)
        return Submission(batch, None, refused)

    def _post(self, batch: Batch, items: list[LeadToSend]) -> str:
        try:
            return self._post_once(batch, items)
        except OutcomeUnknown:
            if not self.resubmit:
                raise
            try:
                self.budget.take_whole(batch)
            except CreditCapReached:
                logger.warning("Not sent again: max_credits has no room for it a second time.")
            else:
                return self._post_once(batch, items)
            raise

    def _post_once(self, batch: Batch, items: list[LeadToSend]) -> str:
        return self.api.submit(
            batch.kind,
            [item.fields for item in items],
            reveal_email=batch.reveal_email,
            reveal_phone_numbers=batch.reveal_phone_numbers,
        )

    def _accepted(self, batch: Batch, request_id: str, refused: dict[str, int]) -> Submission:
        key, at = batch.request_key, self.clock.now()
        in_journal = self._note(lambda: self.journal.write("accepted", key, request_id))
        in_ledger = self._note(lambda: self.ledger.accepted(key, request_id, at))
        if in_journal and in_ledger:
            logger.error(
                "Request %s was bought as %s, and neither the journal nor the ledger could be "
                "written. Keep this line until its answers are loaded.",
                key,
                request_id,
            )
        request = RequestRecord(
            request_key=key,
            kind=batch.kind,
            status="submitted",
            request_id=request_id,
            lead_count=batch.lead_count,
            email_credits=batch.email_credits,
            phone_credits=batch.phone_credits,
            submitted_at=at,
            reveal_email=batch.reveal_email,
            reveal_phone_numbers=batch.reveal_phone_numbers,
            buyer=self.buyer,
            run=self.run,
        )
        return Submission(batch, request, refused, in_journal or in_ledger)

    def _quarantine(self, smaller: Batch, refused: list[tuple[LeadToSend, str]]) -> None:
        """Refused leads go to ``rejects`` and out of the batch; nothing was bought so far."""
        keys = [item.lead_key for item, _ in refused]
        rejects = [
            Reject("lead", _reason(code), json.dumps(item.fields), lead_key=item.lead_key)
            for item, code in refused
        ]
        # Merged, because the same lead may have been refused by an earlier run.
        rows = reject_table(rejects, smaller.request_key, "", self.clock.now())
        self.ledger.load({REJECTS: [self.ledger.with_first_times(rows)]})
        self.ledger.leave_out(smaller, keys)
        self.workbench.leave_out(smaller.request_key, keys)

    def _hold(self, batch: Batch, error: ApiError) -> None:
        self._note(
            lambda: self.ledger.update(
                batch.request_key,
                status="held",
                error_code="outcome_unknown",
                error_detail=error.what,
                submitted_at=self.clock.now(),
            )
        )

    def _drop(self, batch: Batch, error: Exception | None) -> None:
        problems = error.problems if isinstance(error, ApiError) else ()
        code = (problems[0].plain_code if problems else "") or type(error).__name__
        self._note(lambda: self.journal.write("refused", batch.request_key))
        self._note(
            lambda: self.ledger.update(
                batch.request_key,
                status="dropped",
                error_code=code if error is not None else "every_lead_refused",
                error_detail=error.what if isinstance(error, ApiError) else None,
            )
        )

    def _note(self, record: Callable[[], None]) -> AmplemarketError | None:
        """Make a record that can be done without (points 4 and 5); the error if it fails."""
        try:
            record()
        except (LedgerError, DestinationError) as error:
            logger.warning("%s", error)
            return error
        return None


def _reason(code: str) -> str:
    return f"refused_by_api: {code}"


def refused_positions(error: RequestRefused, batch: Batch, count: int) -> dict[int, str]:
    """Which of ``count`` leads a refusal names, with the API's code for each.

    A problem points to its place in the body, such as ``/leads/3/email``. A pointer to something
    else, or to nothing, says that the request as a whole is wrong: then none
    (api-notes: error-pointer).

    Example::

        refused_positions(error, batch, 10)    # {3: "unsupported_value"}
    """
    found: dict[int, str] = {}
    for problem in error.problems:
        match = re.fullmatch(rf"/{batch.kind.payload_key}/(\d{{1,9}})(/.*)?", problem.pointer)
        if match is None or int(match[1]) >= count:
            return {}
        found.setdefault(int(match[1]), problem.plain_code or "no_code")
    return found


def recover(ledger: Ledger, journal: Journal, now: datetime) -> list[RequestRecord]:
    """Settle every intent whose fate can be told, and return the requests that are open.

    =========================  ==================================================
    the journal's last line    what it proves
    =========================  ==================================================
    ``accepted``               bought; the id goes into the ledger now
    ``intended``, ``refused``  never bought: dropped, its leads are free
    ``posting``                may have been bought: held
    none                       intended on another machine: held
    =========================  ==================================================

    An id that the journal knows also frees a request that a run on another machine had to hold.
    """
    opened: list[RequestRecord] = []
    for record in ledger.open_requests():
        entry = journal.entry(record.request_key)
        is_known = entry is not None and entry.event == "accepted"
        if record.status != "intended" and not (record.status == "held" and is_known):
            opened.append(record)
            continue
        if entry is not None and entry.event == "accepted" and entry.request_id is not None:
            ledger.accepted(record.request_key, entry.request_id, now)
            opened.append(
                replace(record, status="submitted", request_id=entry.request_id, submitted_at=now)
            )
        elif entry is not None and entry.event in ("intended", "refused"):
            ledger.update(record.request_key, status="dropped", error_code="never_sent")
        else:
            ledger.update(
                record.request_key,
                status="held",
                error_code="outcome_unknown",
                error_detail="the process ended while the request was being sent",
            )
            opened.append(replace(record, status="held"))
    # A held request's entry is kept: it is all that is known of it.
    journal.keep_only({record.request_key for record in opened})
    return opened
