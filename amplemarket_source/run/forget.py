"""Forgetting a person who asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dlt

from amplemarket_source.clock import SystemClock
from amplemarket_source.environment import run_environment
from amplemarket_source.errors import UsageError
from amplemarket_source.ledger import Ledger
from amplemarket_source.load.waves import load_pending
from amplemarket_source.pages import Spool
from amplemarket_source.privacy.erase import erase_named
from amplemarket_source.privacy.redact import Suppressions
from amplemarket_source.run.status import row_counts
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.warehouse.lease import exclusive_warehouse
from amplemarket_source.working_folder import WorkingFolder

__all__ = ["Erasure", "forget", "scrub_pages"]


@dataclass(frozen=True)
class Erasure:
    """What an erasure removed.

    Attributes:
        rows_removed: by table; none for somebody who was never loaded.
    """

    rows_removed: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket forget --json`` prints it."""
        return {"rows_removed": self.rows_removed}


def forget(
    pipeline: dlt.Pipeline,
    *,
    email: str | None = None,
    linkedin_url: str | None = None,
    person_id: str | None = None,
) -> Erasure:
    """Erase a person from every table and never ask for them again, as ``amplemarket forget`` does.

    What stays is a hash, so that neither a new list nor a late answer brings the person back.

    Raises:
        UsageError: nobody is named.
        Busy: another run works on the destination.
        DestinationError: the destination refused; the same call again finishes the work.

    Example::

        forget(pipeline, email="ada@example.com").rows_removed    # {"people": 1, ...}
    """
    if not (email or linkedin_url or person_id):
        raise UsageError("Whom? Give an e-mail address, a LinkedIn URL or the id of a person.")
    clock = SystemClock()
    with run_environment():
        # A package that waits may hold the person and would bring them back.
        load_pending(pipeline)
        with exclusive_warehouse(pipeline, clock) as (warehouse, _):
            Ledger(warehouse)  # the tables that keep a person out may not be there yet
            has_tables = warehouse.has_table(PEOPLE.name)
            before = row_counts(warehouse) if has_tables else {}
            keys = erase_named(
                warehouse,
                email=email,
                linkedin_url=linkedin_url,
                person_id=person_id,
                at=clock.now(),
            )
            scrub_pages(pipeline, keys)
            after = row_counts(warehouse) if has_tables else {}
    return Erasure(
        {name: before[name] - after[name] for name in before if before[name] > after[name]}
    )


def scrub_pages(pipeline: dlt.Pipeline, keys: Iterable[str]) -> None:
    """Remove the pages waiting on this disk that hold one of the people with these keys.

    They are read again from the API, which is free, and redacted on the way to the tables. Only
    while no run of the pipeline is going on.
    """
    Spool(WorkingFolder.of(pipeline).spool, Suppressions(keys).redact).scrub()
