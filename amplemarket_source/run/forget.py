"""Forgetting a person who asks for it, and everyone whose data is too old to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dlt

from amplemarket_source.clock import SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import SettingsError, UsageError
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.waves import load_pending
from amplemarket_source.privacy.erase import erase_meant
from amplemarket_source.privacy.identifiers import (
    everyone_meant,
    is_known,
    leads_told,
    suppressed_keys,
    was_erased,
)
from amplemarket_source.privacy.keys import names
from amplemarket_source.privacy.leftovers import (
    empty_working_folders,
    rewrite_file,
    scrub_pages,
)
from amplemarket_source.privacy.retention import erase_older
from amplemarket_source.privacy.unfinished import finish_erasures
from amplemarket_source.run.status import row_counts
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.settings import parse_age
from amplemarket_source.upgrade import complete_earlier
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.warehouse.place import described
from amplemarket_source.warehouse.tables import has_ledger

__all__ = ["Erasure", "forget"]

_WHOM = "Give an e-mail address, a LinkedIn URL or the id of a person, or how old an answer may be."


@dataclass(frozen=True)
class Erasure:
    """What an erasure removed.

    Attributes:
        found: somebody was there to be erased. False where they had been erased before, and where
            nobody is older than the age.
        database: where it looked, in words.
        rows_removed: by table.
        leads_blanked: input rows that say nothing of a person any more; they keep their keys.
        suppressed: the people are kept out from now on, whatever list they stand on.
    """

    found: bool
    database: str
    rows_removed: dict[str, int]
    leads_blanked: int
    suppressed: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket forget --json`` prints it."""
        return {
            "found": self.found,
            "database": self.database,
            "rows_removed": self.rows_removed,
            "leads_blanked": self.leads_blanked,
            "suppressed": self.suppressed,
        }


def forget(
    pipeline: dlt.Pipeline,
    *,
    email: str | None = None,
    linkedin_url: str | None = None,
    person_id: str | None = None,
    older_than: str | None = None,
) -> Erasure:
    """Erase a person, or everyone whose latest answer is too old, as ``amplemarket forget`` does.

    A person is erased by any spelling of any identifier, with all that leads to them: further
    addresses, further leads, a second id at the API. What stays is a hash, so that neither a new
    list nor a late answer brings them back. Whoever is erased for their age may be bought again.

    Args:
        older_than: an age such as ``365d``; alone.

    Raises:
        UsageError: nobody is named, or by what can be no identifier; there is no database; or
            nobody in it is meant. In that last case the identifier is suppressed all the same.
        Busy: another run works on the destination.
        DestinationError: the destination refused; the same call again finishes the work.

    Example::

        forget(pipeline, email="ada@example.com").rows_removed    # {"people": 1, ...}
        forget(pipeline, older_than="365d").leads_blanked         # 1200
    """
    named = (email, linkedin_url, person_id)
    if older_than is not None and any(named):
        raise UsageError("An age erases everyone who is older: name no person beside it.")
    age = None if older_than is None else _age(older_than)
    if age is None:
        _check(*named)
    clock = SystemClock()
    with run_environment():
        _require_database(pipeline)
        # A package that waits may hold the person and would bring them back.
        load_pending(pipeline)
        with exclusive_warehouse(pipeline, clock) as (warehouse, _):
            ledger = Ledger(warehouse)
            complete_earlier(warehouse)
            finish_erasures(warehouse, clock.now())
            before = _counts(warehouse)
            if age is None:
                found, blanked = _forget_person(warehouse, *named, at=clock.now())
            else:
                now = clock.now()
                blanked = erase_older(ledger, before=now - age, at=now)
                found = blanked > 0
            after = _counts(warehouse)
            removed = {name: n - after[name] for name, n in before.items() if n > after[name]}
            # Also of what somebody began and could not finish, so whoever is kept out by now.
            scrub_pages(pipeline, suppressed_keys(warehouse))
            empty_working_folders(pipeline, warehouse)
        rewrite_file(pipeline)
    if found is None:
        raise UsageError(
            f"Nobody is erased: in {described(pipeline)} no lead, person or reject has that "
            "identifier. It is suppressed there all the same, so it is never sent. If the person "
            "was bought into another database, name that one."
        )
    return Erasure(
        found=found or bool(removed),
        database=described(pipeline),
        rows_removed=removed,
        leads_blanked=blanked,
        suppressed=age is None,
    )


def _age(text: str) -> timedelta:
    try:
        return parse_age(text)
    except SettingsError:
        raise UsageError(f"{text!r} is not an age such as 365d, 12h or 0s.") from None


def _check(email: str | None, linkedin_url: str | None, person_id: str | None) -> None:
    """Refuse what can name nobody; no message repeats it.

    Raises:
        UsageError: says which of them.
    """
    if not (email or linkedin_url or person_id):
        raise UsageError(_WHOM)
    if email and not any(name.is_of_one for name in names([(email, None)])):
        raise UsageError("The e-mail address cannot be one: nobody is erased. Look for a typo.")
    if linkedin_url and not any(name.may_be_profile for name in names([(None, linkedin_url)])):
        raise UsageError(
            "The LinkedIn URL cannot be one: nobody is erased. Write it like "
            "https://www.linkedin.com/in/NAME."
        )


def _require_database(pipeline: dlt.Pipeline) -> None:
    """Refuse a database that is not there; none is made to be searched.

    Raises:
        UsageError: names the place.
    """
    if not has_ledger(pipeline):
        raise UsageError(
            f"There is no database at {described(pipeline)}: nobody is erased. "
            "Go to the folder of the runs, or name their --destination and --dataset."
        )


def _forget_person(
    warehouse: Warehouse,
    email: str | None,
    linkedin_url: str | None,
    person_id: str | None,
    *,
    at: datetime,
) -> tuple[bool | None, int]:
    """Erase one person.

    Returns:
        Whether somebody was found, None where nobody ever was; how many leads were blanked.
    """
    pairs = [(email, linkedin_url)]
    meant = everyone_meant(warehouse, keys=(), pairs=pairs, people={person_id} if person_id else ())
    found = is_known(warehouse, meant) or (False if was_erased(warehouse, meant) else None)
    blanked = leads_told(warehouse, meant)
    erase_meant(warehouse, meant, at=at, reason=None if found is None else "request")
    return found, blanked


def _counts(warehouse: Warehouse) -> dict[str, int]:
    return row_counts(warehouse) if warehouse.has_table(PEOPLE.name) else {}
