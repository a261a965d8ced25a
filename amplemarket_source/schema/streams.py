"""The tables of the workspace: what the rest of the API lists, beside enrichment.

Fields are those of the vendor's pages, or of public clients where no page has them
(api-notes: workspace-fields). Points in time are typed, because streams are read by them. What else
arrives becomes a column of its own, as everywhere (`amplemarket_source.schema.fields`).
"""

from __future__ import annotations

from dataclasses import replace

from amplemarket_source.schema.declare import DLT, children, texts, values
from amplemarket_source.schema.table import Column, Table

__all__ = ["PROGRESS", "STREAM_TABLES", "stream_table"]

_KEPT = (
    Column(
        "deleted_at",
        "timestamp",
        "When a listing of all of them had it no more, UTC; null while it is there",
        own=True,
    ),
    Column("synced_at", "timestamp", "When this version of the row was read, UTC", own=True),
    Column(
        "row_hash",
        description="Of the row as the API sent it: while it stays, the row is not loaded again",
        own=True,
    ),
    *DLT,
)


def _time(name: str, description: str = "") -> Column:
    return Column(name, "timestamp", description)


def _person(*names: str) -> tuple[Column, ...]:
    return texts(*names, personal=True)


def _stream(
    name: str,
    description: str,
    *columns: Column,
    key: tuple[str, ...] = ("id",),
    about_people: bool = False,
    references: tuple[tuple[str, str], ...] = (),
) -> Table:
    """A table of one stream; its first column is the one the API tells rows apart by.

    Args:
        references: of single columns to the ``id`` of other tables.
    """
    first, *others = columns
    return Table(
        name=name,
        description=description,
        columns=(replace(first, nullable=False), *others, *_KEPT),
        key=key,
        open=True,
        from_api=True,
        about_people=about_people,
        references=tuple(((column,), table, ("id",)) for column, table in references),
    )


_ID = Column("id", description="ID at the API")
_CONTACT = (
    Column("contact__id", description="The contact it is about", personal=True),
    *_person("contact__name", "contact__email"),
)

_USERS = (
    _stream(
        "users",
        "A user of the account.",
        _ID,
        *_person("name", "email"),
        Column("status", description="Such as active"),
        Column("role", description="Such as sales_rep, admin"),
        about_people=True,
    ),
    children(
        "users",
        "user_id",
        "mailboxes",
        Column("id", description="The mailbox"),
        *_person("email"),
        about_people=True,
    ),
)

_SEQUENCES = (
    _stream(
        "sequences",
        "A sequence.",
        Column("id", description="40 hexadecimal digits; the sequence_key of tasks"),
        Column("name"),
        Column("status", description="Such as active, draft, paused, archived"),
        _time("created_at"),
        _time("updated_at"),
        Column("created_by_user_id", description="Spelt otherwise than in users: join by e-mail"),
        *_person("created_by_user_email"),
    ),
    values("sequences", "sequence_id", "dynamic_fields_used"),
)

_MAILBOXES = _stream(
    "mailboxes",
    "A mailbox of a user.",
    _ID,
    *_person("email"),
    Column("email_provider", description="google, outlook, other or other_mixed"),
    Column("daily_email_limit", "bigint", "E-mails a day"),
    Column("status", description="active, inactive or needs_reconnection"),
    Column("user__id", description="The user it belongs to"),
    *_person("user__name", "user__email"),
    _time("created_at"),
    _time("updated_at"),
    about_people=True,
    references=(("user__id", "users"),),
)

_CALL_DISPOSITIONS = _stream(
    "call_dispositions",
    "What a call can end with.",
    _ID,
    *texts("name", "slug"),
    Column("action", description="complete ends task and lead, next_stage does nothing"),
)

_VALUE = Column("value", description="The value")
_TASK_TYPES = _stream("task_types", "A type of tasks.", _VALUE, key=("value",))
_TASK_STATUSES = _stream("task_statuses", "A status of tasks.", _VALUE, key=("value",))

_EXCLUSION = (
    Column("source", description="amplemarket or salesforce"),
    Column("date_added", "timestamp"),
    Column("excluded_reason", description="Such as api, manual"),
)
_EXCLUDED_DOMAINS = _stream(
    "excluded_domains",
    "A domain that is never written to.",
    Column("domain", description="The domain"),
    *_EXCLUSION,
    key=("domain",),
)
_EXCLUDED_EMAILS = _stream(
    "excluded_emails",
    "An address that is never written to.",
    Column("email", description="The address", personal=True),
    *_EXCLUSION,
    key=("email",),
    about_people=True,
)

_LEAD_LISTS = _stream(
    "lead_lists",
    "A list of leads.",
    _ID,
    Column("name"),
    Column("status", description="queued, processing, completed or canceled"),
    Column("shared", "bool", "Shared with the account"),
    Column("visible", "bool", "Shown in the dashboard"),
    Column("owner__email", description="The user it belongs to", personal=True),
    Column("options__reveal_phone_numbers", "bool"),
    Column("options__validate_email", "bool"),
    Column("options__enrich", "bool"),
    Column("type", description="Such as linkedin, email, person, salesforce, hubspot"),
    Column("url", description="In the dashboard"),
    _time("created_at"),
    _time("updated_at"),
)

_LEAD_LIST_ID = Column("lead_list_id", description="The list", nullable=False, own=True)
_ENTRY_NUMBERS = children(
    "lead_list_leads", "_dlt_parent_id", "phone_numbers", *_person("number"), about_people=True
)
_LEAD_LIST_LEADS = (
    _stream(
        "lead_list_leads",
        "An entry of a list of leads.",
        Column("id", description="ID of the entry, which is no contact's"),
        _LEAD_LIST_ID,
        *_person("email", "first_name", "last_name", "title", "linkedin_url", "location"),
        *texts("company_name", "company_domain", "industry", "company_size"),
        Column("company_linkedin_url"),
        key=("lead_list_id", "id"),
        about_people=True,
        references=(("lead_list_id", "lead_lists"),),
    ),
    replace(
        _ENTRY_NUMBERS,
        # Two columns name an entry, so its row's own key, made of both, stands for them.
        columns=(
            _LEAD_LIST_ID,
            Column("lead_list_lead_id", description="The entry", nullable=False, own=True),
            *_ENTRY_NUMBERS.columns[1:],
        ),
        key=("_dlt_parent_id", "_dlt_list_idx"),
        references=(
            (("lead_list_id", "lead_list_lead_id"), "lead_list_leads", ("lead_list_id", "id")),
        ),
    ),
)

_CALLS = _stream(
    "calls",
    "A call.",
    _ID,
    Column("task_id", description="The task it was made for"),
    Column("user_id", description="The user who made it"),
    Column("disposition_id", description="What it ended with"),
    *_person("from", "to"),
    Column("duration", "bigint", "Seconds"),
    *_person("transcription", "notes", "recording_url"),
    Column("answered", "bool"),
    Column("human", "bool", "Somebody answered, no machine"),
    Column("external", "bool"),
    _time("start_date", "When it began, UTC"),
    *_CONTACT,
    *_person("user_email"),
    Column("disposition_name"),
    Column("direction", description="incoming or outgoing"),
    about_people=True,
    references=(("user_id", "users"), ("disposition_id", "call_dispositions")),
)

_TASKS = _stream(
    "tasks",
    "A task of a user.",
    _ID,
    Column("automatic", "bool", "The sequence does it"),
    Column("type", description="Such as email, phone_call; all are in task_types"),
    Column("status", description="Such as scheduled, completed, skipped; all are in task_statuses"),
    _time("due_on", "When it is to be done, UTC"),
    _time("finished_on", "When it was done or skipped, UTC"),
    Column("notes", personal=True),
    Column("sequence_key", description="The id of its sequence"),
    Column("sequence_name"),
    Column("user_id", description="Whose task it is"),
    *_person("user_email"),
    *_CONTACT,
    about_people=True,
    references=(("user_id", "users"), ("sequence_key", "sequences")),
)

_ACCOUNTS = _stream(
    "accounts",
    "A company that is worked on.",
    _ID,
    *texts("name", "website", "linkedin_url"),
    Column("owner_email", description="The user who works on it", personal=True),
    _time("last_contacted_at"),
    _time("last_engaged_at"),
)

_CONTACTS = (
    _stream(
        "contacts",
        "A person in the workspace, met in a task or a call.",
        Column(
            "id", description="ID at the API; the contact__id of tasks and calls", personal=True
        ),
        *_person("name", "first_name", "last_name", "email", "linkedin_url", "title", "location"),
        *texts("time_zone", "company_name", "company_domain"),
        Column("owner", description="The user who works on it", personal=True),
        _time("last_contacted_at"),
        about_people=True,
    ),
    children(
        "contacts",
        "contact_id",
        "phone_numbers",
        Column("object"),
        Column("id", description="The phone number's ID at the API"),
        *_person("number"),
        *texts("type", "source"),
        Column("is_wrong_number", "bool"),
        Column("is_dnc_listed", "bool"),
        about_people=True,
    ),
    children(
        "contacts",
        "contact_id",
        "recent_activity",
        _time("event_at"),
        *texts("event_type", "sequence_id", "sequence_name", "sequence_type"),
        *_person("description", "notes"),
        about_people=True,
    ),
)

_JOB_OPENINGS = (
    _stream(
        "job_openings",
        "A job that a loaded company has open.",
        _ID,
        Column("company_id", description="The company that was asked for", own=True),
        *texts("title", "url", "raw_location", "description", "raw_salary"),
        _time("first_seen_at"),
        _time("last_seen_at"),
    ),
    *(
        values("job_openings", "job_opening_id", path)
        for path in ("seniorities", "departments", "job_functions", "contract_types")
    ),
)

STREAM_TABLES: tuple[Table, ...] = (
    *_USERS,
    *_SEQUENCES,
    _MAILBOXES,
    _CALL_DISPOSITIONS,
    _TASK_TYPES,
    _TASK_STATUSES,
    _EXCLUDED_DOMAINS,
    _EXCLUDED_EMAILS,
    _LEAD_LISTS,
    *_LEAD_LIST_LEADS,
    _CALLS,
    _TASKS,
    _ACCOUNTS,
    *_CONTACTS,
    *_JOB_OPENINGS,
)

PROGRESS = Table(
    name="_amplemarket_streams",
    description="Internal: how far each part of a stream of the workspace was read.",
    columns=(
        Column("stream", nullable=False),
        Column(
            "part",
            description="Of a stream that is read in parts: the user, the list ...",
            nullable=False,
        ),
        Column("state", description="What was known of the part when it was read to its end"),
        Column("read_at", "timestamp", "When that was, UTC"),
        *DLT,
    ),
    key=("stream", "part"),
)


def stream_table(name: str) -> Table:
    """The table of the stream called ``name``.

    Raises:
        KeyError: there is none.
    """
    return {table.name: table for table in STREAM_TABLES}[name]
