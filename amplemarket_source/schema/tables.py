"""The destination tables: every declared column, from the first load on.

People and company fields are those of the vendor's guide, with the guide's types
(api-notes: person-fields, company-fields); dates stay text as they come (api-notes: dates). The
fields of experience, education, language, phone and location objects are not documented: some that
public clients read are declared (api-notes: nested-fields, locations), what else arrives becomes a
column of its own.
"""

from __future__ import annotations

from amplemarket_source.schema.declare import DLT, children, texts, values
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.table import Child, Column, Table

__all__ = [
    "BOOKKEEPING",
    "CHARGES",
    "COMPANIES_HISTORY",
    "COMPANY_TABLES",
    "DATA_TABLES",
    "DECLARED",
    "EMAIL_VALIDATIONS",
    "EMAIL_VALIDATIONS_HISTORY",
    "ENRICHMENT_REQUESTS",
    "ENRICHMENT_RESULTS",
    "ENRICHMENT_RUNS",
    "ERASURES",
    "HISTORIES",
    "LEADS",
    "LINEAGE",
    "LOCK",
    "PEOPLE_HISTORY",
    "PEOPLE_TABLES",
    "PHONE_NUMBERS",
    "REJECTS",
    "REQUEST_LEADS",
    "TABLES",
    "VALIDATION_TABLES",
    "children_of",
]

_LINEAGE = (
    Column("request_key", description="The enrichment request that answered", own=True),
    Column(
        "enrichment_request_id",
        description="The API's id of that request, null for find",
        own=True,
    ),
    Column("enriched_at", "timestamp", "When the answer was fetched, UTC", own=True),
)

LINEAGE: frozenset[str] = frozenset(column.name for column in _LINEAGE)
"""The columns of ``people``, ``companies`` and ``email_validations`` that say where the answer came
from."""


def _labels(parent: str, key: str, path: str) -> Table:
    items = children(
        parent,
        key,
        path,
        Column("label", description="The API's label, as it is", nullable=False),
        Column("headcount", "bigint", "People under that label"),
    )
    return Table(
        name=items.name,
        description=f"A label of {path} in the latest answer.",
        columns=items.columns,
        key=(key, "label"),
        from_api=True,
        child=Child(parent, key, path, "labels"),
        references=items.references,
    )


_PLACE = texts("location_details__city", "location_details__state", "location_details__country")

PEOPLE = Table(
    name="people",
    description="A person, the latest answer.",
    columns=(
        Column("id", description="ID of the person", nullable=False),
        Column("object", description='Always "person"'),
        *texts("linkedin_url", "name", "email", "first_name", "last_name", "gender", personal=True),
        *texts("title", "headline", "about", personal=True),
        *texts(
            "current_position_start_date",
            "current_position_description",
            "location",
            "image_url",
            personal=True,
        ),
        *_PLACE,
        Column("company_id", description="The company the person works for now", own=True),
        *_LINEAGE,
        *DLT,
    ),
    key=("id",),
    open=True,
    from_api=True,
    about_people=True,
    references=((("company_id",), "companies", ("id",)),),
)

PHONE_NUMBERS = children(
    "people",
    "person_id",
    "phone_numbers",
    Column("number", description="The phone number", personal=True),
    Column("type", description="Such as mobile, direct, office, landline"),
    about_people=True,
)

PEOPLE_TABLES: tuple[Table, ...] = (
    PEOPLE,
    children("people", "person_id", "experiences", about_people=True),
    children("people", "person_id", "educations", about_people=True),
    children("people", "person_id", "languages", about_people=True),
    PHONE_NUMBERS,
)

COMPANIES = Table(
    name="companies",
    description="A company, the latest answer, from a person's company or company enrichment.",
    columns=(
        Column("id", description="Amplemarket ID of the company", nullable=False),
        Column("object", description='Always "company"'),
        *texts("name", "linkedin_url", "website", "overview", "logo_url"),
        Column("founded_year", "bigint", "Year the company was founded"),
        Column("traffic_rank", "bigint", "Traffic rank"),
        Column("type", description="Such as Public Company"),
        Column("total_funding", "bigint", "Total funding"),
        *texts("latest_funding_stage", "latest_funding_date"),
        Column("estimated_number_of_employees", "bigint", "Estimated number of employees"),
        Column("followers", "bigint", "Followers on LinkedIn"),
        Column("size", description="Self-reported size, a label"),
        *texts("industry", "location"),
        *_PLACE,
        Column("is_b2b", "bool", "Has a B2B component"),
        Column("is_b2c", "bool", "Has a B2C component"),
        Column("estimated_revenue", description="Estimated annual revenue, a label"),
        Column("revenue", "bigint", "Annual revenue"),
        *_LINEAGE,
        *DLT,
    ),
    key=("id",),
    open=True,
    from_api=True,
)

COMPANY_TABLES: tuple[Table, ...] = (
    COMPANIES,
    children(
        "companies",
        "company_id",
        "locations",
        Column("address", description="The whole address"),
        Column("is_primary", "bool", "The main location"),
        Column("country"),
    ),
    values("companies", "company_id", "sic_codes", "bigint"),  # (api-notes: codes)
    values("companies", "company_id", "naics_codes", "bigint"),
    values("companies", "company_id", "keywords", "text"),
    values("companies", "company_id", "technologies", "text"),
    _labels("companies", "company_id", "department_headcount"),  # (api-notes: headcounts)
    _labels("companies", "company_id", "job_function_headcount"),
)


EMAIL_VALIDATIONS = Table(
    name="email_validations",
    description="An e-mail address that was validated, the latest verdict.",
    columns=(
        Column(
            "lead_key",
            description="Hash of the address, as in leads and enrichment_results of kind emails",
            nullable=False,
            own=True,
        ),
        Column("object", description='Always "email_validation_result"'),
        Column("email", description="The address, as it was sent", personal=True),
        Column("result", description="deliverable, risky, unknown or undeliverable"),
        Column("catch_all", "bool", "The domain takes mail for any address"),
        *_LINEAGE,
        *DLT,
    ),
    key=("lead_key",),
    open=True,
    from_api=True,
    about_people=True,
)


def _history(entity: str, key: str, *columns: Column, of: str = "id") -> Table:
    """Answers about an entity: one for each request that found it, never updated.

    Narrow on purpose: what tells a change, and nothing to reach a person by. Every answer has its
    row, also one that a newer answer of the same load has overtaken.
    """
    return Table(
        name=f"{entity}_history",
        description=f"An answer about {entity}, kept when a newer one comes.",
        columns=(
            Column(key, description=f"The row of {entity} it tells of", nullable=False),
            Column(
                "request_key", description="The enrichment request that answered", nullable=False
            ),
            Column("enriched_at", "timestamp", "When the answer was fetched, UTC"),
            *columns,
            *DLT,
        ),
        key=(key, "request_key"),
        references=(((key,), entity, (of,)),),
    )


PEOPLE_HISTORY = _history(
    "people",
    "person_id",
    *texts("title", "headline", personal=True),
    Column("company_id", description="The company the person worked for then"),
    Column("current_position_start_date", personal=True),
    Column("location_details__country"),
    Column("has_email", "bool", "The answer brought an e-mail address"),
    Column("has_phone", "bool", "The answer brought a phone number"),
)

COMPANIES_HISTORY = _history(
    "companies",
    "company_id",
    Column("estimated_number_of_employees", "bigint", "Estimated number of employees"),
    Column("followers", "bigint", "Followers on LinkedIn"),
    Column("revenue", "bigint", "Annual revenue"),
    Column("total_funding", "bigint", "Total funding"),
    Column("latest_funding_stage"),
)

EMAIL_VALIDATIONS_HISTORY = _history(
    "email_validations",
    "lead_key",
    Column("result", description="deliverable, risky, unknown or undeliverable"),
    Column("catch_all", "bool", "The domain takes mail for any address"),
    of="lead_key",
)

VALIDATION_TABLES: tuple[Table, ...] = (EMAIL_VALIDATIONS_HISTORY, EMAIL_VALIDATIONS)
"""The tables with rows about an address, by its ``lead_key``."""

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

DATA_TABLES: tuple[Table, ...] = (*PEOPLE_TABLES, *COMPANY_TABLES, EMAIL_VALIDATIONS)
HISTORIES: tuple[Table, ...] = (PEOPLE_HISTORY, COMPANIES_HISTORY, EMAIL_VALIDATIONS_HISTORY)
BOOKKEEPING: tuple[Table, ...] = (
    LEADS,
    ENRICHMENT_RESULTS,
    ENRICHMENT_REQUESTS,
    ENRICHMENT_RUNS,
    REJECTS,
    ERASURES,
)
TABLES: dict[str, Table] = {table.name: table for table in (*DATA_TABLES, *HISTORIES, *BOOKKEEPING)}
DECLARED = (*TABLES.values(), REQUEST_LEADS, CHARGES, LOCK)
"""Every table that this package makes."""


def children_of(parent: str) -> tuple[Table, ...]:
    """The child tables of a table such as ``people`` or ``users``."""
    tables = (*DATA_TABLES, *STREAM_TABLES)
    return tuple(t for t in tables if t.child is not None and t.child.parent == parent)
