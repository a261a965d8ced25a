"""What became of the requests that an earlier run left behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from amplemarket_source.journal import Journal
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import RequestRecord

__all__ = ["recover"]


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
    """
    opened: list[RequestRecord] = []
    for record in ledger.open_requests():
        if record.status != "intended":
            opened.append(record)
            continue
        entry = journal.entry(record.request_key)
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
