"""Erasing a person that someone asks to be forgotten."""

from __future__ import annotations

from datetime import datetime

from amplemarket_source.erasure import erase, identifier_keys
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.identity import lead_key
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.tables.contract import LEADS

__all__ = ["forget_person"]


def forget_person(
    ledger: Ledger,
    *,
    email: str | None,
    linkedin_url: str | None,
    person_id: str | None,
    at: datetime,
) -> set[str]:
    """Erase whoever has one of the identifiers, in ``people`` or in ``leads``, and suppress them.

    An identifier that nobody has is suppressed all the same, so that it is never sent.

    Returns:
        The keys that are suppressed from now on.

    Raises:
        DestinationError: the destination refused; running it again finishes the work.
    """
    wanted = set(identifier_keys(email, linkedin_url))
    people = {person_id} if person_id else set()
    keys = set(wanted)
    given = {"email": email, "linkedin_url": linkedin_url}
    for column, value in given.items():
        if not value:
            continue
        if ledger.has_table("people"):
            people |= {id_ for id_, _ in _owners(ledger, "people", "id", column, value, wanted)}
        keys |= {key for key, _ in _owners(ledger, LEADS.name, "lead_key", column, value, wanted)}
    return erase(ledger, lead_keys=keys, person_ids=people, at=at)


def _owners(
    ledger: Ledger, table: str, column: str, identifier: str, value: str, wanted: set[str]
) -> list[tuple[str, str]]:
    # The warehouse narrows the rows down; whether two spellings are one is the lead key's to say.
    part = value.strip().lower().rstrip("/").rsplit("/", 1)[-1].partition("?")[0]
    rows = ledger.rows(
        f"SELECT DISTINCT {column}, {identifier} FROM {ledger.name(table)} "
        f"WHERE lower({identifier}) LIKE %s",
        f"%{part}%",
    )
    return [
        (owner, spelt) for owner, spelt in rows if lead_key(PEOPLE, {identifier: spelt}) in wanted
    ]
