"""The streams of the workspace: where each is listed, and what it is read by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson

from amplemarket_source.errors import UsageError
from amplemarket_source.schema.bookkeeping import ERASURES, REJECTS
from amplemarket_source.schema.streams import PROGRESS, stream_table
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import children_of

__all__ = ["BOOKKEEPING", "STREAMS", "Stream", "streams_named"]

BOOKKEEPING: tuple[Table, ...] = (REJECTS, ERASURES, PROGRESS)
"""The tables that come with every stream."""


def _as_it_is(row: bytes) -> bytes:
    return row


def _value(row: bytes) -> bytes:
    """A scalar as the object that its row is made of."""
    return row if row.lstrip()[:1] in b"{[" else b'{"value":' + row + b"}"


def _owner(row: bytes) -> bytes:
    """A list whose owner is an object, as in some answers (api-notes: workspace-fields)."""
    try:
        found = orjson.loads(row)
    except orjson.JSONDecodeError:
        return row
    if not isinstance(found, dict) or not isinstance(found.get("owner"), str):
        return row
    return orjson.dumps({**found, "owner": {"email": found["owner"]}})


@dataclass(frozen=True)
class Stream:
    """One stream.

    Attributes:
        name: of the stream, its resource and its table.
        path: where it is listed; ``{part}`` stands for what it is read in parts by.
        collection: the key of the rows in a page.
        key: the field by which the API tells rows apart.
        page_size: where more than the default is known to be taken (api-notes: lists).
        needs: the stream whose rows say in which parts it is read.
        part_column: the column that says of a row which part it was listed in.
        by_default: read unless others are asked for.
        prepare: makes an object of a row.
        carried: our columns of child rows, and the row's columns that they are taken from.
    """

    name: str
    path: str
    collection: str
    key: str = "id"
    page_size: int | None = None
    needs: str = ""
    part_column: str = ""
    by_default: bool = True
    prepare: Callable[[bytes], bytes] = _as_it_is
    carried: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        return stream_table(self.name)

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its table and those of its lists."""
        return (self.table, *children_of(self.name))


_ALL = (
    Stream("users", "/users", "users"),
    Stream("sequences", "/sequences", "sequences", page_size=100),
    Stream("mailboxes", "/mailboxes", "mailboxes"),
    Stream("call_dispositions", "/calls/dispositions", "dispositions"),
    Stream("task_types", "/tasks/types", "types", "value", prepare=_value),
    Stream("task_statuses", "/tasks/statuses", "statuses", "value", prepare=_value),
    Stream("excluded_domains", "/excluded-domains", "excluded_domains", "domain"),
    Stream("excluded_emails", "/excluded-emails", "excluded_emails", "email"),
    Stream("lead_lists", "/lead-lists", "lead_lists", page_size=100, prepare=_owner),
    Stream(
        "lead_list_leads",
        "/lead-lists/{part}",
        "leads",
        needs="lead_lists",
        part_column="lead_list_id",
        carried={"lead_list_id": "lead_list_id", "lead_list_lead_id": "id"},
    ),
    Stream("calls", "/calls", "calls"),
    Stream("tasks", "/tasks", "tasks", needs="users", part_column="user_id"),
    Stream("accounts", "/accounts", "accounts"),
    Stream("contacts", "/contacts", "contacts"),
    Stream(
        "job_openings",
        "/job-openings",
        "job_openings",
        part_column="company_id",
        by_default=False,
    ),
)
STREAMS: dict[str, Stream] = {stream.name: stream for stream in _ALL}
"""In the order in which they are read: what one needs of another comes after it."""


def streams_named(names: Iterable[str] = ()) -> tuple[Stream, ...]:
    """The streams called ``names``, in the order in which they are read; the usual ones of none.

    Raises:
        UsageError: there is no such stream; the text lists those there are.
    """
    wanted = set(names)
    unknown = sorted(wanted - STREAMS.keys())
    if unknown:
        raise UsageError(
            f"There is no stream {', '.join(map(repr, unknown))}. Streams: {', '.join(STREAMS)}."
        )
    return tuple(s for s in _ALL if (s.name in wanted if wanted else s.by_default))
