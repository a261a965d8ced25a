"""The tables in which a run keeps its books: what was asked, what it cost, what became of it.

``leads``, ``enrichment_results``, ``enrichment_requests``, ``enrichment_runs``, ``rejects`` and
``erasures`` are for users to read; those that begin with ``_amplemarket`` are not.
"""

from __future__ import annotations

from amplemarket_source.schema.declare import DLT, texts
from amplemarket_source.schema.table import Column, Table

__all__ = [
    "BOOKKEEPING",
    "CHARGES",
    "ENRICHMENT_REQUESTS",
    "ENRICHMENT_RESULTS",
    "ENRICHMENT_RUNS",
    "ERASURES",
    "LEADS",
    "LOCK",
    "REJECTS",
    "REQUEST_LEADS",
]

_INPUT_KIND = "What identified it: email, linkedin_url, name or domain; stays when it is erased"

LEADS = Table(
    name="leads",
    description="An input row; two rows with one lead_key are one purchase.",
    columns=(
        Column("lead_id", description="Hash of lead_key and external_id", nullable=False),
        Column("lead_key", description="Hash of the identifying fields", nullable=False),
        Column("external_id", description="The user's own key, untouched"),
        Column("kind", description="people, companies or emails", nullable=False),
        Column("input_kind", description=_INPUT_KIND),
        *texts("email", "linkedin_url", personal=True),
        *texts("company_domain", "company_name"),
        *texts("name", "title", personal=True),
        Column("domain"),
        Column("first_seen_at", "timestamp", "When the row was first seen, UTC"),
        Column("erased_at", "timestamp", "When whom it told of was erased, UTC"),
        *DLT,
    ),
    key=("lead_id",),
)

ENRICHMENT_RESULTS = Table(
    name="enrichment_results",
    description="The latest outcome for a lead.",
    columns=(
        Column("kind", description="people, companies or emails", nullable=False),
        Column("lead_key", description="Hash of the identifying fields", nullable=False),
        Column(
            "status",
            description="enriched (of kind emails: there is a verdict), not_found, gdpr_removed or "
            "unanswered",
        ),
        Column("person_id", description="The person found"),
        Column("company_id", description="The company found, for kind companies"),
        Column("request_key", description="The enrichment request that answered"),
        Column("request_id", description="The API's id of that request"),
        Column("result_id", description="The API's id of the result row"),
        Column("input_kind", description=_INPUT_KIND),
        Column(
            "enriched_at",
            "timestamp",
            "When the answer was fetched, UTC; null for a lead whose request ended early",
        ),
        Column("erased_at", "timestamp", "When whom it told of was erased, UTC"),
        Column("reveal_email", "bool", "The request asked for e-mail addresses"),
        Column("reveal_phone_numbers", "bool", "The request asked for phone numbers"),
        *DLT,
    ),
    key=("kind", "lead_key"),
    open=True,
    about_people=True,
    references=((("person_id",), "people", ("id",)), (("company_id",), "companies", ("id",))),
)

ENRICHMENT_REQUESTS = Table(
    name="enrichment_requests",
    description="An enrichment request: the ledger of what was bought.",
    columns=(
        Column("request_key", description="Ours, made before the request is sent", nullable=False),
        Column("kind", description="people, companies or emails", nullable=False),
        Column("request_id", description="The API's id, once it took the request"),
        Column(
            "status",
            description="intended, submitted, queued, processing, completed, canceled, error, "
            "expired, held or dropped",
            nullable=False,
        ),
        Column("lead_count", "bigint"),
        Column("enriched_count", "bigint"),
        Column("not_found_count", "bigint"),
        Column("gdpr_removed_count", "bigint"),
        Column("unanswered_count", "bigint"),
        Column("email_credits_max", "double", "The most the request can cost"),
        Column("phone_credits_max", "double", "The most the request can cost"),
        Column("email_credits_estimated", "double", "What the answers cost by the vendor's rules"),
        Column("phone_credits_estimated", "double", "What the answers cost by the vendor's rules"),
        Column("submitted_at", "timestamp"),
        Column("completed_at", "timestamp"),
        Column("loaded_at", "timestamp", "When its answers went into the load of _dlt_load_id"),
        Column("account_id", description="The account that bought it, as the API calls it"),
        Column("origin", description="The API it was bought from"),
        Column("reveal_email", "bool", "E-mail addresses were asked for"),
        Column("reveal_phone_numbers", "bool", "Phone numbers were asked for"),
        Column("label", description="Who or what it was bought for"),
        Column("run_key", description="The run that bought it"),
        Column("error_code"),
        Column("error_detail"),
        *DLT,
    ),
    key=("request_key",),
)

ENRICHMENT_RUNS = Table(
    name="enrichment_runs",
    description="A run, also one with nothing to do.",
    columns=(
        Column("run_key", description="Made when the run starts", nullable=False),
        Column(
            "command", description="run, validate, resume, find, or extract: a plain pipeline.run"
        ),
        Column("label", description="Who or what the run was for"),
        Column("started_at", "timestamp"),
        Column(
            "finished_at", "timestamp", "Null while it lasts; of one that died, when that was found"
        ),
        Column("exit_code", "bigint", "0: every lead is settled; 1 also of one that died"),
        Column("leads_read", "bigint", "Rows of the input"),
        Column("leads_invalid", "bigint", "Rows that cannot be sent"),
        Column("leads_known", "bigint", "Leads with an outcome that is young enough"),
        Column("leads_bought", "bigint"),
        Column("leads_not_bought", "bigint", "Planned and not sent, for want of credits or else"),
        Column("requests_bought", "bigint"),
        Column("requests_held", "bigint", "Held when the run ended; they need a decision"),
        Column("email_credits_estimated", "double", "What the answers cost by the vendor's rules"),
        Column("phone_credits_estimated", "double", "What the answers cost by the vendor's rules"),
        Column("rows_loaded", "bigint", "Into all tables"),
        Column("version", description="Of this package"),
        *DLT,
    ),
    key=("run_key",),
)

REJECTS = Table(
    name="rejects",
    description="Something that could not be taken as it was.",
    columns=(
        Column("reject_id", description="Hash of what was rejected and why", nullable=False),
        Column("stage", description="lead, result or field", nullable=False),
        Column("reason", nullable=False),
        Column("source", description="Of an input row: the file or query"),
        Column("line", "bigint", "Of an input row: its line in a file, or its place in the input"),
        Column("external_id", description="Of an input row: the user's own key, untouched"),
        Column("lead_key"),
        Column("entity_id", description="The person or company concerned"),
        Column("request_key", description="The enrichment request whose answer it stood in"),
        Column("raw", description="The original", personal=True),
        Column("first_rejected_at", "timestamp", "When it was met first, UTC"),
        Column("rejected_at", "timestamp", "When it was met last, UTC"),
        *DLT,
    ),
    key=("reject_id",),
)

ERASURES = Table(
    name="erasures",
    description="An erasure, without the person.",
    columns=(
        Column("erasure_key", description="Hash of what was erased", nullable=False),
        Column("key_of", description="person, lead or identifier", nullable=False),
        Column("erased_at", "timestamp", "When it was through, UTC; null while it is under way"),
        Column("reason", description="api, request or retention"),
        *DLT,
    ),
    key=("erasure_key",),
)

REQUEST_LEADS = Table(
    name="_amplemarket_request_leads",
    description="Internal: which leads an unfinished enrichment request asks for.",
    columns=(
        Column("request_key", nullable=False),
        Column("lead_key", nullable=False),
        *DLT,
    ),
    key=("request_key", "lead_key"),
)

CHARGES = Table(
    name="_amplemarket_charges",
    description="Internal: the last charge of each sort for each person and company found.",
    columns=(
        Column("charge_key", description="Hash of who was found, not the id", nullable=False),
        Column("reason", description="found, email or phone", nullable=False),
        Column("request_key", description="The enrichment request that was charged"),
        Column("charged_at", "timestamp", "When that request was taken, UTC"),
        *DLT,
    ),
    key=("charge_key", "reason"),
)

LOCK = Table(
    name="_amplemarket_lock",
    description="Internal: which run may buy and load.",
    columns=(
        Column("name", nullable=False),
        Column("owner", description="The work folder whose run it is"),
        Column("acquired_at", "timestamp"),
        Column("expires_at", "timestamp"),
        *DLT,
    ),
    key=("name",),
)

BOOKKEEPING: tuple[Table, ...] = (
    LEADS,
    ENRICHMENT_RESULTS,
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RUNS,
    REJECTS,
    ERASURES,
)
