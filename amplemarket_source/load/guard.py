"""What a user of dlt may tell a run besides, and what is refused before anything is bought.

dlt lets hints, steps and settings of anybody's source be changed from outside. Where that would
drop or double what is paid for, or forget that it was paid for, the run ends with one sentence
before its first POST:

=======================================  =========================================================
what is said                             what becomes of it
=======================================  =========================================================
``write_disposition``, ``table_name``,   refused, as an argument of ``run`` or ``extract``, by
``parent_table_name``, ``primary_key``,  ``apply_hints`` or an edited or imported schema
``merge_key``, ``columns`` that change   (``import_schema_path``): the answers would not replace
what is stored, ``table_format``,        each other, or go where nobody looks for them
``hard_delete``, ``dedup_sort``
``loader_file_format``                   refused, unless it is Parquet, which is asked for anyway:
                                         other formats lose nulls or fail
``refresh``, in its three forms          refused: dlt drops when it loads, after the answers were
                                         planned by what is there (api-notes: dlt-refresh). Also
                                         where a pipeline or a setting says it
``add_limit``, ``add_map``,              refused: they see, and could drop, what is paid for.
``add_filter``, ``add_yield_map``,       ``add_metrics`` looks on and works
``add_step``, ``select_tables``,
``incremental``, a Pydantic model
``with_name``, ``| transformer``,        refused: the answers would go to other tables, or nowhere.
``source.clone(with_name=)``,            A factory's ``clone(name=)`` works, in a dataset of its own
``schema=``
two sources in one run                   refused: the second would read again what the first has
``list(source.people)``                  refused: it would buy and keep nothing
``dev_mode``                             refused: each run would begin with an empty record
``use_single_dataset = false``           refused where the record would be in another dataset
``raise_on_failed_jobs = false``         refused: a load that lost a table would count as done
                                         (api-notes: dlt-lost-table)
``enable_runtime_trace = false``         refused in a plain run: nobody would be told of the load's
                                         end (`amplemarket_source.load.follow`)
``schema_contract``, in any form         is kept to (`amplemarket_source.schema.registry`)
``with_resources``, ``selected``         decides what is bought
``max_table_nesting``, ``root_key``,     work, and change nothing: Arrow tables are not nested
``parallelized``
descriptions, annotations, clustering,   work: they decide where a row is stored, not whether
hints of one destination
``pipeline.drop``, packages that are     work: what was bought is in the destination's record, and
aborted, ``restore_from_destination``    is read again
=======================================  =========================================================

What cannot be refused, because it runs without this package: ``dlt pipeline drop`` removes tables,
the record among them, when it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dlt
from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.resolve import inject_section
from dlt.common.configuration.specs import ConfigSectionContext
from dlt.common.schema import Schema
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource, DltSource
from dlt.extract.exceptions import DataItemRequiredForDynamicTableHints
from dlt.extract.items import TableNameMeta
from dlt.extract.items_transform import MetricsItem
from dlt.load.configuration import LoaderConfiguration

from amplemarket_source.errors import UsageError
from amplemarket_source.kinds import ENRICHED
from amplemarket_source.schema.bookkeeping import ENRICHMENT_REQUESTS
from amplemarket_source.schema.table import ARROW_TYPES
from amplemarket_source.schema.tables import TABLES

__all__ = [
    "refuse_changed_hints",
    "refuse_outside_a_load",
    "refuse_overrides",
    "refuse_settings",
    "selected_kinds",
]

_OF_A_TABLE = {
    "name": "table_name",
    "parent": "parent_table_name",
    "write_disposition": "write_disposition",
    "table_format": "table_format",
    "file_format": "loader_file_format",
}
"""What decides where the rows of a table go, and what a user calls it."""
_OF_A_MERGE = ("x-merge-", "x-stage-", "x-whole-")
_OF_A_COLUMN = (
    "data_type",
    "precision",
    "scale",
    "primary_key",
    "merge_key",
    "unique",
    "row_key",
    "parent_key",
    "root_key",
    "hard_delete",
    "dedup_sort",
    "incremental",
    "x-row-version",
    "x-valid-from",
    "x-valid-to",
)
_NOTHING_BOUGHT = "Nothing was bought."


def selected_kinds(source: DltSource) -> list[str]:
    """The names of our resources that are selected in a source: what it is to buy."""
    return [kind.name for kind in ENRICHED if kind.name in source.selected_resources]


def refuse_outside_a_load(
    resource: str,
    source: str = "amplemarket",
    would: str = f"buy leads and keep nothing. {_NOTHING_BOUGHT[:-1]}",
) -> None:
    """Refuse to be read by anything but ``pipeline.run`` and ``pipeline.extract``.

    Args:
        source: the function that made it.
        would: what to iterate over it would do.

    Raises:
        UsageError: there is no load that would keep the rows.
    """
    try:
        dlt.current.load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        raise UsageError(
            f"{resource} can only be loaded, with pipeline.run({source}(...)): to iterate over "
            f"it would {would}."
        ) from None


def refuse_changed_hints(resource: DltResource, made: DltResource) -> None:
    """Refuse a resource that would write its rows otherwise than it was made to.

    For rows that are not paid for: whoever looks at them on their way, or drops some, may.

    Args:
        made: the same resource as it is before anybody changes it.

    Raises:
        UsageError: says what was changed.
    """
    name, meant = resource.name, made.compute_table_schema()
    given = _schema_of(resource, name, None)
    changed = sorted(set(_changes(meant, given)) - {"columns"})
    if changed:
        raise UsageError(
            f"{', '.join(changed)} of {name} cannot be changed: only what is new or changed is "
            "loaded, so that rows would be lost or doubled. Leave it out."
        )


def refuse_settings(pipeline: dlt.Pipeline) -> None:
    """Refuse a pipeline whose settings would forget what is paid for.

    Raises:
        UsageError: names the setting.
    """
    if pipeline.refresh:
        raise _refresh(pipeline.refresh)
    if pipeline.dev_mode:
        raise UsageError(
            "dev_mode gives each run a new dataset without the record of purchases, so each would "
            f"buy all leads again: leave it out. {_NOTHING_BOUGHT}"
        )
    section = ConfigSectionContext(pipeline_name=pipeline.pipeline_name)
    # Locked: parallelized resources share their context (api-notes: dlt-parallelize).
    with inject_section(section, lock_context=True):
        # Partial: where packages are is for the pipeline to say, later.
        loading = resolve_configuration(
            LoaderConfiguration(), sections=("load",), accept_partial=True
        )
    if not loading.raise_on_failed_jobs:
        raise UsageError(
            "load.raise_on_failed_jobs is false: a load that lost a table would count as done, and "
            f"what was paid for would be missing. Leave it out. {_NOTHING_BOUGHT}"
        )


def refuse_overrides(
    source: DltSource, schema: Schema, name: str, made_anew: Callable[[str], DltResource]
) -> None:
    """Refuse a source that is being extracted otherwise than it was made.

    Args:
        source, schema: as dlt is about to extract them.
        name: of the source when it was made.
        made_anew: makes one of our resources as it is before anybody changes it.

    Raises:
        UsageError: says what was changed.
    """
    package = dlt.current.load_package_state()["state"]
    if package.get("refresh"):
        raise _refresh(str(package["refresh"]))
    _refuse_another_schema(source, name)
    kinds = selected_kinds(source)
    if not kinds:
        raise UsageError(
            "Only people and companies of amplemarket(...) themselves keep what is bought, and "
            "this run renames them or hands them on to another resource. Select them under their "
            f"names. {_NOTHING_BOUGHT}"
        )
    for kind in kinds:
        resource, as_made = source.resources[kind], made_anew(kind)
        _refuse_steps(resource, source)
        # The first fills every table, the other only says with its own what the user meant.
        for table in TABLES if kind == kinds[0] else [kind]:
            meta = None if table == kind else TableNameMeta(table)
            made = as_made.compute_table_schema(meta=meta)
            _refuse_changed(table, made, _schema_of(resource, table, meta))
            # What the schema says already is what dlt adds the hints to.
            stored: Any = schema.tables.get(table, {})
            _refuse_changed(table, made, _overlaid(made, stored))


def _refuse_another_schema(source: DltSource, name: str) -> None:
    if source.name != name:
        raise UsageError(
            f"The source {name!r} is loaded into the schema {source.name!r}, which does not know "
            "its tables. Give it whole, pipeline.run(amplemarket(...).with_resources(...)), and "
            f"no other schema. {_NOTHING_BOUGHT}"
        )
    pipeline = dlt.current.pipeline()
    for other in pipeline.schema_names:
        if other != name and ENRICHMENT_REQUESTS.name in pipeline.schemas[other].tables:
            raise UsageError(
                f"This pipeline has loaded the tables under the name {other!r}, and a source "
                f"{name!r} would not know their columns. Take that name, or another pipeline and "
                f"dataset. {_NOTHING_BOUGHT}"
            )
    if not pipeline.config.use_single_dataset and pipeline.default_schema_name not in (None, name):
        raise UsageError(
            "use_single_dataset is false: people would be in another dataset than the record of "
            f"what was bought. Give the source a pipeline of its own. {_NOTHING_BOUGHT}"
        )


def _refuse_steps(resource: DltResource, source: DltSource) -> None:
    for pipe in source.resources.selected_pipes:
        if pipe.name != resource.name:
            continue
        for step in pipe.steps[1:]:
            if not isinstance(step, MetricsItem):
                raise UsageError(
                    f"A limit, filter, map or other step on {resource.name} would work on answers "
                    "that are paid for, of all tables at once: leave it out. To buy less, give "
                    f"fewer leads or max_credits. {_NOTHING_BOUGHT}"
                )


def _schema_of(resource: DltResource, table: str, meta: Any) -> Mapping[str, Any]:
    try:
        return resource.compute_table_schema(meta=meta)
    except DataItemRequiredForDynamicTableHints:
        raise UsageError(
            f"The hints of {table} are functions of its rows, which may not decide where answers "
            f"that are paid for go: leave them out. {_NOTHING_BOUGHT}"
        ) from None


def _overlaid(made: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The table that dlt makes of what its schema has and what the resource says."""
    columns: dict[str, Any] = {}
    for name, column in stored.get("columns", {}).items():
        # Fields that nobody declared have columns of their own, of the types that we write.
        if name in made["columns"] or not _is_plain(column):
            columns[name] = {**column, **made["columns"].get(name, {})}
    return {**stored, **made, "columns": {**made["columns"], **columns}}


def _is_plain(column: Mapping[str, Any]) -> bool:
    facts = _facts_of(column)
    return facts.pop("data_type", None) in (None, *ARROW_TYPES) and not facts


def _refuse_changed(table: str, made: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    changed = sorted(set(_changes(made, given)))
    if changed:
        raise UsageError(
            f"{', '.join(changed)} of table {table} cannot be changed: answers that are paid for "
            "would be dropped, doubled or go elsewhere. Leave it out of the run, of hints and of "
            f"schema files. {_NOTHING_BOUGHT}"
        )


def _changes(made: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    for key in {*made, *given}:
        known = key in _OF_A_TABLE or key.startswith(_OF_A_MERGE)
        if known and made.get(key) != given.get(key):
            yield _OF_A_TABLE.get(key, "write_disposition")
    for name in {*made["columns"], *given["columns"]}:
        before, now = (_facts_of(all_["columns"].get(name, {})) for all_ in (made, given))
        if before != now or name not in made["columns"]:
            keys = {key for key in {*before, *now} if before.get(key) != now.get(key)}
            yield "primary_key" if keys == {"primary_key"} else f"column {name}"


def _facts_of(column: Mapping[str, Any]) -> dict[str, Any]:
    return {key: column[key] for key in _OF_A_COLUMN if column.get(key)}


def _refresh(mode: str) -> UsageError:
    return UsageError(
        f"refresh={mode!r} drops tables of people who are paid for, with the record that they are: "
        f"leave it out. To ask again for what is old, set refresh_after. {_NOTHING_BOUGHT}"
    )
