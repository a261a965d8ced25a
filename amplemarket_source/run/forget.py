"""Forgetting a person who asks for it, and everyone whose data is too old to be kept."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dlt

from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import SettingsError, UsageError
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.waves import load_pending
from amplemarket_source.privacy.erase import erase_meant
from amplemarket_source.privacy.identifiers import (
    Meant,
    everyone_meant,
    is_known,
    leads_told,
    suppressed_keys,
    was_erased,
)
from amplemarket_source.privacy.keys import Pair, identifier_keys_of, names, person_key
from amplemarket_source.privacy.leftovers import (
    empty_working_folders,
    rewrite_file,
    scrub_pages,
)
from amplemarket_source.privacy.retention import erase_older
from amplemarket_source.privacy.streams import (
    StreamErasure,
    erase_from_streams,
    people_in_streams,
    stream_keys,
)
from amplemarket_source.privacy.unfinished import finish_erasures
from amplemarket_source.run.status import row_counts
from amplemarket_source.schema.streams import PROGRESS
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.settings import WORKSPACE, parse_age
from amplemarket_source.upgrade import complete_earlier
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.warehouse.place import described
from amplemarket_source.warehouse.tables import has_ledger

__all__ = ["Erasure", "forget"]

_WHOM = (
    "Give an e-mail address, a LinkedIn URL or the id of a person or contact, or how old an answer "
    "may be."
)


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
        workspace_rows_blanked: tasks, calls and the like that say nothing of them any more.
    """

    found: bool
    database: str
    rows_removed: dict[str, int]
    leads_blanked: int
    suppressed: bool
    workspace_rows_blanked: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket forget --json`` prints it."""
        return {
            "found": self.found,
            "database": self.database,
            "rows_removed": self.rows_removed,
            "leads_blanked": self.leads_blanked,
            "suppressed": self.suppressed,
            "workspace_rows_blanked": self.workspace_rows_blanked,
        }


def forget(
    pipeline: dlt.Pipeline,
    *,
    email: str | None = None,
    linkedin_url: str | None = None,
    person_id: str | None = None,
    contact_id: str | None = None,
    older_than: str | None = None,
    workspace_dataset: str = WORKSPACE,
) -> Erasure:
    """Erase a person, or everyone whose latest answer is too old, as ``amplemarket forget`` does.

    A person is erased by any spelling of any identifier, with all that leads to them: further
    addresses, further leads, a second id at the API. What stays is a hash, so that neither a new
    list nor a late answer brings them back. Whoever is erased for their age may be bought again.

    The tables that `amplemarket sync` keeps at the same destination are searched as well: contacts,
    leads of lists and the like go, tasks and calls stay without what they say of the person.

    Args:
        contact_id: the id of a contact in those tables.
        older_than: an age such as ``365d``; alone. The workspace's tables have no age.
        workspace_dataset: where those tables are.

    Raises:
        UsageError: nobody is named, or by what can be no identifier; there is no database; or
            nobody in it is meant. In that last case the identifier is suppressed all the same.
        Busy: another run works on the destination.
        DestinationError: the destination refused; the same call again finishes the work.

    Example::

        forget(pipeline, email="ada@example.com").rows_removed    # {"people": 1, ...}
        forget(pipeline, older_than="365d").leads_blanked         # 1200
    """
    named = (email, linkedin_url, person_id, contact_id)
    if older_than is not None and any(named):
        raise UsageError("An age erases everyone who is older: name no person beside it.")
    age = None if older_than is None else _age(older_than)
    if age is None:
        _check(*named)
    clock = SystemClock()
    with run_environment():
        with ExitStack() as stack:
            places = _opened(stack, pipeline, workspace_dataset, clock, with_streams=age is None)
            bought, synced = places
            if bought is not None:
                Ledger(bought)
                complete_earlier(bought)
                finish_erasures(bought, clock.now())
            before = _counts(bought)
            streams = StreamErasure(set())
            if age is None:
                whom = _Whom(
                    {(email, linkedin_url)},
                    {person_id} if person_id else set(),
                    {contact_id} if contact_id else set(),
                )
                found, blanked, streams = _forget_person(bought, synced, whom, at=clock.now())
            else:
                blanked = _forget_older(bought, age, clock.now())
                found = blanked > 0
            after = _counts(bought)
            removed = {name: n - after[name] for name, n in before.items() if n > after[name]}
            for place in places:
                if place is not None:
                    # Also of what somebody began and could not finish.
                    if place is bought:
                        scrub_pages(pipeline, suppressed_keys(place))
                    empty_working_folders(place.pipeline, place)
        rewrite_file(pipeline)
    database = described(pipeline)
    if synced is not None and synced is not bought:
        database += f", and dataset {workspace_dataset}"
    if found is None:
        raise UsageError(
            f"Nobody is erased: in {database} no lead, person or reject has that "
            "identifier. It is suppressed there all the same, so it is never sent. If the person "
            "was bought into another database, name that one."
        )
    return Erasure(
        found=found or bool(removed),
        database=database,
        rows_removed=removed | dict(streams.rows_removed),
        leads_blanked=blanked,
        suppressed=age is None,
        workspace_rows_blanked=streams.rows_blanked,
    )


@dataclass
class _Whom:
    """What somebody is named by: identifiers as they are spelt, and ids."""

    pairs: set[Pair]
    people: set[str]
    contacts: set[str]

    @property
    def keys(self) -> set[str]:
        """In the tables of the workspace."""
        alone = (key for keys in identifier_keys_of(list(self.pairs)) for key in keys)
        return {*alone, *map(person_key, self.contacts)}


def _opened(
    stack: ExitStack,
    pipeline: dlt.Pipeline,
    workspace_dataset: str,
    clock: Clock,
    *,
    with_streams: bool,
) -> tuple[Warehouse | None, Warehouse | None]:
    """The dataset of what was bought and that of the workspace, as far as they are there.

    Raises:
        UsageError: neither is; none is made to be searched.
    """
    has_bought = has_ledger(pipeline)
    has_synced = with_streams and has_ledger(pipeline, PROGRESS, workspace_dataset)
    if not (has_bought or has_synced):
        raise UsageError(
            f"There is no database at {described(pipeline)}: nobody is erased. "
            "Go to the folder of the runs, or name their --destination and --dataset."
        )

    def open_(one: dlt.Pipeline) -> Warehouse:
        # A package that waits may hold the person and would bring them back.
        load_pending(one)
        warehouse, _ = stack.enter_context(exclusive_warehouse(one, clock))
        return warehouse

    bought = open_(pipeline) if has_bought else None
    if not has_synced:
        return bought, None
    if pipeline.dataset_name == workspace_dataset:
        return bought, bought or open_(pipeline)
    stack.callback(pipeline.activate)
    return bought, open_(
        dlt.pipeline(
            WORKSPACE,
            destination=pipeline.destination,
            dataset_name=workspace_dataset,
            pipelines_dir=pipeline.pipelines_dir,
        )
    )


def _age(text: str) -> timedelta:
    try:
        return parse_age(text)
    except SettingsError:
        raise UsageError(f"{text!r} is not an age such as 365d, 12h or 0s.") from None


def _check(
    email: str | None, linkedin_url: str | None, person_id: str | None, contact_id: str | None
) -> None:
    """Refuse what can name nobody; no message repeats it.

    Raises:
        UsageError: says which of them.
    """
    if not (email or linkedin_url or person_id or contact_id):
        raise UsageError(_WHOM)
    if email and not any(name.is_of_one for name in names([(email, None)])):
        raise UsageError("The e-mail address cannot be one: nobody is erased. Look for a typo.")
    if linkedin_url and not any(name.may_be_profile for name in names([(None, linkedin_url)])):
        raise UsageError(
            "The LinkedIn URL cannot be one: nobody is erased. Write it like "
            "https://www.linkedin.com/in/NAME."
        )


def _forget_person(
    bought: Warehouse | None, synced: Warehouse | None, whom: _Whom, *, at: datetime
) -> tuple[bool | None, int, StreamErasure]:
    """Erase one person.

    Returns:
        Whether somebody was found, None where nobody ever was; how many leads were blanked; what
        was found in the workspace.
    """
    meant = _everyone(bought, synced, whom)
    found: bool | None = None
    blanked, streams = 0, StreamErasure(set())
    if synced is not None:
        was_known = not whom.keys.isdisjoint(stream_keys(synced))
        streams = erase_from_streams(synced, whom.keys, at=at)
        found = True if streams.found else (False if was_known else None)
    if bought is not None:
        found = found or is_known(bought, meant) or found
        if found is None and was_erased(bought, meant):
            found = False
        blanked = leads_told(bought, meant)
        erase_meant(bought, meant, at=at, reason=None if found is None else "request")
    return found, blanked, streams


def _everyone(bought: Warehouse | None, synced: Warehouse | None, whom: _Whom) -> Meant:
    """All that leads to a person; what one dataset has leads on in the other."""
    meant = Meant()
    while True:
        before = len(whom.keys)
        if bought is not None:
            meant = everyone_meant(bought, keys=(), pairs=whom.pairs, people=whom.people)
            whom.pairs |= {
                (name.normal, None) if name.field == "email" else (None, name.normal)
                for name in meant.names
            }
        if synced is not None:
            whom.pairs |= people_in_streams(synced, whom.keys).pairs
        if len(whom.keys) == before:
            return meant


def _forget_older(bought: Warehouse | None, age: timedelta, now: datetime) -> int:
    return 0 if bought is None else erase_older(Ledger(bought), before=now - age, at=now)


def _counts(warehouse: Warehouse | None) -> dict[str, int]:
    if warehouse is None or not warehouse.has_table(PEOPLE.name):
        return {}
    return row_counts(warehouse)
