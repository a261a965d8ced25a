"""The endpoints of the workspace: what each takes, and what it gives (api-notes: lists, contacts,
workspace-fields)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from amplemarket_source.sandbox.collection import Listing, Row, SortedListing
from amplemarket_source.sandbox.endpoint import Endpoint, Handler, Limit
from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse, refusal
from amplemarket_source.sandbox.identity import subject_of
from amplemarket_source.sandbox.listing import (
    Filters,
    contains,
    equals,
    is_true,
    listed,
    moment,
    needed,
    one_of,
    wanted,
)
from amplemarket_source.sandbox.state import Sandbox
from amplemarket_source.sandbox.validation import BadRequest, Paging, missing, unsupported
from amplemarket_source.sandbox.workspace import Workspace

__all__ = ["WORKSPACE_ENDPOINTS"]

CONTACT_IDS = 20
"""At most this many in one call (api-notes: contacts)."""

_TWENTY = Paging(default=20, most=100)
_MAILBOXES = Paging(default=20, most=20)
_ENTRIES = Paging(default=100, most=100)
_EXCLUDED = Paging(default=2000, most=2000, size_name="size")
_OPENING_DETAILS = ("description", "raw_salary", "last_seen_at", "contract_types")


def _stream(
    name: str, filters: Filters, *, paging: Paging = _TWENTY, key: str = "id", stream: str = ""
) -> Handler:
    def answer(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        matches = wanted(exchange, filters)
        listing = sandbox.workspace.listing(stream or name, matches)
        return listed(exchange, name, listing, paging, key=key)

    return answer


def _one(stream: str, parameter: str, what: str) -> Handler:
    def answer(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        row = sandbox.workspace.streams[stream].find(exchange.parameters[parameter])
        return _not_found(what) if row is None else SandboxResponse(200, row)

    return answer


def _not_found(what: str) -> SandboxResponse:
    return refusal(404, "not_found", f"{what} Not Found")  # the code is invented


def _values(name: str, values: Callable[[Workspace], list[str]]) -> Handler:
    def answer(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        links = {"self": {"href": exchange.path}}
        return SandboxResponse(200, {name: values(sandbox.workspace), "_links": links})

    return answer


def _owner_of_list(text: str) -> Callable[[Row], bool]:
    def matches(row: Row) -> bool:
        owner = row["owner"]
        return bool((owner["email"] if isinstance(owner, dict) else owner) == text)

    return matches


def _lead_lists(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    def owner_id(text: str) -> Callable[[Row], bool]:
        user = sandbox.workspace.streams["users"].find(text)
        return _owner_of_list(user["email"] if user else "")

    filters = {"status": equals("status"), "owner_email": _owner_of_list, "owner_id": owner_id}
    listing = sandbox.workspace.listing("lead_lists", wanted(exchange, filters))
    return listed(exchange, "lead_lists", listing, _TWENTY)


def _lead_list(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    lead_list = sandbox.workspace.streams["lead_lists"].find(exchange.parameters["key"])
    if lead_list is None:
        return _not_found("Lead List")
    listing = sandbox.workspace.listing(
        "lead_list_leads", wanted(exchange, {}), owner=lead_list["id"]
    )
    return listed(exchange, "leads", listing, _ENTRIES, around=lead_list)


def _tasks(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    owner = needed(exchange, "user_id")
    now = sandbox.clock.now()

    def hour(text: str, name: str) -> int:
        if not text.isdecimal() or int(text) > 23:
            raise BadRequest([unsupported("Must be from 0 to 23", parameter=name)])
        return int(text)

    def local_hour(row: Row) -> int:
        contact = row["contact"] and sandbox.workspace.streams["contacts"].find(
            row["contact"]["id"]
        )
        return now.astimezone(ZoneInfo(contact["time_zone"])).hour if contact else -1

    def since(text: str) -> Callable[[Row], bool]:
        first = hour(text, "contact_local_time_from")
        return lambda row: local_hour(row) >= first

    def until(text: str) -> Callable[[Row], bool]:
        last = hour(text, "contact_local_time_to")
        return lambda row: 0 <= local_hour(row) <= last

    def opened(text: str) -> Callable[[Row], bool]:
        if not text.isdecimal():
            raise BadRequest([unsupported("Must be a whole number", parameter="message_opens")])
        return lambda row: int(row["id"][-1], 16) % 5 >= int(text)  # no field of a task says it

    def keyword(text: str) -> Callable[[Row], bool]:
        named = contains("name", "email")(text)
        return lambda row: bool(row["contact"]) and named(row["contact"])

    filters: Filters = {
        "automatic": is_true("automatic", "automatic"),
        "type": equals("type"),
        "status": equals("status"),
        "sequence_key": equals("sequence_key"),
        "contact_local_time_from": since,
        "contact_local_time_to": until,
        "message_opens": opened,
        "keyword": keyword,
    }
    matches = wanted(exchange, filters, known=["user_id"])
    workspace = sandbox.workspace
    listing: Listing | SortedListing = workspace.listing("tasks", matches, owner=owner)
    if exchange.options.task_order != "oldest_first":
        listing = workspace.tasks_of(owner, matches)
    return listed(exchange, "tasks", listing, _TWENTY)


def _calls(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    given = dict(exchange.query)
    bounds = {
        name: moment(given[name], name) if given.get(name) else None
        for name in ("start_date_from", "start_date_to")
    }
    start, stop = bounds["start_date_from"], bounds["start_date_to"]
    narrowed = wanted(
        exchange,
        {"user_id": equals("user_id"), "from": equals("from"), "to": equals("to")},
        known=bounds,
    )

    def matches(row: Row) -> bool:
        began = moment(row["start_date"], "")
        in_time = (start is None or began >= start) and (stop is None or began <= stop)
        return in_time and (narrowed is None or narrowed(row))

    workspace = sandbox.workspace
    is_narrow = start is not None or stop is not None or narrowed is not None
    listing = workspace.listing(
        "calls", matches if is_narrow else None, numbers=workspace.calls_between(start, stop)
    )
    return listed(exchange, "calls", listing, _TWENTY)


_SILENCE = (b"\xff\xfb\x90\x00" + bytes(413)) * 4  # four frames of an mp3 with nothing in them


def _recording(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    call = sandbox.workspace.streams["calls"].find(exchange.parameters["key"])
    if call is None or not call["recording_url"]:
        return _not_found("Recording")
    return SandboxResponse(200, None, {"Content-Type": "audio/mpeg"}, content=_SILENCE)


_TAGS = ("customer", "prospect", "partner")


def _accounts(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    def domain(text: str) -> Callable[[Row], bool]:
        return lambda row: (row["website"] or "").partition("://")[2] == text.casefold()

    def tag(text: str) -> Callable[[Row], bool]:
        return lambda row: _TAGS[int(row["id"][-1], 16) % 3] == text  # no field says it

    filters: Filters = {
        "name": contains("name"),
        "domain": domain,
        "owner_email": equals("owner_email"),
        "tags[]": tag,
    }
    listing = sandbox.workspace.listing("accounts", wanted(exchange, filters))
    return listed(exchange, "accounts", listing, _TWENTY)


def _contacts(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    workspace = sandbox.workspace
    ids = [text for name, text in exchange.query if name == "ids[]"]
    if len(ids) > CONTACT_IDS:
        raise BadRequest([unsupported(f"At most {CONTACT_IDS} ids", parameter="ids")])

    def account_id(text: str) -> Callable[[Row], bool]:
        account = workspace.streams["accounts"].find(text)
        domain = ((account or {}).get("website") or "").partition("://")[2]
        return lambda row: bool(domain) and row["company_domain"] == domain

    filters: Filters = {
        "name": contains("name"),
        "email": lambda text: lambda row: (row["email"] or "").casefold() == text.casefold(),
        "account_id": account_id,
    }
    matches = wanted(exchange, filters, known=["ids[]"])
    if not ids and matches is None:
        raise BadRequest([missing("ids is required", parameter="ids")])
    if not ids:
        return listed(exchange, "contacts", workspace.listing("contacts", matches), _TWENTY)
    found = [row for key in dict.fromkeys(ids) if (row := workspace.streams["contacts"].find(key))]
    exchange.rows_key = "contacts"
    rows = [row for row in found if matches is None or matches(row)]
    return SandboxResponse(200, {"contacts": rows, "_links": {"self": {"href": exchange.path}}})


def _contact_by_email(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    row = sandbox.workspace.contact_of_email(exchange.parameters["email"])
    return _not_found("Contact") if row is None else SandboxResponse(200, row)


_OPENINGS: Filters = {
    "person_seniorities[]": one_of("seniorities"),
    "person_departments[]": one_of("departments"),
    "person_job_functions[]": one_of("job_functions"),
    "only_remote": lambda text: lambda row: text != "true" or row["raw_location"] == "Remote",
}
_COMPANY = ("company_id", "domain", "linkedin_url")


def _job_openings(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    needed(exchange, *_COMPANY)
    matches = wanted(exchange, _OPENINGS, known=_COMPANY)
    given = {name: text for name, text in exchange.query if name in _COMPANY and text}
    company_id = given.pop("company_id", None) or subject_of("companies", given).entity_id
    listing = sandbox.workspace.listing("job_openings", matches, owner=company_id)
    answer = listed(exchange, "job_openings", listing, _TWENTY)
    document: dict[str, Any] = answer.document or {}
    document["job_openings"] = [
        {name: value for name, value in row.items() if name not in _OPENING_DETAILS}
        for row in document["job_openings"]
    ]
    return answer


_SEQUENCES: Filters = {
    "name": contains("name"),
    "status": equals("status"),
    "created_by_user_id": equals("created_by_user_id"),
    "created_by_user_email": equals("created_by_user_email"),
}
_USERS: Filters = {name: equals(name) for name in ("status", "role", "email")}
_MAILBOX_FILTERS: Filters = {
    "status": equals("status"),
    "email_provider": equals("email_provider"),
    "user_email": lambda text: lambda row: row["user"]["email"] == text,
}

WORKSPACE_ENDPOINTS = (
    Endpoint("GET", "/users", _stream("users", _USERS), "users and their mailboxes"),
    Endpoint("GET", "/sequences", _stream("sequences", _SEQUENCES), "sequences, newest first"),
    Endpoint(
        "GET",
        "/mailboxes",
        _stream("mailboxes", _MAILBOX_FILTERS, paging=_MAILBOXES),
        "mailboxes, at most 20 a page",
    ),
    Endpoint("GET", "/calls", _calls, "calls, newest first; start_date_from, start_date_to"),
    Endpoint(
        "GET",
        "/calls/dispositions",
        _stream("dispositions", {}, stream="call_dispositions"),
        "how a call can end",
    ),
    Endpoint(
        "GET",
        "/calls/{key}/recording",
        _recording,
        "the audio of a call, 50 an hour",
        limit=Limit(50, minutes=60),
    ),
    Endpoint("GET", "/tasks", _tasks, "the tasks of one user; user_id is required"),
    Endpoint(
        "GET",
        "/tasks/types",
        _values("types", lambda workspace: workspace.task_types),
        "types of tasks",
    ),
    Endpoint(
        "GET",
        "/tasks/statuses",
        _values("statuses", lambda workspace: workspace.task_statuses),
        "statuses of tasks",
    ),
    Endpoint(
        "GET",
        "/excluded-domains",
        _stream("excluded_domains", {}, paging=_EXCLUDED, key="domain", stream="excluded_domains"),
        "domains that are not written to",
    ),
    Endpoint(
        "GET",
        "/excluded-emails",
        _stream("excluded_emails", {}, paging=_EXCLUDED, key="email", stream="excluded_emails"),
        "addresses that are not written to",
    ),
    Endpoint("GET", "/lead-lists", _lead_lists, "lead lists without their leads"),
    Endpoint("GET", "/lead-lists/{key}", _lead_list, "a lead list, 100 leads a page"),
    Endpoint("GET", "/accounts", _accounts, "accounts"),
    Endpoint("GET", "/accounts/{key}", _one("accounts", "key", "Account"), "an account"),
    Endpoint("GET", "/contacts", _contacts, "contacts by ids[], at most 20"),
    Endpoint(
        "GET", "/contacts/email/{email:path}", _contact_by_email, "the contact with an address"
    ),
    Endpoint("GET", "/contacts/{key}", _one("contacts", "key", "Contact"), "a contact"),
    Endpoint(
        "GET", "/job-openings", _job_openings, "openings by company_id, domain or linkedin_url"
    ),
    Endpoint(
        "GET",
        "/job-openings/{key}",
        _one("job_openings", "key", "Job Opening"),
        "an opening with its description",
    ),
)
