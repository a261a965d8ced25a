"""What is in the invented workspace, and how a test changes it between two syncs.

Every relation holds: a task's user and contact are there, a call's task, disposition, user and
contact too, a mailbox belongs to a user, an entry of a lead list is a person that enrichment gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, Literal

from amplemarket_source.sandbox.collection import (
    ADDED,
    Collection,
    Keys,
    Listing,
    Row,
    SortedListing,
    hex_keys,
    uuid_keys,
)
from amplemarket_source.sandbox.options import Clock, SandboxOptions, WorkspaceSizes
from amplemarket_source.sandbox.population import number_of
from amplemarket_source.sandbox.workspace_people import account, contact, entry, job_opening
from amplemarket_source.sandbox.workspace_rows import (
    DISPOSITIONS,
    EPOCH,
    OWNERS,
    TASK_STATUSES,
    TASK_TYPES,
    RowMaker,
    iso,
)

__all__ = ["Stream", "Workspace"]

Stream = Literal[
    "users",
    "sequences",
    "mailboxes",
    "calls",
    "call_dispositions",
    "tasks",
    "excluded_domains",
    "excluded_emails",
    "lead_lists",
    "lead_list_leads",
    "accounts",
    "contacts",
    "job_openings",
]


def _text_keys(template: str) -> Keys:
    pattern = re.compile(re.escape(template).replace(r"\{\}", "([0-9]{6,10})"))

    def read(key: str) -> int | None:
        found = pattern.fullmatch(key)
        return None if found is None else int(found[1])

    return Keys(lambda number: template.replace("{}", f"{number:06d}"), read)


class Workspace:
    """The streams of a workspace by name, and the changes made to them.

    Args:
        options: the server's, asked for at each use; its ``seed`` counts once, here.
        clock: the time of what is added or changed.

    Attributes:
        task_types, task_statuses: what their endpoints list; change them as any list.

    Example::

        with SandboxServer() as server:
            user = server.workspace.rows("users")[0]
            server.workspace.change("users", user["id"], status="inactive")
            server.workspace.add("tasks", user_id=user["id"], notes="Call them")
            server.workspace.remove("lead_lists", server.workspace.rows("lead_lists")[2]["id"])
            server.workspace.add_field("calls", "sentiment", "warm")
    """

    def __init__(self, options: Callable[[], SandboxOptions], clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self.seed = options().workspace.seed
        self.task_types = list(TASK_TYPES)
        self.task_statuses = list(TASK_STATUSES)
        self._maker = maker = RowMaker(options, clock)
        self.streams = maker.streams
        self._stream("users", maker.user)
        self._stream(
            "sequences",
            maker.sequence,
            keys=hex_keys(self.seed, "sequences"),
            is_newest_first=True,
        )
        self._stream("mailboxes", maker.mailbox)
        self._stream("calls", maker.call, is_newest_first=True)
        self._stream("call_dispositions", maker.disposition)
        self._stream("tasks", maker.task, has=partial(self._is_owned, "users", "tasks_per_user"))
        self._stream(
            "excluded_domains",
            maker.excluded_domain,
            keys=_text_keys("blocked-{}.example"),
            key="domain",
        )
        self._stream(
            "excluded_emails",
            maker.excluded_email,
            keys=_text_keys("stop.{}@blocked.example"),
            key="email",
        )
        self._stream("lead_lists", maker.lead_list, is_newest_first=True)
        self._stream(
            "lead_list_leads",
            partial(entry, maker),
            has=partial(self._is_owned, "lead_lists", "leads_per_list"),
        )
        self._stream("accounts", partial(account, maker))
        self._stream("contacts", partial(contact, maker))
        self._stream(
            "job_openings", partial(job_opening, maker), has=lambda number: 0 <= number < ADDED
        )
        self.streams["users"].fields["mailboxes"] = self._mailboxes_of

    def _stream(
        self,
        name: Stream,
        make: Callable[[int], Row],
        *,
        keys: Keys | None = None,
        has: Callable[[int], bool] | None = None,
        key: str = "id",
        is_newest_first: bool = False,
    ) -> None:
        self.streams[name] = Collection(
            keys or uuid_keys(self.seed, name),
            make,
            has or (lambda number: number in self.numbers(name)),
            key=key,
            is_newest_first=is_newest_first,
        )

    # What a test or a user does with it.

    def rows(self, stream: Stream, *, owner: str | None = None) -> list[Row]:
        """All rows of a stream as the API shows them now, in its order.

        Args:
            owner: the id of the user whose tasks, of the list whose leads, or of the company whose
                job openings are wanted; those three streams have no rows without.
        """
        return list(self.listing(stream, owner=owner))

    def add(self, stream: Stream, **fields: Any) -> Row:
        """A new row, the newest, with these fields, and what it lacks invented.

        ``user_id`` says whose task, call or mailbox it is, ``lead_list_id`` whose entry (that
        list's ``updated_at`` moves), ``company_id`` whose job opening.

        Raises:
            KeyError: there is no such stream, user or list, or it is not said whose the row is.
        """
        owner: str | None = None
        if stream == "lead_list_leads":
            owner = str(fields.pop("lead_list_id"))
            self.change("lead_lists", owner)
        elif stream == "job_openings":
            owner = str(fields.pop("company_id"))
        elif stream in ("tasks", "mailboxes") or "user_id" in fields:
            user = self._existing("users", fields["user_id"])
            owner = str(user["id"])
            if stream == "mailboxes":
                del fields["user_id"]
                fields = {"user": {name: user[name] for name in ("id", "name", "email")}} | fields
            else:
                fields = {"user_email": user["email"]} | fields
        return self.streams[stream].add(fields, owner)

    def change(self, stream: Stream, key: str, **fields: Any) -> Row:
        """Set fields of a row; its ``updated_at`` moves to now, where it has one.

        A task stays with its user, and an entry with its list.

        Raises:
            KeyError: there is no such stream or row.
        """
        collection = self.streams[stream]
        if "updated_at" in self._existing(stream, key):
            fields = {"updated_at": iso(self._clock.now())} | fields
        return collection.change(key, fields)

    def remove(self, stream: Stream, key: str) -> Row:
        """Take a row away, as somebody would in the dashboard; what points to it stays.

        Raises:
            KeyError: there is no such stream or row.
        """
        return self.streams[stream].remove(key)

    def add_field(self, stream: Stream, name: str, value: Any) -> None:
        """Every row of a stream has this field from now on; ``value`` may be a function of the
        row."""
        self.streams[stream].fields[name] = value

    def apply(
        self, change: str, stream: Stream, key: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """A change by its name, as ``POST /_sandbox/workspace`` takes it.

        Example::

            workspace.apply("change", "users", "0190...", status="inactive")

        Raises:
            ValueError: there is no such change.
            KeyError: there is no such stream or row.
        """
        if stream not in self.streams:
            raise KeyError(f"no such stream: {stream}")
        if change == "add":
            return self.add(stream, **fields)
        if change == "add_field":
            for name, value in fields.items():
                self.add_field(stream, name, value)
            return fields
        if key is None or change not in ("change", "remove"):
            raise ValueError("change: add, change, remove (these two with a key) or add_field")
        return (
            self.remove(stream, key) if change == "remove" else self.change(stream, key, **fields)
        )

    # What the endpoints ask of it.

    @property
    def sizes(self) -> WorkspaceSizes:
        """How much there is."""
        return self._options().workspace

    def numbers(self, stream: str, owner: str | None = None) -> range:
        """The numbers of the rows that were not added by hand."""
        if stream in ("tasks", "lead_list_leads"):
            owners, each = (
                ("users", self.sizes.tasks_per_user)
                if stream == "tasks"
                else ("lead_lists", self.sizes.leads_per_list)
            )
            whose = None if owner is None else self.streams[owners].keys.read(owner)
            if whose is None or whose >= min(OWNERS, getattr(self.sizes, owners)):
                return range(0)
            return range(whose, whose + each * OWNERS, OWNERS)
        if stream == "call_dispositions":
            return range(len(DISPOSITIONS))
        if stream == "job_openings":
            return range(0) if owner is None else self._openings_of(owner)
        return range(getattr(self.sizes, stream))

    def _openings_of(self, company_id: str) -> range:
        first = int.from_bytes(blake2b(company_id.encode(), digest_size=3).digest(), "big") << 7
        return range(first, first + min(128, self.sizes.job_openings_per_company))

    def listing(
        self,
        stream: str,
        matches: Callable[[Row], bool] | None = None,
        *,
        numbers: range | None = None,
        owner: str | None = None,
    ) -> Listing:
        """Rows of a stream in the API's order, as ``Collection.listing`` says."""
        if numbers is None:
            numbers = self.numbers(stream, owner)
        return self.streams[stream].listing(numbers, matches, owner=owner)

    def tasks_of(self, owner: str, matches: Callable[[Row], bool] | None) -> SortedListing:
        """The tasks of a user in the order that the option ``task_order`` says."""
        rows = [row for row in self.listing("tasks", owner=owner) if not matches or matches(row)]
        order = self._options().task_order
        if order == "newest_first":
            rows.reverse()
        elif order == "last_finished_first":
            # What is not finished comes before all that is.
            rows.sort(key=lambda row: row["finished_on"] or "~", reverse=True)
        return SortedListing(rows, "id")

    def calls_between(self, start: datetime | None, stop: datetime | None) -> range:
        """The numbers of the calls that may have started between two times."""
        step = self.sizes.seconds_between_calls
        first = 0 if start is None else int((start - EPOCH).total_seconds() // step)
        last = self.sizes.calls
        if stop is not None:
            last = min(last, int((stop - EPOCH).total_seconds() // step) + 1)
        return range(max(0, first), max(0, last))

    def contact_of_email(self, email: str) -> Row | None:
        """The contact with an address, in any case."""
        wanted = email.strip().casefold()
        contacts = self.streams["contacts"]
        number = number_of(self.seed, wanted)
        known = contacts.at(number) if number is not None and contacts.has(number) else None
        for row in [*contacts.touched(), *([known] if known else [])]:
            if (row["email"] or "").casefold() == wanted:
                return row
        return None

    def _existing(self, stream: Stream, key: str) -> Row:
        row = self.streams[stream].find(key)
        if row is None:
            raise KeyError(key)
        return row

    def _is_owned(self, owners: str, each: str, number: int) -> bool:
        turn, whose = divmod(number, OWNERS)
        return whose < getattr(self.sizes, owners) and turn < int(getattr(self.sizes, each))

    def _mailboxes_of(self, user: Row) -> list[Row]:
        owners = self._maker.mailbox_owners
        number = self.streams["users"].keys.read(user["id"])
        own = range(0)
        if number is not None and number < owners:
            own = range(number, self.sizes.mailboxes, owners)
        boxes = self.listing("mailboxes", numbers=own, owner=user["id"])
        return [{"id": box["id"], "email": box["email"]} for box in boxes]
