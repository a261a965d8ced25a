"""The assets: one step for all tables."""

# Without `annotations` from __future__: Dagster reads those of the step when it is defined.

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import dlt

from amplemarket_source.dagster.step import SETTLED, LeadList, Step
from amplemarket_source.errors import SettingsError
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import (
    COMPANIES_HISTORY,
    COMPANY_TABLES,
    PEOPLE_HISTORY,
    PEOPLE_TABLES,
    TABLES,
)
from amplemarket_source.settings import SETTING_NAMES

__all__ = ["amplemarket_assets"]


def amplemarket_assets(
    pipeline: dlt.Pipeline | Callable[[], dlt.Pipeline],
    leads: LeadList | None = None,
    companies: LeadList | None = None,
    *,
    label: str | Callable[[dg.AssetExecutionContext], str | None] | None = None,
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
    deps: Iterable[Any] = (),
    key_prefix: str | Sequence[str] = "amplemarket",
    group_name: str = "amplemarket",
    pool: str = "amplemarket",
    max_retries: int = 3,
    seconds_between_retries: float = 360,
    **settings: Any,
) -> dg.AssetsDefinition:
    """Assets for every table, ``<key_prefix>/<table>``, all of one step.

    Nothing is read, opened or resolved before the step runs: a code location loads without key,
    credentials and database. A part of the assets can be selected. What is bought then: the leads
    for tables of people, the companies for tables of companies, or the leads for both where no
    companies are listed, since a person's company comes with the person. For tables of bookkeeping
    alone nothing is bought, and what is in flight is finished. Whatever got rows is recorded as
    materialised, selected or not.

    A stop signal ends the step in an orderly way: nothing more is sent, what is complete is loaded,
    and the next run goes on with the rest.

    Args:
        pipeline: names the destination and the dataset; or makes one that does, in each run.
        leads: people to look for: a path or URL, a `LeadsFrom`, anything else that
            `amplemarket_source.enrich` takes, or a function that gets Dagster's context and returns
            one of these (for a list of its own in each partition).
        companies: the same, with ``domain`` and ``linkedin_url``.
        label: who or what a run is for, or a function that gets Dagster's context and returns it;
            in a run of one partition, the partition's key unless something else is said.
        partitions_def: of all assets.
        deps: assets that make the list, such as a dbt model.
        key_prefix: of the assets' keys; the default gives the keys of a dbt source ``amplemarket``.
        group_name: of all assets.
        pool: whose limit on the instance has to be 1: a dataset has one writer.
        max_retries: how often an unfinished run, or a destination that failed, is asked again.
        seconds_between_retries: before each; a run that was killed on another machine holds its
            lease on a warehouse for five minutes.
        settings: as those of `enrich`; a `dagster.EnvVar` is read when the step runs.

    Raises:
        SettingsError: no list is given, one that could be read once only, or no such setting.

    Example::

        amplemarket_assets(
            pipeline,
            leads=lambda context: f"s3://lists/{context.partition_key}.csv",
            partitions_def=dg.StaticPartitionsDefinition(["spring", "summer"]),
            reveal_email=True,
            max_credits=500,
        )
    """
    given = {PEOPLE: leads, COMPANIES: companies}
    lists = {kind: found for kind, found in given.items() if found is not None}
    _refuse(lists, settings)
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
    keys = {name: dg.AssetKey([*prefix, name]) for name in TABLES}
    upstream = list(deps)

    @dg.multi_asset(
        name=re.sub(r"\W", "_", "_".join(prefix)),
        specs=[
            dg.AssetSpec(
                keys[table.name],
                deps=upstream,
                description=table.description,
                group_name=group_name,
                kinds={"dlt"},
                metadata={"dagster/column_schema": _column_schema(table)},
            )
            for table in TABLES.values()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                SETTLED,
                asset=keys[kind.name],
                blocking=True,
                description="Every lead that was asked for has an outcome.",
            )
            for kind in (PEOPLE, COMPANIES)
        ],
        partitions_def=partitions_def,
        can_subset=True,
        pool=pool,
    )
    def amplemarket_step(context: dg.AssetExecutionContext) -> Iterator[Any]:
        selected = [name for name, key in keys.items() if key in context.selected_asset_keys]
        step = Step(context, keys, selected, max_retries, seconds_between_retries)
        yield from step.run(
            pipeline if isinstance(pipeline, dlt.Pipeline) else pipeline(),
            {kind: lists[kind] for kind in _kinds_to_buy(selected, lists)},
            {**settings, "label": _label(context, label)},
        )

    return amplemarket_step


def _refuse(lists: Mapping[Kind, LeadList], settings: Mapping[str, Any]) -> None:
    if not lists:
        raise SettingsError("Give leads or companies: without a list there is nothing to do.")
    for kind, given in lists.items():
        if isinstance(given, Iterator):
            raise SettingsError(
                f"The {kind.payload_key} can be read once only, and the first run would use them "
                "up: give a list, or a function that makes them."
            )
    unknown = sorted(settings.keys() - SETTING_NAMES)
    if unknown:
        raise SettingsError(f"There is no setting {', '.join(unknown)}.")


def _kinds_to_buy(selected: Iterable[str], lists: Mapping[Kind, LeadList]) -> set[Kind]:
    """Whose list a selection of tables needs."""
    kinds = {
        **{table.name: PEOPLE for table in (*PEOPLE_TABLES, PEOPLE_HISTORY)},
        **{
            table.name: COMPANIES if COMPANIES in lists else PEOPLE
            for table in (*COMPANY_TABLES, COMPANIES_HISTORY)
        },
    }
    return {kinds[name] for name in selected if name in kinds} & lists.keys()


def _column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.data_type,
                column.description,
                dg.TableColumnConstraints(nullable=column.nullable),
                tags={"personal": ""} if column.personal else None,
            )
            for column in table.columns
        ]
    )


def _label(
    context: dg.AssetExecutionContext,
    label: str | Callable[[dg.AssetExecutionContext], str | None] | None,
) -> str | None:
    if label is None or isinstance(label, str):
        key = context.partition_key if context.has_partition_key else None
        return key if label is None else label
    return label(context)
