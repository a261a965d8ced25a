"""How the rows of a workspace are made: those about users and what they do.

A row is a function of its number, the seed and the options, and made within microseconds. **All
values are invented**, and so are the types of tasks beyond ``email`` and ``phone_call``, and the
names of dispositions (api-notes: workspace-fields).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from amplemarket_source.sandbox.collection import ADDED, Collection, Row, drawn, hex_keys, salt_of
from amplemarket_source.sandbox.options import Clock, SandboxOptions, WorkspaceSizes
from amplemarket_source.sandbox.population import address, full_name

__all__ = ["DISPOSITIONS", "EPOCH", "OWNERS", "TASK_STATUSES", "TASK_TYPES", "RowMaker", "iso"]

OWNERS = 1024
"""Tasks are numbered user by user and entries list by list, for at most this many of either."""

EPOCH = datetime(2024, 1, 1, 8, tzinfo=timezone.utc)

DISPOSITIONS = (
    ("Meeting booked", "complete"),
    ("Not interested", "complete"),
    ("Wrong number", "complete"),
    ("Call back later", "next_stage"),
    ("Left a voicemail", "next_stage"),
    ("No answer", "next_stage"),
)
TASK_TYPES = ("email", "phone_call", "linkedin_message", "custom_task")
TASK_STATUSES = ("scheduled", "completed", "skipped")

_PERSON = ("id", "name", "email")
_USER_DOMAIN = "workspace.example"
_GOALS = ("renewals", "new logos", "follow up", "event invitees", "win back")
_DONE = ("completed", "scheduled", "skipped", "completed")
_SEQUENCE_STATUSES = (
    "active", "active", "paused", "draft", "archived", "active", "archiving", "pausing", "resuming",
)  # fmt: skip
_LIST_TYPES = (
    "linkedin", "email", "title_and_company", "name_and_company", "salesforce", "hubspot",
    "person", "adaptive",
)  # fmt: skip
_LIST_STATUSES = ("completed", "completed", "completed", "processing", "queued", "canceled")
_PROVIDERS = ("google", "outlook", "other", "other_mixed")


def iso(moment: datetime, *, milliseconds: bool = False) -> str:
    """As the API writes a time: UTC, ``Z``, to the second, or to the millisecond."""
    kind = "milliseconds" if milliseconds else "seconds"
    if moment.tzinfo is not timezone.utc:
        moment = moment.astimezone(timezone.utc)
    return moment.isoformat(timespec=kind)[: -len("+00:00")] + "Z"


class RowMaker:
    """Makes rows by their number.

    Args:
        options: the server's, asked for at each use; the ``seed`` in it counts once, here.
        clock: the time of rows that were added by hand.

    Attributes:
        streams: the collections by name, for the keys of other rows and their changes; whoever
            makes them puts them here.
    """

    def __init__(self, options: Callable[[], SandboxOptions], clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.seed = options().workspace.seed
        self.streams: dict[str, Collection] = {}
        self._salts: dict[str, int] = {}
        self._creators = hex_keys(self.seed, "creators")

    @property
    def sizes(self) -> WorkspaceSizes:
        """How much there is."""
        return self.options().workspace

    def drawn(self, what: str, number: int) -> int:
        """A number by lot, always the same for one thing of one row."""
        if what not in self._salts:
            self._salts[what] = salt_of(self.seed, what)
        return drawn(self._salts[what], number)

    def time(self, number: int, hours: float = 1.0) -> datetime:
        """When the row of a number came to be, with so many hours between two."""
        return self.clock.now() if number >= ADDED else EPOCH + timedelta(hours=hours * number)

    def key(self, stream: str, number: int) -> str:
        """The key of a row."""
        return self.streams[stream].keys.make(number)

    def some_user(self, number: int) -> Row:
        """A user as other rows name them, also one who has left since."""
        number %= max(1, self.sizes.users)
        return self.user(number) | self.streams["users"].changes(number)

    def user(self, number: int) -> Row:
        first, last = full_name(self.seed, number)
        return {
            "id": self.key("users", number),
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{number}@{_USER_DOMAIN}".lower(),
            "status": "inactive" if number % 9 == 8 else "active",
            "role": "admin" if number % 10 == 0 else "sales_rep",
        }

    @property
    def mailbox_owners(self) -> int:
        """How many users have mailboxes; the last one has none."""
        return max(1, self.sizes.users - 1)

    def sequence(self, number: int) -> Row:
        created = self.time(number, 5)
        creator = self.some_user(number)
        name, key = self._sequence_named(number), self.key("sequences", number)
        creator_id = creator["id"]
        if self.options().creator_ids == "hex":
            creator_id = self._creators.make(number % max(1, self.sizes.users))
        return {
            "id": key,
            "name": name,
            "status": _SEQUENCE_STATUSES[number % len(_SEQUENCE_STATUSES)],
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(minutes=self.drawn("moved", number) % 3000)),
            "created_by_user_id": creator_id,
            "created_by_user_email": creator["email"],
            "dynamic_fields_used": ["first_name", "company_name"][: number % 3],
            "_links": {"self": {"href": f"/sequences/{key}"}},
        }

    def _sequence_named(self, number: int) -> str:
        goal = _GOALS[self.drawn("goals", number) % len(_GOALS)]
        changed = self.streams["sequences"].changes(number)
        return str(changed.get("name", f"Sequence {number}: {goal}"))

    def some_sequence(self, number: int) -> tuple[str | None, str | None]:
        """Key and name of a sequence; of none where there is none."""
        if not self.sizes.sequences:
            return None, None
        number %= self.sizes.sequences
        return self.key("sequences", number), self._sequence_named(number)

    def mailbox(self, number: int) -> Row:
        owner = self.some_user(number % self.mailbox_owners)
        created = self.time(number, 3)
        local, _, domain = owner["email"].partition("@")
        return {
            "id": self.key("mailboxes", number),
            "email": f"{local}.box{number}@{domain}",
            "email_provider": _PROVIDERS[number % len(_PROVIDERS)],
            "daily_email_limit": 20 + number % 5 * 20,
            "status": "needs_reconnection" if number % 11 == 10 else "active",
            "user": {name: owner[name] for name in _PERSON},
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(hours=self.drawn("boxes", number) % 500)),
        }

    def disposition(self, number: int) -> Row:
        name, action = DISPOSITIONS[number % len(DISPOSITIONS)]
        return {
            "id": self.key("call_dispositions", number),
            "name": name,
            "slug": name.lower().replace(" ", "_"),
            "action": action,
        } | self.streams["call_dispositions"].changes(number)

    def contact_named(self, number: int) -> Row:
        """A contact as other rows name them."""
        first, last = full_name(self.seed, number)
        named: Row = {
            "id": self.key("contacts", number),
            "name": f"{first} {last}",
            "email": self.contact_email(number),
        }
        changed = self.streams["contacts"].changes(number)
        return named | {name: changed[name] for name in _PERSON if name in changed}

    def contact_email(self, number: int) -> str | None:
        """The address of a contact; every thirteenth has none."""
        return None if number % 13 == 12 else address(self.seed, number)

    def _with(self, number: int) -> Row | None:
        """Whom a task or call is with; every eleventh is with nobody."""
        if not self.sizes.contacts or number % 11 == 10:
            return None
        return self.contact_named(self.drawn("with", number) % self.sizes.contacts)

    def task(self, number: int) -> Row:
        turn, whose = divmod(number, OWNERS)
        user = self.some_user(whose)
        kind = turn % 3
        due = self.time(number if number >= ADDED else turn, 6)
        status = "scheduled" if number >= ADDED else _DONE[turn // 3 % len(_DONE)]
        key, name = self.some_sequence(number) if turn % 5 != 4 else (None, None)
        return {
            "id": self.key("tasks", number),
            "automatic": kind == 0 and turn % 2 == 0,
            "type": TASK_TYPES[kind] if kind < 2 else TASK_TYPES[2 + turn % 2],
            "status": status,
            "due_on": iso(due),
            "finished_on": None if status == "scheduled" else iso(due + timedelta(hours=2)),
            "notes": f"Invented note {turn}" if turn % 4 == 0 else None,
            "sequence_key": key,
            "sequence_name": name,
            "user_id": user["id"],
            "user_email": user["email"],
            "contact": self._with(number),
        }

    def call(self, number: int) -> Row:
        owners = max(1, min(OWNERS, self.sizes.users))
        user = self.some_user(number % owners)
        task = None
        if self.sizes.tasks_per_user >= 2:
            # Every third task of a user is a phone call, the first of them the second task.
            turn = 1 + 3 * (number // owners % ((self.sizes.tasks_per_user + 1) // 3))
            task = turn * OWNERS + number % owners
        contact = self._with(number if task is None else task)
        if task is not None:
            contact = self.streams["tasks"].changes(task).get("contact", contact)
        lot = self.drawn("calls", number)
        answered = lot % 3 > 0
        no_answer = len(DISPOSITIONS) - 1
        disposition: Row | None = None
        if lot % 10:
            disposition = self.disposition(lot % no_answer if answered else no_answer)
        key = self.key("calls", number)
        is_incoming = number % 9 == 8
        ours, theirs = f"+1555{number % 97:07d}", f"+1556{lot % 10_000_000:07d}"
        return {
            "id": key,
            "from": theirs if is_incoming else ours,
            "to": ours if is_incoming else theirs,
            "duration": 20 + lot % 600 if answered else 0,
            "transcription": "Hello? — Yes, this is an invented call." if lot % 12 == 1 else None,
            "notes": f"Invented note {number}" if number % 4 == 0 else None,
            "recording_url": f"https://recordings.example/{key}.mp3" if answered else None,
            "answered": answered,
            "human": answered and lot % 5 > 0,
            "external": number % 6 == 5,
            "start_date": iso(self.time(number, self.sizes.seconds_between_calls / 3600)),
            "task_id": None if task is None else self.key("tasks", task),
            "user_id": user["id"],
            "user_email": user["email"],
            "disposition_id": disposition["id"] if disposition else None,
            "disposition_name": disposition["name"] if disposition else None,
            "direction": "incoming" if is_incoming else "outgoing",
            "contact": contact,
        }

    def _excluded(self, stream: str, member: str, number: int) -> Row:
        return {
            member: self.key(stream, number),
            "source": "salesforce" if number % 4 == 3 else "amplemarket",
            "date_added": iso(self.time(number, 7), milliseconds=True),
            "excluded_reason": "api" if number % 3 == 0 else "manual",
            "_links": {"self": {"href": f"/{stream.replace('_', '-')}"}},
        }

    def excluded_domain(self, number: int) -> Row:
        return self._excluded("excluded_domains", "domain", number)

    def excluded_email(self, number: int) -> Row:
        return self._excluded("excluded_emails", "email", number)

    def lead_list(self, number: int) -> Row:
        key = self.key("lead_lists", number)
        owner: Any = self.some_user(number)["email"]
        created = self.time(number, 30)
        return {
            "id": key,
            "name": f"List {number}: {_GOALS[self.drawn('lists', number) % len(_GOALS)]}",
            "status": _LIST_STATUSES[number % len(_LIST_STATUSES)],
            "shared": number % 2 == 0,
            "visible": number % 7 != 6,
            "owner": owner if self.options().list_owner == "email" else {"email": owner},
            "options": {
                "reveal_phone_numbers": number % 3 == 0,
                "validate_email": number % 2 == 0,
                "enrich": True,
            },
            "type": _LIST_TYPES[number % len(_LIST_TYPES)],
            "url": f"https://app.example/lead-lists/{key}",
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(minutes=self.drawn("read", number) % 900)),
        }
