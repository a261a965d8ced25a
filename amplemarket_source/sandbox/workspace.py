"""What is in the invented workspace, and how a test changes it between two syncs.

Every relation holds: a task's user and contact are there, a call's task, disposition, user and
contact too, a mailbox belongs to a user, an entry of a lead list is a person that enrichment gives.
The fields are those of the vendor's pages and of public clients (api-notes: workspace-fields);
**their values are invented**, and so are the names of dispositions and the types of tasks beyond
``email`` and ``phone_call``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any, Literal

from amplemarket_source.sandbox.collection import (
    ADDED,
    Collection,
    Keys,
    Listing,
    Row,
    hex_keys,
    uuid_keys,
)
from amplemarket_source.sandbox.identity import company_subject
from amplemarket_source.sandbox.options import Clock, SandboxOptions, WorkspaceSizes
from amplemarket_source.sandbox.people import CITIES, company, person
from amplemarket_source.sandbox.population import full_name, number_of, subject_at

__all__ = ["OWNERS", "Stream", "Workspace", "iso"]

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

OWNERS = 1024
"""Tasks are numbered user by user and entries list by list, for at most this many of either."""

_PERSON = ("id", "name", "email")
_GOALS = ("renewals", "new logos", "follow up", "event invitees", "win back")
_DONE = ("completed", "scheduled", "skipped", "completed")
_EPOCH = datetime(2024, 1, 1, 8, tzinfo=timezone.utc)
_USER_DOMAIN = "workspace.example"
_DISPOSITIONS = (
    ("Meeting booked", "complete"),
    ("Not interested", "complete"),
    ("Wrong number", "complete"),
    ("Call back later", "next_stage"),
    ("Left a voicemail", "next_stage"),
    ("No answer", "next_stage"),
)
TASK_TYPES = ("email", "phone_call", "linkedin_message", "custom_task")
TASK_STATUSES = ("scheduled", "completed", "skipped")
_SEQUENCE_STATUSES = (
    "active", "active", "paused", "draft", "archived", "active", "archiving", "pausing", "resuming",
)  # fmt: skip
_LIST_TYPES = (
    "linkedin", "email", "title_and_company", "name_and_company", "salesforce", "hubspot",
    "person", "adaptive",
)  # fmt: skip
_LIST_STATUSES = ("completed", "completed", "completed", "processing", "queued", "canceled")
_PROVIDERS = ("google", "outlook", "other", "other_mixed")
_TIME_ZONES = ("Europe/Lisbon", "America/New_York", "Europe/Zurich", "Asia/Tokyo")
_SENIORITIES = ("Senior", "Manager", "Entry", "Director")
_DEPARTMENTS = ("Engineering & Technical", "Marketing", "Revenue", "Finance & Accounting")
_FUNCTIONS = ("Software Engineering", "Sales & Partnerships", "Support")
_JOB_TITLES = ("Data Engineer", "Account Executive", "Product Marketer", "Financial Analyst")


def iso(moment: datetime, *, milliseconds: bool = False) -> str:
    """As the API writes a time: UTC, ``Z``, to the second, or to the millisecond."""
    kind = "milliseconds" if milliseconds else "seconds"
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec=kind) + "Z"


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

        def stream(
            name: str, make: Callable[[int], Row], *, keys: Keys | None = None, **rest: Any
        ) -> Collection:
            def has(number: int) -> bool:
                return number in self.numbers(name)

            return Collection(
                keys or uuid_keys(self.seed, name), make, rest.pop("has", has), **rest
            )

        self.streams: dict[str, Collection] = {
            "users": stream("users", self._user),
            "sequences": stream(
                "sequences",
                self._sequence,
                keys=hex_keys(self.seed, "sequences"),
                is_newest_first=True,
            ),
            "mailboxes": stream("mailboxes", self._mailbox),
            "calls": stream("calls", self._call, is_newest_first=True),
            "call_dispositions": stream("call_dispositions", self._disposition),
            "tasks": stream(
                "tasks",
                self._task,
                has=lambda number: self._is_owned(number, "users", "tasks_per_user"),
            ),
            "excluded_domains": stream(
                "excluded_domains",
                self._excluded_domain,
                keys=_text_keys("blocked-{}.example"),
                key="domain",
            ),
            "excluded_emails": stream(
                "excluded_emails",
                self._excluded_email,
                keys=_text_keys("stop.{}@blocked.example"),
                key="email",
            ),
            "lead_lists": stream("lead_lists", self._lead_list, is_newest_first=True),
            "lead_list_leads": stream(
                "lead_list_leads",
                self._entry,
                has=lambda number: self._is_owned(number, "lead_lists", "leads_per_list"),
            ),
            "accounts": stream("accounts", self._account),
            "contacts": stream("contacts", self._contact),
            "job_openings": stream("job_openings", self._job_opening, has=lambda _: True),
        }
        self.streams["users"].fields["mailboxes"] = self._mailboxes_of

    # What a test or a user does with it.

    def rows(self, stream: Stream, *, owner: str | None = None) -> list[Row]:
        """All rows of a stream as the API shows them now, in its order.

        Args:
            owner: the id of the user whose tasks, or of the list whose leads are wanted; those
                two streams have no rows without.
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
                fields = {"user": {name: user[name] for name in _PERSON}} | fields
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
            return range(len(_DISPOSITIONS))
        return range(getattr(self.sizes, stream, 0))

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

    def calls_between(self, start: datetime | None, stop: datetime | None) -> range:
        """The numbers of the calls that may have started between two times."""
        step = self.sizes.seconds_between_calls
        first = 0 if start is None else int((start - _EPOCH).total_seconds() // step)
        last = self.sizes.calls
        if stop is not None:
            last = min(last, int((stop - _EPOCH).total_seconds() // step) + 1)
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

    def job_openings(
        self, company_id: str, matches: Callable[[Row], bool] | None = None
    ) -> Listing:
        """The openings of a company, by its id."""
        first = int.from_bytes(blake2b(company_id.encode(), digest_size=3).digest(), "big") << 7
        each = min(128, self.sizes.job_openings_per_company)
        return self.listing(
            "job_openings", matches, numbers=range(first, first + each), owner=company_id
        )

    def _existing(self, stream: Stream, key: str) -> Row:
        row = self.streams[stream].find(key)
        if row is None:
            raise KeyError(key)
        return row

    def _is_owned(self, number: int, owners: str, each: str) -> bool:
        turn, whose = divmod(number, OWNERS)
        return whose < getattr(self.sizes, owners) and turn < int(getattr(self.sizes, each))

    # How a row is made.

    def _drawn(self, stream: str, number: int) -> int:
        text = f"{self.seed}/{stream}/{number}".encode()
        return int.from_bytes(blake2b(text, digest_size=6).digest(), "big")

    def _time(self, number: int, hours: float = 1.0) -> datetime:
        return self._clock.now() if number >= ADDED else _EPOCH + timedelta(hours=hours * number)

    def _choice(self, stream: str, number: int, options: tuple[Any, ...]) -> Any:
        return options[self._drawn(stream, number) % len(options)]

    def _user(self, number: int) -> Row:
        first, last = full_name(self.seed, number)
        return {
            "id": self.streams["users"].keys.make(number),
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{number}@{_USER_DOMAIN}".lower(),
            "status": "inactive" if number % 9 == 8 else "active",
            "role": "admin" if number % 10 == 0 else "sales_rep",
        }

    def _mailboxes_of(self, user: Row) -> list[Row]:
        number = self.streams["users"].keys.read(user["id"])
        own = range(0)
        if number is not None and number < self._mailbox_owners:
            own = range(number, self.sizes.mailboxes, self._mailbox_owners)
        boxes = self.listing("mailboxes", numbers=own, owner=user["id"])
        return [{"id": box["id"], "email": box["email"]} for box in boxes]

    @property
    def _mailbox_owners(self) -> int:
        """The last user has no mailbox."""
        return max(1, self.sizes.users - 1)

    def _some_user(self, number: int) -> Row:
        return self.streams["users"].named(number % max(1, self.sizes.users))

    def _sequence(self, number: int) -> Row:
        created = self._time(number, 5)
        creator = self._some_user(number)
        key = self.streams["sequences"].keys.make(number)
        creator_id = creator["id"]
        if self._options().creator_ids == "hex":
            creator_id = hex_keys(self.seed, "creators").make(number % max(1, self.sizes.users))
        return {
            "id": key,
            "name": f"Sequence {number}: {self._choice('goals', number, _GOALS)}",
            "status": _SEQUENCE_STATUSES[number % len(_SEQUENCE_STATUSES)],
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(minutes=self._drawn("updated", number) % 3000)),
            "created_by_user_id": creator_id,
            "created_by_user_email": creator["email"],
            "dynamic_fields_used": ["first_name", "company_name"][: number % 3],
            "_links": {"self": {"href": f"/sequences/{key}"}},
        }

    def _mailbox(self, number: int) -> Row:
        owner = self._some_user(number % self._mailbox_owners)
        created = self._time(number, 3)
        local, _, domain = owner["email"].partition("@")
        return {
            "id": self.streams["mailboxes"].keys.make(number),
            "email": f"{local}.box{number}@{domain}",
            "email_provider": _PROVIDERS[number % len(_PROVIDERS)],
            "daily_email_limit": 20 + number % 5 * 20,
            "status": "needs_reconnection" if number % 11 == 10 else "active",
            "user": {name: owner[name] for name in _PERSON},
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(hours=self._drawn("boxes", number) % 500)),
        }

    def _disposition(self, number: int) -> Row:
        name, action = _DISPOSITIONS[number % len(_DISPOSITIONS)]
        return {
            "id": self.streams["call_dispositions"].keys.make(number),
            "name": name,
            "slug": name.lower().replace(" ", "_"),
            "action": action,
        }

    def _contact_named(self, number: int, *, share: int) -> Row | None:
        """Who a task or call is with; every ``share``-th is with nobody."""
        if not self.sizes.contacts or number % share == share - 1:
            return None
        contact = self.streams["contacts"].named(self._drawn("with", number) % self.sizes.contacts)
        return {name: contact[name] for name in _PERSON}

    def _task(self, number: int) -> Row:
        turn, whose = divmod(number, OWNERS)
        user = self._some_user(whose)
        kind = turn % 3
        due = self._time(number if number >= ADDED else turn, 6)
        status = "scheduled" if number >= ADDED else _DONE[turn // 3 % len(_DONE)]
        sequence = None
        if self.sizes.sequences and turn % 5 != 4:
            sequence = self.streams["sequences"].named(number % self.sizes.sequences)
        return {
            "id": self.streams["tasks"].keys.make(number),
            "automatic": kind == 0 and turn % 2 == 0,
            "type": TASK_TYPES[kind] if kind < 2 else TASK_TYPES[2 + turn % 2],
            "status": status,
            "due_on": iso(due),
            "finished_on": None if status == "scheduled" else iso(due + timedelta(hours=2)),
            "notes": f"Invented note {turn}" if turn % 4 == 0 else None,
            "sequence_key": sequence["id"] if sequence else None,
            "sequence_name": sequence["name"] if sequence else None,
            "user_id": user["id"],
            "user_email": user["email"],
            "contact": self._contact_named(number, share=11),
        }

    def _call(self, number: int) -> Row:
        owners = max(1, min(OWNERS, self.sizes.users))
        user = self._some_user(number % owners)
        task = None
        if self.sizes.tasks_per_user >= 2:
            # Every third task of a user is a phone call, the first of them the second task.
            turn = 1 + 3 * (number // owners % max(1, (self.sizes.tasks_per_user + 1) // 3))
            task = self.streams["tasks"].named(turn * OWNERS + number % owners)
        drawn = self._drawn("calls", number)
        answered = drawn % 3 > 0
        disposition = None
        if drawn % 10:
            disposition = self.streams["call_dispositions"].named(
                drawn % (len(_DISPOSITIONS) - 1) if answered else len(_DISPOSITIONS) - 1
            )
        key = self.streams["calls"].keys.make(number)
        start = self._time(number, self.sizes.seconds_between_calls / 3600)
        is_incoming = number % 9 == 8
        ours, theirs = f"+1555{number % 97:07d}", f"+1556{drawn % 10_000_000:07d}"
        return {
            "id": key,
            "from": theirs if is_incoming else ours,
            "to": ours if is_incoming else theirs,
            "duration": 20 + drawn % 600 if answered else 0,
            "transcription": "Hello? — Yes, this is an invented call." if drawn % 12 == 1 else None,
            "notes": f"Invented note {number}" if number % 4 == 0 else None,
            "recording_url": f"https://recordings.example/{key}.mp3" if answered else None,
            "answered": answered,
            "human": answered and drawn % 5 > 0,
            "external": number % 6 == 5,
            "start_date": iso(start),
            "task_id": task["id"] if task else None,
            "user_id": user["id"],
            "user_email": user["email"],
            "disposition_id": disposition["id"] if disposition else None,
            "disposition_name": disposition["name"] if disposition else None,
            "direction": "incoming" if is_incoming else "outgoing",
            "contact": task["contact"] if task else self._contact_named(number, share=11),
        }

    def _excluded(self, stream: str, member: str, number: int) -> Row:
        return {
            member: self.streams[stream].keys.make(number),
            "source": "salesforce" if number % 4 == 3 else "amplemarket",
            "date_added": iso(self._time(number, 7), milliseconds=True),
            "excluded_reason": "api" if number % 3 == 0 else "manual",
            "_links": {"self": {"href": f"/{stream.replace('_', '-')}"}},
        }

    def _excluded_domain(self, number: int) -> Row:
        return self._excluded("excluded_domains", "domain", number)

    def _excluded_email(self, number: int) -> Row:
        return self._excluded("excluded_emails", "email", number)

    def _lead_list(self, number: int) -> Row:
        key = self.streams["lead_lists"].keys.make(number)
        owner = self._some_user(number)["email"]
        created = self._time(number, 30)
        return {
            "id": key,
            "name": f"List {number}: {self._choice('lists', number, _GOALS)}",
            "status": _LIST_STATUSES[number % len(_LIST_STATUSES)],
            "shared": number % 2 == 0,
            "visible": number % 7 != 6,
            "owner": owner if self._options().list_owner == "email" else {"email": owner},
            "options": {
                "reveal_phone_numbers": number % 3 == 0,
                "validate_email": number % 2 == 0,
                "enrich": True,
            },
            "type": _LIST_TYPES[number % len(_LIST_TYPES)],
            "url": f"https://app.example/lead-lists/{key}",
            "created_at": iso(created),
            "updated_at": iso(created + timedelta(minutes=self._drawn("read", number) % 900)),
        }

    def _person(self, number: int) -> Row:
        return person(
            subject_at(self.seed, number),
            self._options().variant,
            reveal_email=True,
            reveal_phone_numbers=True,
        )

    def _entry(self, number: int) -> Row:
        turn, whose = divmod(number, OWNERS)
        of = self._person(whose * 50_021 + turn)
        employer = of["company"]
        return {
            "id": self.streams["lead_list_leads"].keys.make(number),
            "email": None if turn % 10 == 9 else of["email"],
            "first_name": of["first_name"],
            "last_name": of["last_name"],
            "title": of["title"],
            "linkedin_url": of["linkedin_url"],
            "company_name": employer["name"],
            "company_domain": (employer["website"] or "").removeprefix("https://"),
            "industry": employer["industry"],
            "phone_numbers": [{"number": phone["number"]} for phone in of["phone_numbers"]],
            "company_size": employer["size"],
            "location": of["location"],
            "company_linkedin_url": employer["linkedin_url"],
        }

    def _account(self, number: int) -> Row:
        domain = f"company-{number:03d}.example"
        of = company(company_subject(domain), self._options().variant)
        contacted = self._time(number, 11)
        return {
            "id": self.streams["accounts"].keys.make(number),
            "name": of["name"],
            "website": of["website"],
            "linkedin_url": of["linkedin_url"],
            "owner_email": self._some_user(number)["email"],
            "last_contacted_at": iso(contacted) if number % 4 else None,
            "last_engaged_at": iso(contacted + timedelta(hours=9)) if number % 4 > 1 else None,
        }

    def _contact(self, number: int) -> Row:
        of = self._person(number)
        first_seen = self._time(number, 2)
        return {
            "id": self.streams["contacts"].keys.make(number),
            "name": of["name"],
            "first_name": of["first_name"],
            "last_name": of["last_name"],
            "email": None if number % 13 == 12 else of["email"],
            "linkedin_url": of["linkedin_url"],
            "title": of["title"],
            "location": of["location"],
            "time_zone": _TIME_ZONES[number % len(_TIME_ZONES)],
            "company_name": of["company"]["name"],
            "company_domain": (of["company"]["website"] or "").removeprefix("https://"),
            "owner": self._some_user(number)["email"],
            "last_contacted_at": iso(first_seen) if number % 3 else None,
            "phone_numbers": of["phone_numbers"],
            "recent_activity": [self._activity(number, turn) for turn in range(number % 3)],
        }

    def _activity(self, number: int, turn: int) -> Row:
        sequence = None
        if self.sizes.sequences:
            sequence = self.streams["sequences"].named((number + turn) % self.sizes.sequences)
        return {
            "event_at": iso(self._time(number, 2) + timedelta(days=turn)),
            "event_type": ("email_sent", "email_opened", "email_replied")[turn % 3],
            "sequence_id": sequence["id"] if sequence else None,
            "sequence_name": sequence["name"] if sequence else None,
            "sequence_type": "outbound",
            "description": f"Invented event {turn}",
            "notes": None,
        }

    def _job_opening(self, number: int) -> Row:
        drawn = self._drawn("openings", number)
        seen = self._time(drawn % 10_000)
        key = self.streams["job_openings"].keys.make(number)
        place = ", ".join(CITIES[drawn % len(CITIES)])
        return {
            "id": key,
            "title": _JOB_TITLES[drawn % len(_JOB_TITLES)],
            "url": f"https://jobs.example/{key}",
            "raw_location": "Remote" if drawn % 4 == 0 else place,
            "first_seen_at": iso(seen),
            "seniorities": [_SENIORITIES[drawn % len(_SENIORITIES)]],
            "departments": [_DEPARTMENTS[drawn % len(_DEPARTMENTS)]],
            "job_functions": [_FUNCTIONS[drawn % len(_FUNCTIONS)]],
            # Only the page of one opening has these:
            "description": f"An invented job in {place}.",
            "raw_salary": f"{40 + drawn % 60}k" if drawn % 3 else None,
            "last_seen_at": iso(seen + timedelta(days=drawn % 60)),
            "contract_types": ["full_time"] if drawn % 5 else [],
        }
