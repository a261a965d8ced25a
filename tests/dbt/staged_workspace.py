"""What the staging views of the workspace's tables make of them.

As `tests.dbt.staging.STAGED`, of the second source: an ``id`` is called by what it is of, and so is
a ``name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from amplemarket_source.schema.table import DataType

__all__ = ["STAGED_WORKSPACE", "Staged"]


@dataclass(frozen=True)
class Staged:
    """What a staging view makes of a table.

    Attributes:
        renamed: staging name by the table's.
        left_out: columns that no model needs.
        dates: staging name of a date by the text column that holds it.
        also: fields that the API does not document, with what they are taken for and a description;
            null where no answer has had them.
        described: descriptions of columns that the declaration has none for.
        more: the variable names further columns, which are taken as they are.
        accepted: the values that a column has.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    dates: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, tuple[DataType, str]] = field(default_factory=dict)
    described: Mapping[str, str] = field(default_factory=dict)
    more: bool = False
    accepted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_MADE = {"created_at": "When it was made, UTC", "updated_at": "When it was changed last, UTC"}
_WITH = {
    "contact__id": "contact_id",
    "contact__name": "contact_name",
    "contact__email": "contact_email",
}
_WITH_DESCRIBED = {
    "contact__name": "Name of the contact it is about",
    "contact__email": "Address of the contact it is about",
}
_A_PERSON = {
    "email": "E-mail address",
    "first_name": "First name",
    "last_name": "Last name",
    "title": "Job title",
    "linkedin_url": "LinkedIn profile",
    "location": "Where, in one text",
    "company_name": "Name of the employer",
    "company_domain": "Domain of the employer",
}
_EXCLUSION = Staged(
    renamed={"source": "exclusion_source", "date_added": "excluded_at"},
    described={"date_added": "When it was put on the list, UTC"},
)

STAGED_WORKSPACE: dict[str, Staged] = {
    "users": Staged(
        renamed={"id": "user_id", "name": "user_name"},
        described={
            "name": "Name of the user",
            "email": "E-mail address, by which others name them",
        },
    ),
    "users__mailboxes": Staged(
        renamed={"id": "mailbox_id"}, described={"email": "Address of the mailbox"}
    ),
    "sequences": Staged(
        renamed={"id": "sequence_id", "name": "sequence_name"},
        described={
            "name": "Name of the sequence",
            "created_by_user_email": "Address of the user who made it",
            **_MADE,
        },
    ),
    "sequences__dynamic_fields_used": Staged(renamed={"value": "field_name"}),
    "mailboxes": Staged(
        renamed={
            "id": "mailbox_id",
            "user__id": "user_id",
            "user__name": "user_name",
            "user__email": "user_email",
        },
        described={
            "email": "Address of the mailbox",
            "user__name": "Name of that user",
            "user__email": "Address of that user",
            **_MADE,
        },
    ),
    "call_dispositions": Staged(
        renamed={"id": "disposition_id", "name": "disposition_name"},
        described={"name": "Name of the disposition", "slug": "The name as programs write it"},
    ),
    "task_types": Staged(renamed={"value": "task_type"}),
    "task_statuses": Staged(renamed={"value": "task_status"}),
    "excluded_domains": _EXCLUSION,
    "excluded_emails": _EXCLUSION,
    "lead_lists": Staged(
        renamed={
            "id": "lead_list_id",
            "name": "lead_list_name",
            "type": "lead_list_type",
            "shared": "is_shared",
            "visible": "is_visible",
            "owner__email": "owner_email",
            "options__reveal_phone_numbers": "reveals_phone_numbers",
            "options__validate_email": "validates_emails",
            "options__enrich": "enriches",
        },
        described={
            "name": "Name of the list",
            "options__reveal_phone_numbers": "Phone numbers are revealed for it",
            "options__validate_email": "Addresses are validated for it",
            "options__enrich": "Its leads are enriched",
            **_MADE,
        },
    ),
    "lead_list_leads": Staged(
        renamed={"id": "lead_list_lead_id"},
        described={
            **_A_PERSON,
            "industry": "Industry of the employer",
            "company_size": "Size of the employer, a label",
            "company_linkedin_url": "LinkedIn page of the employer",
        },
    ),
    "lead_list_leads__phone_numbers": Staged(
        renamed={"number": "phone_number"}, described={"number": "The number"}
    ),
    "calls": Staged(
        renamed={
            "id": "call_id",
            "from": "from_number",
            "to": "to_number",
            "duration": "duration_seconds",
            "answered": "is_answered",
            "human": "is_human",
            "external": "is_external",
            "start_date": "started_at",
            **_WITH,
        },
        described={
            "from": "The number that called",
            "to": "The number that was called",
            "transcription": "What was said",
            "notes": "What the user noted",
            "recording_url": "Where the recording is",
            "answered": "Somebody or something answered",
            "external": "It was made outside of the product",
            "user_email": "Address of the user who made it",
            "disposition_name": "Name of what it ended with",
            **_WITH_DESCRIBED,
        },
    ),
    "tasks": Staged(
        renamed={
            "id": "task_id",
            "automatic": "is_automatic",
            "type": "task_type",
            "status": "task_status",
            "due_on": "due_at",
            "finished_on": "finished_at",
            "sequence_key": "sequence_id",
            **_WITH,
        },
        described={
            "notes": "What the user noted",
            "sequence_name": "Name of its sequence",
            "user_email": "Address of the user whose task it is",
            **_WITH_DESCRIBED,
        },
    ),
    "accounts": Staged(
        renamed={"id": "account_id", "name": "account_name"},
        described={
            "name": "Name of the company",
            "website": "Website",
            "linkedin_url": "LinkedIn page",
            "last_contacted_at": "When somebody there was last written to or called, UTC",
            "last_engaged_at": "When somebody there last reacted, UTC",
        },
    ),
    "contacts": Staged(
        renamed={"id": "contact_id", "name": "full_name", "owner": "owner_email"},
        described={
            **_A_PERSON,
            "name": "Full name",
            "time_zone": "Time zone that they are in",
            "last_contacted_at": "When they were last written to or called, UTC",
        },
    ),
    "contacts__phone_numbers": Staged(
        renamed={"id": "phone_number_id", "number": "phone_number", "type": "phone_type"},
        left_out=("object",),
        described={
            "object": "What the item is, as the API says it",
            "number": "The number",
            "type": "Such as mobile, direct, office",
            "source": "Where it is known from",
            "is_wrong_number": "Known to be wrong",
            "is_dnc_listed": "On a do-not-call list",
        },
    ),
    "contacts__recent_activity": Staged(
        described={
            "event_at": "When it was, UTC",
            "event_type": "What it was, such as email_sent",
            "sequence_id": "The sequence it belongs to",
            "sequence_name": "Name of that sequence",
            "sequence_type": "Type of that sequence",
            "description": "What it was, in words",
            "notes": "What the user noted",
        },
    ),
    "job_openings": Staged(
        renamed={"id": "job_opening_id"},
        described={
            "title": "Title of the job",
            "url": "Where it is advertised",
            "raw_location": "Where it is, in one text",
            "description": "Description of the job",
            "raw_salary": "Salary, in one text",
            "first_seen_at": "When it was first seen, UTC",
            "last_seen_at": "When it was last seen, UTC",
        },
    ),
    "job_openings__seniorities": Staged(renamed={"value": "seniority"}),
    "job_openings__departments": Staged(renamed={"value": "department"}),
    "job_openings__job_functions": Staged(renamed={"value": "job_function"}),
    "job_openings__contract_types": Staged(renamed={"value": "contract_type"}),
    "_dlt_loads": Staged(),
}
"""Every table of `amplemarket_source.schema.streams`, and dlt's own of its loads."""
