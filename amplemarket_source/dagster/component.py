"""The component: the assets from YAML, as ``dg`` scaffolds it."""

# Without `annotations` from __future__: Dagster reads those of a component when it is defined.

from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import dagster as dg

from amplemarket_source.cli.target import ENRICHMENT, Target
from amplemarket_source.dagster.assets import amplemarket_assets
from amplemarket_source.dagster.step import LeadList, LeadsFrom

__all__ = ["AmplemarketComponent"]


def _list(context: dg.ResolutionContext, given: Any) -> LeadList | None:
    """A list of the component's YAML; a relative path is one beside that file."""
    if isinstance(given, str):
        return given if "://" in given else str(context.resolve_source_relative_path(given))
    return None if given is None else LeadsFrom.resolve_from_model(context, given)


_ListInYaml: TypeAlias = Annotated[
    LeadList | None,
    dg.Resolver(_list, model_field_type=str | LeadsFrom.model() | None),
]


class _Scaffolder(dg.Scaffolder[Any]):
    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """A file that loads as it is, for the user to fill in."""
        dg.scaffold_component(
            request,
            {
                "leads": "leads.csv",
                "destination": "duckdb:///amplemarket.duckdb",
                "dataset": ENRICHMENT.dataset,
                "settings": {"max_credits": 100},
            },
        )


@dg.scaffold_with(_Scaffolder)
@dataclass
class AmplemarketComponent(dg.Component, dg.Resolvable):
    """Leads in, typed tables of people and companies out: each table an asset.

    Attributes:
        leads: a path (beside this file, if it is relative) or URL, or ``table: schema.name``, or
            ``query: SELECT ...``, with ``url`` if it is for another database than the destination.
        companies: the same, with ``domain`` and ``linkedin_url``.
        pipeline_name: of the dlt pipeline.
        destination: as ``amplemarket --destination`` takes it.
        dataset: of the tables.
        label: who or what the runs are for; the partition's key where nothing is said.
        key_prefix: of the assets' keys.
        settings: those of ``sources.amplemarket``. The key does not belong here: it is read from
            the environment (``SOURCES__AMPLEMARKET__API_KEY``) when the step runs.

    Example::

        type: amplemarket_source.dagster.AmplemarketComponent
        attributes:
          leads: leads.csv
          destination: bigquery
          settings:
            max_credits: 500
    """

    leads: _ListInYaml = None
    companies: _ListInYaml = None
    pipeline_name: str = ENRICHMENT.pipeline
    destination: str = "duckdb"
    dataset: str = ENRICHMENT.dataset
    label: str | None = None
    key_prefix: str | list[str] = "amplemarket"
    settings: dict[str, Any] = field(default_factory=dict)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets; nothing is opened."""
        target = Target(self.destination, self.dataset, self.pipeline_name, None)
        return dg.Definitions(
            assets=[
                amplemarket_assets(
                    target.pipeline,
                    self.leads,
                    self.companies,
                    label=self.label,
                    key_prefix=self.key_prefix,
                    **self.settings,
                )
            ]
        )
