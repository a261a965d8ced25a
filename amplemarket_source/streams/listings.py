"""In which parts each stream is read, how far, and what a sync has to know before.

=====================  ====================================================================
stream                 read
=====================  ====================================================================
most                   whole, in each sync
``calls``              whole at first, then from the last one known less ``calls_overlap``:
                       the only list that can be asked for by time (api-notes: lists)
``tasks``              of each user: the open ones whole in each sync, then those that are done
                       until all that left the open ones are met and what follows is older than
                       the last one known less an overlap, as long as they come in that order;
                       else to the end (api-notes: order-of-lists)
``lead_list_leads``    of each list whose ``updated_at`` or ``status`` moved, or that is not
                       finished
``contacts``           those met in the tasks and calls that are new or changed, and those that
                       are in neither table of contacts nor known to be gone
``job_openings``       of each company that enrichment has loaded
=====================  ====================================================================

What a listing did not have is marked as deleted only where it was read to its end. Tasks and leads
are listed nowhere but by their user and list, so they leave with these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import islice
from typing import Any

import orjson

from amplemarket_source.api import ApiClient, ListPage, list_pages, path_segment
from amplemarket_source.errors import (
    NoSuchRoute,
    NotFound,
    RequestRefused,
    UnexpectedResponse,
)
from amplemarket_source.streams.catalog import STREAMS, Stream
from amplemarket_source.streams.fetching import Ended, Part
from amplemarket_source.streams.store import StreamStore
from amplemarket_source.transform.listing import Glimpse, glimpse
from amplemarket_source.transform.values import Lossy, coerce

__all__ = ["Listings", "Reading"]

_CONTACTS_AT_ONCE = 20
"""(api-notes: contacts)"""
_OVER = ("completed", "skipped")
"""Of a task: nothing becomes of it any more (api-notes: workspace-fields)."""
_OVERLAP_OF_TASKS = timedelta(days=1)
_MOVING = ("queued", "processing")
_SLACK = timedelta(days=1)
"""Whose clock and zone a window is in is not known."""


@dataclass(frozen=True)
class Reading:
    """How one stream is to be read.

    Attributes:
        parts: to be read; made while the destination is not asked.
        known: what `StreamStore.begin` is to look at.
    """

    parts: Iterable[Part]
    known: dict[str, Any] = field(default_factory=dict)


class Listings:
    """The reading of every stream, by what the streams before it have shown.

    Args:
        overlap: how far before the last call known calls are read again.
        ids_to_ask: the ids by which a stream is read that no list leads to.
        is_full: read everything to its end, whatever is known.
    """

    def __init__(
        self,
        client: ApiClient,
        store: StreamStore,
        *,
        overlap: timedelta,
        ids_to_ask: Callable[[Stream], Iterator[str]],
        is_full: bool,
    ) -> None:
        self._client = client
        self._store = store
        self._overlap = overlap
        self._ids_to_ask = ids_to_ask
        self._is_full = is_full
        self._users: list[str] = []
        self._lists: dict[str, str | None] = {}
        self._statuses: list[str] = []
        self._shown: dict[str, list[str] | dict[str, str | None]] = {
            "users": self._users,
            "lead_lists": self._lists,
            "task_statuses": self._statuses,
        }
        self._complete: set[str] = set()

    def saw(self, stream: Stream, rows: Sequence[Glimpse]) -> None:
        """Rows of a stream were listed: what depends on them is read by them."""
        if stream.name == "users":
            self._users += [row.id for row in rows if isinstance(row.id, str)]
        elif stream.name == "task_statuses":
            self._statuses += [row.value for row in rows if isinstance(row.value, str)]
        elif stream.name == "lead_lists":
            for row in rows:
                if isinstance(row.id, str):
                    self._lists[row.id] = _state_of_list(row)

    def ended(self, stream: Stream) -> None:
        """A stream was read without trouble."""
        self._complete.add(stream.name)

    def reading(self, stream: Stream) -> Reading:
        """How to read a stream.

        Raises:
            ApiError: what it is read by cannot be listed.
            DestinationError: what is known cannot be read.
        """
        special: dict[str, Callable[[], Reading]] = {
            "calls": self._calls,
            "tasks": self._tasks,
            "lead_list_leads": self._lead_list_leads,
            "contacts": self._contacts,
            "job_openings": self._job_openings,
        }
        return special.get(stream.name, lambda: self._whole(stream))()

    def _whole(self, stream: Stream) -> Reading:
        size = [("page[size]", str(stream.page_size))] if stream.page_size else []
        return Reading([Part("", {}, lambda: _to_its_end(self._pages(stream, size)))])

    def _pages(
        self, stream: Stream, parameters: Sequence[tuple[str, str]] = (), part: str = ""
    ) -> Iterator[ListPage]:
        path = stream.path.replace("{part}", path_segment(part))
        return list_pages(self._client, path, stream.collection, parameters)

    def _listed(self, name: str) -> None:
        """See to it that what another stream is read by was listed, in this sync or now."""
        stream = STREAMS[name]
        if stream.name not in self._complete:
            self._shown[name].clear()
            for page in self._pages(stream):
                self.saw(stream, [glimpse(stream.prepare(row)) for row in page.rows])
            self.ended(stream)

    # Calls

    def _calls(self) -> Reading:
        stream = STREAMS["calls"]
        state = self._store.progress(stream.name).get("")
        last = None if self._is_full else moment_of(state)
        if last is None:
            return Reading([Part("", {}, lambda: self._calls_since(stream, None, None))])
        since = last - self._overlap
        # A day more: what the API lists around the edge is known as well.
        known = {"where": "start_date >= %s OR start_date IS NULL", "parameters": (since - _SLACK,)}
        return Reading([Part("", {}, lambda: self._calls_since(stream, since, state))], known)

    def _calls_since(
        self, stream: Stream, since: datetime | None, state: str | None
    ) -> Generator[ListPage, None, Ended]:
        parameters = [] if since is None else [("start_date_from", _iso(since))]
        newest = moment_of(state)
        for page in self._pages(stream, parameters):
            yield page
            began = [moment_of(glimpse(row).start_date) for row in page.rows]
            times = [time for time in began if time is not None]
            newest = max([*times, *([newest] if newest else [])], default=None)
            # Where the parameter is not heeded the newest still come first.
            if since is not None and times and max(times) < since - _SLACK:
                break
        return Ended(since is None, None if newest is None else newest.isoformat())

    # Tasks

    def _tasks(self) -> Reading:
        stream = STREAMS["tasks"]
        self._listed("users")
        try:
            self._listed("task_statuses")
        except (NoSuchRoute, NotFound, UnexpectedResponse):
            # Then no status is named: a task in one that nobody knows of must not look deleted.
            self._statuses.clear()
        before = {} if self._is_full else self._store.progress(stream.name)
        cursors = {user: moment_of(before.get(user)) for user in self._users}
        known: dict[str, Any] = {
            "part": f"t.{stream.part_column}",
            "is_over": "t.finished_on IS NOT NULL",
        }
        times = [time for time in cursors.values() if time is not None]
        if times and len(times) == len(cursors):
            # What is older is not listed, as long as tasks come in the order that they came in.
            known["where"] = "t.finished_on IS NULL OR t.finished_on >= %s"
            known["parameters"] = (min(times) - 2 * _OVERLAP_OF_TASKS,)
        return Reading(
            [
                Part(user, {}, partial(_unless_gone, self._tasks_of(stream, user, cursor)))
                for user, cursor in cursors.items()
            ],
            known,
        )

    def _tasks_of(
        self, stream: Stream, user: str, cursor: datetime | None
    ) -> Generator[ListPage, None, Ended]:
        """The open tasks of a user, then those that are over, as far as need be.

        Of a user who has gone since they were listed there are none.
        """
        if not self._statuses:
            return (yield from _to_its_end(self._pages(stream, [("user_id", user)])))
        still_open = self._store.known_open(user)
        for status in self._statuses:
            if status in _OVER:
                continue
            for page in self._pages(stream, [("user_id", user), ("status", status)]):
                yield page
                still_open.difference_update(
                    row.id for row in map(glimpse, page.rows) if isinstance(row.id, str)
                )
        # What is left of them has come to an end, or is gone.
        newest, is_whole, is_ordered = cursor, True, True
        for status in _OVER:
            oldest = datetime.max.replace(tzinfo=timezone.utc)
            for page in self._pages(stream, [("user_id", user), ("status", status)]):
                yield page
                for row in map(glimpse, page.rows):
                    still_open.discard(row.id)
                    finished = moment_of(row.finished_on)
                    is_ordered &= finished is not None and finished <= oldest
                    if finished is not None:
                        oldest = finished
                        newest = max(newest, finished) if newest else finished
                if (
                    cursor is not None
                    and is_ordered
                    and not still_open
                    and oldest < cursor - _OVERLAP_OF_TASKS
                    and page.next_link is not None
                ):
                    is_whole = False
                    break
        # In any other order nothing tells where to stop.
        return Ended(is_whole, newest.isoformat() if newest and is_ordered else None)

    # Lists

    def _lead_list_leads(self) -> Reading:
        stream = STREAMS["lead_list_leads"]
        self._listed("lead_lists")
        read = {} if self._is_full else self._store.progress(stream.name)
        moved = {
            lead_list: state
            for lead_list, state in self._lists.items()
            if state is None or read.get(lead_list, "") != state
        }
        known = {"part": f"t.{stream.part_column}"}
        return Reading(
            [
                Part(
                    lead_list,
                    {"lead_list_id": lead_list},
                    partial(_unless_gone, self._leads_of(stream, lead_list, state)),
                )
                for lead_list, state in moved.items()
            ],
            known if moved else {"where": "1 = 0"},
        )

    def _leads_of(
        self, stream: Stream, lead_list: str, state: str | None
    ) -> Generator[ListPage, None, Ended]:
        yield from self._pages(stream, part=lead_list)
        return Ended(state=state)

    def parts_of(self, stream: Stream) -> Collection[str] | None:
        """The users or lists by which a stream is read; None where nobody knows them all."""
        return self._shown[stream.needs] if stream.needs in self._complete else None

    # Contacts

    def _contacts(self) -> Reading:
        stream = STREAMS["contacts"]
        ids = self._ids_to_ask(stream)

        def parts() -> Iterator[Part]:
            while some := tuple(islice(ids, _CONTACTS_AT_ONCE)):
                yield Part("", {}, partial(self._contacts_of, stream, some))

        return Reading(parts())

    def _contacts_of(
        self, stream: Stream, ids: tuple[str, ...]
    ) -> Generator[ListPage, None, Ended]:
        found: set[Any] = set()
        try:
            for page in self._pages(stream, [("ids[]", one) for one in ids]):
                found |= {glimpse(row).id for row in page.rows}
                yield page
        except (NotFound, RequestRefused):
            # One of them may be no contact any more, and the others are asked for without it.
            if len(ids) == 1:
                return Ended(is_whole=False, missing=ids)
            half = len(ids) // 2
            first = yield from self._contacts_of(stream, ids[:half])
            second = yield from self._contacts_of(stream, ids[half:])
            return Ended(is_whole=False, missing=first.missing + second.missing)
        return Ended(is_whole=False, missing=tuple(one for one in ids if one not in found))

    # Job openings

    def _job_openings(self) -> Reading:
        stream = STREAMS["job_openings"]
        ids = self._ids_to_ask(stream)

        def parts() -> Iterator[Part]:
            for company in ids:
                yield Part(
                    company,
                    {"company_id": company},
                    partial(_unless_gone, self._openings_of(stream, company)),
                )

        return Reading(parts(), {"part": f"t.{stream.part_column}"})

    def _openings_of(self, stream: Stream, company: str) -> Generator[ListPage, None, Ended]:
        yield from self._pages(stream, [("company_id", company)])
        return Ended()


def _to_its_end(pages: Iterator[ListPage]) -> Generator[ListPage, None, Ended]:
    yield from pages
    return Ended()


def _unless_gone(pages: Generator[ListPage, None, Ended]) -> Generator[ListPage, None, Ended]:
    """The pages of a part that may be gone since it was listed, which is no trouble."""
    try:
        return (yield from pages)
    except NotFound:
        return Ended(is_whole=False, gone=True)


def _state_of_list(row: Glimpse) -> str | None:
    """What moves when the leads of a list do; None where nothing tells, or more are to come."""
    if row.updated_at is None or row.status in _MOVING:
        return None
    return orjson.dumps([row.status, row.updated_at]).decode()


def moment_of(text: Any) -> datetime | None:
    """A point in time as the API writes it; None for what is none."""
    try:
        found: datetime | None = coerce(text, "timestamp")
    except Lossy:
        return None
    return found


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
