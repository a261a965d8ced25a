"""The staging models of the dbt package, and what it says of our tables, from the declarations.

    python -m tests.dbt.staging

writes ``dbt/models/staging``: of what enrichment loads and of the workspace the source, a view for
each table, and the description of every column. `tests.dbt.test_staging` fails where a declared
table has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.table import Column, DataType, Table
from amplemarket_source.schema.tables import TABLES
from tests.dbt.staged_workspace import STAGED_WORKSPACE, Staged
from tests.support.environments import ROOT

__all__ = ["FOLDER", "SOURCES", "STAGED", "Staged", "StagedSource", "files"]

FOLDER = ROOT / "dbt" / "models" / "staging"
_WORKSPACE_ENABLED = "var('amplemarket__workspace_enabled', false)"

_TYPES: dict[DataType, str] = {
    "text": "string",
    "bigint": "bigint",
    "bool": "boolean",
    "double": "float",
    "timestamp": "timestamp",
}

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


_RESERVED = ("from", "to")
"""Names that are words of SQL's: quoted where they stand."""


@dataclass(frozen=True)
class StagedSource:
    """One of the two sources of the package, each in a schema of its own.

    Attributes:
        name: of the source; variables and models are called by it.
        declared_in: the module of the tables.
        database, schema: where they are, unless the project says otherwise.
        enabled: the variable that switches it on; always on without.
        is_partial: a table that is not there is one without rows, because not all are loaded.
        watched: the table whose newest row says that a scheduler is alive, and by what.
    """

    name: str
    description: str
    declared_in: str
    database: str
    schema: str
    tables: tuple[Table, ...]
    staged: Mapping[str, Staged]
    watched: Mapping[str, dict[str, Any]]
    enabled: str = ""
    is_partial: bool = False

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def written_by(self) -> str:
        return f"tests/dbt/staging.py from amplemarket_source/schema/{self.declared_in}"

    def model(self, table: Table) -> str:
        """The name of a table's staging view."""
        return f"stg_{self.name}__{_short(table)}"

    def staged_name(self, table: Table, column: str) -> str:
        """What a column is called there."""
        return self.staged[table.name].renamed.get(column, _NAMES.get(column, column))

    def columns(self, table: Table) -> list[Column]:
        """Declared and undocumented ones, as a staging view reads them."""
        staged = self.staged[table.name]
        also = [
            Column(name, data_type, _NOT_DOCUMENTED.format(said), personal=table.about_people)
            for name, (data_type, said) in staged.also.items()
            if table.column(name) is None
        ]
        left_out = (*staged.left_out, *_LEFT_OUT)
        return [one for one in (*table.columns, *also) if one.name not in left_out]

    def said_of(self, table: Table, column: Column) -> str:
        """The declared description, or ours.

        Raises:
            KeyError: nobody has said what the column is.
        """
        return column.description or self.staged[table.name].described[column.name]


SOURCES = (
    StagedSource(
        "amplemarket",
        "What dlt-source-amplemarket loads. Every table is there from the first load on, with "
        "every column that is declared.",
        "tables.py",
        "{{ var('amplemarket_database', target.database) }}",
        "{{ var('amplemarket_schema', 'amplemarket_data') }}",
        (*TABLES.values(), _LOADS),
        STAGED,
        # A run without anything to do has its row as well, so silence means a scheduler that died.
        {"enrichment_runs": {"loaded_at_field": "finished_at"}},
    ),
    StagedSource(
        "amplemarket_workspace",
        "What amplemarket sync keeps in step with the workspace. A table is there once its stream "
        "was read.",
        "streams.py",
        "{{ var('amplemarket_workspace_database', var('amplemarket_database', target.database)) }}",
        "{{ var('amplemarket_workspace_schema', 'amplemarket_workspace') }}",
        (*STREAM_TABLES, _LOADS),
        STAGED_WORKSPACE,
        # A sync that finds nothing new notes how far it has read, which is a load.
        {"_dlt_loads": {"loaded_at_field": "inserted_at"}},
        enabled=_WORKSPACE_ENABLED,
        is_partial=True,
    ),
)


def files() -> dict[Path, str]:
    """What stands in the folders, by path.

    Raises:
        KeyError: a declared table is not staged.
    """
    return {path: text for source in SOURCES for path, text in _files(source).items()}


def _files(source: StagedSource) -> dict[Path, str]:
    folder, tables = source.folder, source.tables
    found = {folder / f"{source.model(table)}.sql": _sql(source, table) for table in tables}
    models = [_described(source, table) for table in tables]
    found[folder / "_sources.yml"] = _yml(source, {"sources": [_source(source)]})
    found[folder / "_staging.yml"] = _yml(source, {"models": models})
    return found


def _short(table: Table) -> str:
    return table.name.removeprefix("_dlt_")


def _quoted(name: str) -> str:
    return f"{{{{ adapter.quote('{name}') }}}}" if name in _RESERVED else name


def _sql(source: StagedSource, table: Table) -> str:
    staged = source.staged[table.name]
    relation = f"source('{source.name}', '{_short(table)}')"
    read = "\n".join(
        f"    '{one.name}': '{_TYPES[one.data_type]}'," for one in source.columns(table)
    )
    wanted = []
    for column in source.columns(table):
        name = source.staged_name(table, column.name)
        if column.data_type == "timestamp":
            wanted.append(f"{{{{ amplemarket_utc('{column.name}') }}}} as {name}")
        else:
            wanted.append(_quoted(column.name) + (f" as {name}" if name != column.name else ""))
        if column.name in staged.dates:
            date = f"{{{{ amplemarket_date('{column.name}') }}}}"
            wanted.append(f"{date} as {staged.dates[column.name]}")
    selected = ",\n        ".join(wanted)
    head = f"-- Written by {source.written_by}.\n"
    if source.enabled:
        head += f"{{{{ config(enabled={source.enabled}) }}}}\n"
    head += f"{{%- set columns = {{\n{read}\n}} %}}\n"
    if staged.more:
        selected += "{% for column in more %}, {{ column }}{% endfor %}"
        more = f"var('amplemarket__{table.name}_pass_through_columns', [])"
        head += f"{{%- set more = {more} %}}\n"
    return f"""{head}
with

loaded as (

{_loaded(source, relation, has_more=staged.more)}

),

final as (

    select
        {selected}
    from loaded

)

select * from final
"""


def _loaded(source: StagedSource, relation: str, *, has_more: bool) -> str:
    if source.is_partial:
        return f"""    {{{{ amplemarket_partial(
        {relation},
        columns,
        source('{source.name}', 'loads')
    ) }}}}"""
    given = f"{relation}, columns{', more' if has_more else ''}"
    columns = f"{{{{ amplemarket_columns({given}) }}}}"
    if len(columns) > _WIDTH:
        columns = columns.replace(relation, f"\n            {relation}")
        columns = columns.replace(") }}", "\n        ) }}")
    return f"""    select
        {columns}
    from {{{{ {relation} }}}}"""


def _source(source: StagedSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "description": source.description,
        **({"config": {"enabled": f"{{{{ {source.enabled} }}}}"}} if source.enabled else {}),
        "database": source.database,
        "schema": source.schema,
        "loader": "dlt",
        "tables": [_source_table(source, table) for table in source.tables],
    }


def _source_table(source: StagedSource, table: Table) -> dict[str, Any]:
    short = _short(table)
    found: dict[str, Any] = {
        "name": short,
        "identifier": f"{{{{ var('{source.name}_{short}_identifier', '{table.name}') }}}}",
        "description": table.description,
    }
    if watched := source.watched.get(table.name):
        found["config"] = {
            **watched,
            "freshness": {
                "warn_after": {"count": 36, "period": "hour"},
                "error_after": {"count": 7, "period": "day"},
            },
        }
    columns = []
    for column in table.columns:
        described: dict[str, Any] = {
            "name": column.name,
            "description": source.said_of(table, column),
            "data_type": _TYPES[column.data_type],
        }
        if column.personal:
            described["config"] = {"meta": {"contains_pii": True}}
        columns.append(described)
    return found | {"columns": columns}


def _described(source: StagedSource, table: Table) -> dict[str, Any]:
    staged = source.staged[table.name]
    columns: list[dict[str, Any]] = []
    for column in source.columns(table):
        name = source.staged_name(table, column.name)
        described: dict[str, Any] = {"name": name, "description": source.said_of(table, column)}
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
    # An item of a list in a list has the key of its parent's row, which the view has not.
    names = {column.name for column in source.columns(table)}
    key = table.key if names.issuperset(table.key) else (*table.references[0][0], "_dlt_list_idx")
    columns_of_key = [source.staged_name(table, one) for one in key]
    return {
        "name": source.model(table),
        "description": f"{table.description} A view, so that an erasure is seen at once.",
        "data_tests": [{"unique_together": {"arguments": {"columns": columns_of_key}}}],
        "columns": columns,
    }


def _yml(source: StagedSource, content: dict[str, Any]) -> str:
    body = yaml.safe_dump({"version": 2, **content}, sort_keys=False, width=100, allow_unicode=True)
    return f"# Written by {source.written_by}.\n{body}"


def main() -> None:
    wanted = files()
    for source in SOURCES:
        source.folder.mkdir(exist_ok=True)
    for old in set(FOLDER.glob("*/*")) - set(wanted):
        old.unlink()
    for path, text in wanted.items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
