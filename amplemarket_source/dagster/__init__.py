"""Every table as an asset of Dagster, from one run of the main job (extra ``dagster``).

    leads ──► one step that buys and loads ──► amplemarket/people, amplemarket/companies, ...
              in its pool: one at a time       rows, credits, and the check `settled`

What the command says by its exit code, the step says in Dagster's words:

========================================  =====================================================
every lead is settled (0)                 materialised, the check passes
unfinished, time is all it needs (5)      asked again; then materialised, the check warns
unfinished, a person has to decide (5)    materialised, the check fails and blocks what follows
the destination failed (7)                asked again; then the step fails
settings, key, credits, API (2, 3, 4, 6)  the step fails, and is not asked again
========================================  =====================================================

Example::

    import dagster as dg
    import dlt
    from amplemarket_source.dagster import amplemarket_assets
    from amplemarket_source.destination import duckdb

    def pipeline() -> dlt.Pipeline:
        return dlt.pipeline("amplemarket", destination=duckdb("amplemarket.duckdb"),
                            dataset_name="amplemarket_data")

    defs = dg.Definitions([amplemarket_assets(pipeline, leads="leads.csv", max_credits=500)])
"""

from amplemarket_source.dagster.assets import amplemarket_assets
from amplemarket_source.dagster.component import AmplemarketComponent
from amplemarket_source.dagster.step import LeadsFrom

__all__ = ["AmplemarketComponent", "LeadsFrom", "amplemarket_assets"]
