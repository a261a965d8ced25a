"""The staging models of the dbt package, and what it says of our tables, from the declarations.

    python -m tests.dbt.staging

writes ``dbt/models/staging/amplemarket``: the sources, a view for each table, and the description
of every column. `tests.dbt.test_staging` fails where a declared table has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from amplemarket_source.schema.table import Column, DataType, Table
from amplemarket_source.schema.tables import TABLES
from tests.support.environments import ROOT

__all__ = ["FOLDER", "STAGED", "Staged", "files"]

FOLDER = ROOT / "dbt" / "models" / "staging" / "amplemarket"

_TYPES: dict[DataType, str] = {
    "text": "string",
    "bigint": "bigint",
    "bool": "boolean",
    "double": "float",
    "timestamp": "timestamp",
}
_WRITTEN_BY = "tests/dbt/staging.py from amplemarket_source/schema/tables.py"

_WIDTH = 92  # of a line, its indentation aside

_NOT_DOCUMENTED = "{}; the API does not document this field"

_LOAD = Column("load_id", description="The dlt load", nullable=False)
_LOADS = Table(
    name="_dlt_loads",
    description="A load, as dlt keeps it.",
    columns=(
        _LOAD,
        Column("schema_name", description="The dlt schema: of data, or of the ledger"),
        Column("status", "bigint", "0 when the load is complete"),
        Column("inserted_at", "timestamp", "When the load was complete, UTC"),
        Column("schema_version_hash", description="The version of the dlt schema"),
    ),
    key=("load_id",),
)


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


_PLACE = {
    "location_details__city": "city",
    "location_details__state": "state",
    "location_details__country": "country",
}
_PLACE_DESCRIBED = {
    "location": "Where, in one text",
    "location_details__city": "City",
    "location_details__state": "State or region",
    "location_details__country": "Country",
}
_KIND = ("people", "companies", "emails")
_INPUT_KINDS = ("email", "linkedin_url", "name", "domain")
_DESCRIBED_LEAD = {
    "email": "E-mail address as given, normalised",
    "linkedin_url": "LinkedIn URL as given, normalised",
    "company_domain": "Domain of the person's company, as given",
    "company_name": "Name of the person's company, as given",
    "name": "Name of the person, as given",
    "title": "Job title, as given",
    "domain": "Domain of a company that is a lead itself",
}
_COUNTS_OF_A_REQUEST = {
    "lead_count": "Leads that it asked for",
    "enriched_count": "Leads that were found",
    "not_found_count": "Leads that were not found",
    "gdpr_removed_count": "Leads whom the API has removed",
    "unanswered_count": "Leads that a complete answer did not name",
    "submitted_at": "When it was sent, UTC",
    "completed_at": "When the API had finished it, UTC",
    "error_code": "Why it ended early",
    "error_detail": "What the API said of that, without a person",
}


STAGED: dict[str, Staged] = {
    "people": Staged(
        renamed={"id": "person_id", "name": "full_name", **_PLACE},
        left_out=("object",),
        dates={"current_position_start_date": "current_position_started_on"},
        more=True,
        described={
            **_PLACE_DESCRIBED,
            "linkedin_url": "LinkedIn profile",
            "name": "Full name",
            "email": "E-mail address, where it was revealed",
            "first_name": "First name",
            "last_name": "Last name",
            "gender": "Gender, as the API says it",
            "title": "Job title",
            "headline": "Headline of the profile",
            "about": "About text of the profile",
            "current_position_start_date": "Start of the present position, as the API says it",
            "current_position_description": "What the person says of the present position",
            "image_url": "Picture of the profile",
        },
    ),
    "people__experiences": Staged(
        dates={"start_date": "started_on", "end_date": "ended_on"},
        also={
            "title": ("text", "Job title"),
            "company_name": ("text", "Name of the employer"),
            "start_date": ("text", "Start, as the API says it"),
            "end_date": ("text", "End, as the API says it; null for a position that is held"),
            "is_current": ("bool", "The position is held now"),
            "description": ("text", "What the person says of the position"),
        },
    ),
    "people__educations": Staged(
        also={
            "school": ("text", "School or university"),
            "degree": ("text", "Degree"),
            "field_of_study": ("text", "Field of study"),
            "start_year": ("text", "Year of the start"),
            "end_year": ("text", "Year of the end"),
        },
    ),
    "people__languages": Staged(
        renamed={"name": "language"},
        also={
            "name": ("text", "Language"),
            "proficiency": ("text", "How well"),
        },
    ),
    "people__phone_numbers": Staged(
        renamed={"number": "phone_number", "type": "phone_type"},
        also={
            "is_wrong_number": ("bool", "Known to be wrong"),
            "is_dnc_listed": ("bool", "On a do-not-call list"),
        },
    ),
    "companies": Staged(
        renamed={"id": "company_id", "name": "company_name", "type": "company_type", **_PLACE},
        left_out=("object",),
        dates={"latest_funding_date": "latest_funded_on"},
        more=True,
        described={
            **_PLACE_DESCRIBED,
            "name": "Name of the company",
            "linkedin_url": "LinkedIn page",
            "website": "Website",
            "overview": "What the company says of itself",
            "logo_url": "Logo",
            "latest_funding_stage": "Stage of the latest funding",
            "latest_funding_date": "Date of the latest funding, as the API says it",
            "industry": "Industry",
        },
    ),
    "companies__locations": Staged(
        also={
            "city": ("text", "City"),
            "state": ("text", "State or region"),
            "postal_code": ("text", "Postal code"),
        },
        described={"country": "Country"},
    ),
    "companies__sic_codes": Staged(renamed={"value": "sic_code"}),
    "companies__naics_codes": Staged(renamed={"value": "naics_code"}),
    "companies__keywords": Staged(renamed={"value": "keyword"}),
    "companies__technologies": Staged(renamed={"value": "technology"}),
    "companies__department_headcount": Staged(),
    "companies__job_function_headcount": Staged(),
    "email_validations": Staged(
        renamed={"result": "email_result", "catch_all": "is_catch_all"},
        left_out=("object",),
    ),
    "email_validations_history": Staged(
        renamed={"result": "email_result", "catch_all": "is_catch_all"},
    ),
    "people_history": Staged(
        renamed={"location_details__country": "country"},
        dates={"current_position_start_date": "current_position_started_on"},
        described={
            "title": "Job title in that answer",
            "headline": "Headline of the profile in that answer",
            "current_position_start_date": "Start of the position, as the API said it",
            "location_details__country": "Country in that answer",
        },
    ),
    "companies_history": Staged(
        described={"latest_funding_stage": "Stage of the latest funding in that answer"},
    ),
    "leads": Staged(
        more=True,
        described=_DESCRIBED_LEAD,
        accepted={"kind": _KIND, "input_kind": _INPUT_KINDS},
    ),
    "enrichment_results": Staged(
        accepted={
            "kind": _KIND,
            "status": ("enriched", "not_found", "gdpr_removed", "unanswered"),
        },
    ),
    "enrichment_requests": Staged(
        described=_COUNTS_OF_A_REQUEST,
        accepted={
            "kind": _KIND,
            "status": (
                *("intended", "submitted", "queued", "processing", "completed"),
                *("canceled", "error", "expired", "held", "dropped"),
            ),
        },
    ),
    "enrichment_runs": Staged(
        described={
            "started_at": "When the run started, UTC",
            "leads_bought": "Leads that were sent",
            "requests_bought": "Enrichment requests that were sent",
        },
    ),
    "rejects": Staged(
        described={
            "rejected_at": "When it was met last, UTC",
            "reason": "Why, in a word",
            "lead_key": "The lead concerned",
        },
        accepted={"stage": ("lead", "result", "field")},
    ),
    "erasures": Staged(
        accepted={
            "key_of": ("person", "lead", "identifier"),
            "reason": ("api", "request", "retention"),
        },
    ),
    "_dlt_loads": Staged(),
}
"""Every table of the contract, and dlt's own of its loads."""

_NAMES = {"_dlt_list_idx": "list_index", "_dlt_load_id": "dlt_load_id"}
_LEFT_OUT = ("_dlt_id", "_dlt_parent_id")


def files() -> dict[Path, str]:
    """What stands in the folder, by path.

    Raises:
        KeyError: a declared table is not staged.
    """
    tables = [TABLES[name] for name in TABLES] + [_LOADS]
    found = {FOLDER / f"{_model(table)}.sql": _sql(table) for table in tables}
    found[FOLDER / "_sources.yml"] = _yml({"sources": [_source(tables)]})
    found[FOLDER / "_staging.yml"] = _yml({"models": [_described(table) for table in tables]})
    return found


def _model(table: Table) -> str:
    return f"stg_amplemarket__{_short(table)}"


def _short(table: Table) -> str:
    return table.name.removeprefix("_dlt_")


def _staged_name(table: Table, column: str) -> str:
    return STAGED[table.name].renamed.get(column, _NAMES.get(column, column))


def _columns(table: Table) -> list[Column]:
    """Declared and undocumented ones, as a staging view reads them."""
    staged = STAGED[table.name]
    also = [
        Column(name, data_type, _NOT_DOCUMENTED.format(said), personal=table.name[:6] == "people")
        for name, (data_type, said) in staged.also.items()
        if table.column(name) is None
    ]
    left_out = (*staged.left_out, *_LEFT_OUT)
    return [one for one in (*table.columns, *also) if one.name not in left_out]


def _sql(table: Table) -> str:
    staged = STAGED[table.name]
    source = f"source('amplemarket', '{_short(table)}')"
    read = "\n".join(f"    '{one.name}': '{_TYPES[one.data_type]}'," for one in _columns(table))
    more = "[]"
    if staged.more:
        more = f"var('amplemarket__{table.name}_pass_through_columns', [])"
    wanted = []
    for column in _columns(table):
        name = _staged_name(table, column.name)
        if column.data_type == "timestamp":
            wanted.append(f"{{{{ amplemarket_utc('{column.name}') }}}} as {name}")
        else:
            wanted.append(column.name + (f" as {name}" if name != column.name else ""))
        if column.name in staged.dates:
            date = f"{{{{ amplemarket_date('{column.name}') }}}}"
            wanted.append(f"{date} as {staged.dates[column.name]}")
    selected = ",\n        ".join(wanted)
    if staged.more:
        selected += "{% for column in more %}, {{ column }}{% endfor %}"
    head = f"-- Written by {_WRITTEN_BY}.\n"
    head += f"{{%- set columns = {{\n{read}\n}} %}}\n"
    if staged.more:
        head += f"{{%- set more = {more} %}}\n"
    given = f"{source}, columns{', more' if staged.more else ''}"
    read_columns = f"{{{{ amplemarket_columns({given}) }}}}"
    if len(read_columns) > _WIDTH:
        read_columns = read_columns.replace(source, f"\n            {source}")
        read_columns = read_columns.replace(") }}", "\n        ) }}")
    return f"""{head}
with

loaded as (

    select
        {read_columns}
    from {{{{ {source} }}}}

),

final as (

    select
        {selected}
    from loaded

)

select * from final
"""


def _source(tables: list[Table]) -> dict[str, Any]:
    return {
        "name": "amplemarket",
        "description": "What dlt-source-amplemarket loads. Every table is there from the first "
        "load on, with every column that is declared.",
        "database": "{{ var('amplemarket_database', target.database) }}",
        "schema": "{{ var('amplemarket_schema', 'amplemarket_data') }}",
        "loader": "dlt",
        "tables": [_source_table(table) for table in tables],
    }


def _source_table(table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": _short(table),
        "identifier": f"{{{{ var('amplemarket_{_short(table)}_identifier', '{table.name}') }}}}",
        "description": table.description,
    }
    if table.name == "enrichment_runs":
        # A run without anything to do has its row as well, so silence means a scheduler that died.
        found["config"] = {
            "loaded_at_field": "finished_at",
            "freshness": {
                "warn_after": {"count": 36, "period": "hour"},
                "error_after": {"count": 7, "period": "day"},
            },
        }
    columns = []
    for column in table.columns:
        described: dict[str, Any] = {
            "name": column.name,
            "description": _description(table, column),
            "data_type": _TYPES[column.data_type],
        }
        if column.personal:
            described["config"] = {"meta": {"contains_pii": True}}
        columns.append(described)
    return found | {"columns": columns}


def _described(table: Table) -> dict[str, Any]:
    staged = STAGED[table.name]
    columns: list[dict[str, Any]] = []
    for column in _columns(table):
        name = _staged_name(table, column.name)
        described: dict[str, Any] = {"name": name, "description": _description(table, column)}
        if column.personal:
            described["config"] = {"meta": {"contains_pii": True}}
        if accepted := staged.accepted.get(column.name):
            values = {"arguments": {"values": list(accepted)}}
            described["data_tests"] = [{"accepted_values": values}]
        columns.append(described)
        if date := staged.dates.get(column.name):
            said = f"{column.name} as a date; a year is its first day, a month its first"
            dated: dict[str, Any] = {"name": date, "description": said}
            if column.personal:
                dated["config"] = {"meta": {"contains_pii": True}}
            columns.append(dated)
    key = [_staged_name(table, one) for one in table.key]
    return {
        "name": _model(table),
        "description": f"{table.description} A view, so that an erasure is seen at once.",
        "data_tests": [{"unique_together": {"arguments": {"columns": key}}}],
        "columns": columns,
    }


def _description(table: Table, column: Column) -> str:
    """The declared one, or ours.

    Raises:
        KeyError: nobody has said what the column is.
    """
    return column.description or STAGED[table.name].described[column.name]


def _yml(content: dict[str, Any]) -> str:
    body = yaml.safe_dump({"version": 2, **content}, sort_keys=False, width=100, allow_unicode=True)
    return f"# Written by {_WRITTEN_BY}.\n{body}"


def main() -> None:
    wanted = files()
    for old in set(FOLDER.glob("*")) - set(wanted):
        old.unlink()
    for path, text in wanted.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
