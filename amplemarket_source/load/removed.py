"""Who must not be told of in a load, known before its first row is made.

The API may say of one lead that its person is removed, and answer another lead of the same person
as if nothing were: on the same page, ten requests later, or both ways to one lead. And an answer
about somebody erased may come late, under an echo in which nobody would know them. So all pages of
a load are looked through before one is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from amplemarket_source.identity import identifier_keys_sql
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.keys import person_key
from amplemarket_source.session import Session

__all__ = ["erase_the_removed"]


def erase_the_removed(session: Session, requests: Sequence[CompletedRequest]) -> None:
    """Erase everyone whom a page of the requests says to be removed, and all that leads to them.

    From then on the pages say nothing of them, whenever they are read. Of a request that asks for
    somebody erased, a row that names none of its other leads is withheld as well.

    Raises:
        DestinationError: the destination refused; nothing of the load is written yet.
    """
    people = [request for request in requests if request.record.kind.about_people]
    # Whoever is found may lead to others, on a page that was looked at before.
    while _erase_found(session, people):
        pass
    for request in people:
        asked = _asked(session, request) if session.suppressions.keys else set()
        erased = asked & session.suppressions.keys
        if erased:
            named = frozenset(asked - erased | _identifiers(session, request))
            request.pages.redact_by(partial(session.suppressions.redact, named=named))


def _erase_found(session: Session, requests: Sequence[CompletedRequest]) -> bool:
    """Whether somebody was found who is not erased yet; they are then."""
    keys: set[str] = set()
    ids: set[str] = set()
    for request in requests:
        if not (session.suppressions.keys or request.pages.may_hold_removed):
            continue
        asked: set[str] | None = None
        for number in range(1, request.summary.page_count + 1):
            found = session.suppressions.about_erased(request.pages.unredacted(number))
            keys |= found.identifiers
            ids |= found.people
            if found.leads:
                asked = _asked(session, request) if asked is None else asked
                keys |= found.leads & asked
    if {*keys, *map(person_key, ids)} <= session.suppressions.keys:
        return False
    at = session.clock.now()
    erased = erase(session.warehouse, lead_keys=keys, person_ids=ids, at=at, reason="api")
    session.suppressions.add({*erased, *keys})
    return True


def _asked(session: Session, request: CompletedRequest) -> set[str]:
    rows = session.workbench.rows(
        "SELECT lead_key FROM request_leads WHERE request_key = ?", [request.record.request_key]
    )
    return {row[0] for row in rows}


def _identifiers(session: Session, request: CompletedRequest) -> set[str]:
    """The keys of the identifiers alone of all leads that are asked for."""
    keys = ", ".join(identifier_keys_sql())
    rows = session.workbench.rows(
        f"SELECT unnest([{keys}]) FROM asked_fields WHERE lead_key IN "
        "(SELECT lead_key FROM request_leads WHERE request_key = ?)",
        [request.record.request_key],
    )
    return {row[0] for row in rows} - session.suppressions.keys - {None}
