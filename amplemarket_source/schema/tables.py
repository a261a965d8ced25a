"""The destination tables: every declared column, from the first load on.

People and company fields are those of the vendor's guide, with the guide's types
(api-notes: person-fields, company-fields); dates stay text as they come (api-notes: dates). The
fields of experience, education, language, phone and location objects are not documented: some that
public clients read are declared (api-notes: nested-fields, locations), what else arrives becomes a
column of its own.
"""

from __future__ import annotations

from amplemarket_source.schema.bookkeeping import BOOKKEEPING, CHARGES, LOCK, REQUEST_LEADS
from amplemarket_source.schema.declare import DLT, children, texts, values
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.table import Child, Column, Table

__all__ = [
    "COMPANIES_HISTORY",
    "COMPANY_TABLES",
    "DATA_TABLES",
    "DECLARED",
    "EMAIL_VALIDATIONS",
    "EMAIL_VALIDATIONS_HISTORY",
    "HISTORIES",
    "LINEAGE",
    "PEOPLE_HISTORY",
    "PEOPLE_TABLES",
    "PHONE_NUMBERS",
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

DATA_TABLES: tuple[Table, ...] = (*PEOPLE_TABLES, *COMPANY_TABLES, EMAIL_VALIDATIONS)
HISTORIES: tuple[Table, ...] = (PEOPLE_HISTORY, COMPANIES_HISTORY, EMAIL_VALIDATIONS_HISTORY)
TABLES: dict[str, Table] = {table.name: table for table in (*DATA_TABLES, *HISTORIES, *BOOKKEEPING)}
DECLARED = (*TABLES.values(), REQUEST_LEADS, CHARGES, LOCK)
"""Every table that this package makes."""


def children_of(parent: str) -> tuple[Table, ...]:
    """The child tables of a table such as ``people`` or ``users``."""
    tables = (*DATA_TABLES, *STREAM_TABLES)
    return tuple(t for t in tables if t.child is not None and t.child.parent == parent)
