"""dlt's destinations, asked for less.

``duckdb`` and ``postgres`` merge each file of a load at once, without staging tables. dlt writes a
load twice: into staging tables and, by a merge that looks for doubles, into the tables themselves.
Here a file is merged from where it lies: with less time and memory, a third of the statements, and
no copy of anybody's data in a second dataset. One transaction deletes what the file replaces and
inserts its rows. Repeated after a crash, it replaces what it had inserted itself
(api-notes: duckdb-parquet, postgres-script).

This holds for tables whose rows come as ours do (`amplemarket_source.schema.table`); those of other
sources in the same pipeline are left to dlt, and so is a load that dlt's own destination began. The
other way round, what is left of a load that died here is to be loaded by this destination: dlt's
finds no staging tables, or old rows in them.

``snowflake`` and ``bigquery`` merge small files that are not about people inside the statements
(`amplemarket_source.destination.inline`), and others as dlt's do. ``bigquery`` leaves out a
DELETE that finds nothing, which would be billed the whole table; of one Snowflake reads the columns
that are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dlt

if TYPE_CHECKING:
    from dlt.destinations.impl.bigquery.bigquery import BigQueryClient
    from dlt.destinations.impl.duckdb.duck import DuckDbClient
    from dlt.destinations.impl.postgres.postgres import PostgresClient
    from dlt.destinations.impl.snowflake.snowflake import SnowflakeClient

__all__ = ["bigquery", "duckdb", "postgres", "snowflake"]


class duckdb(dlt.destinations.duckdb):  # noqa: N801 - the name dlt gives to this destination
    """``dlt.destinations.duckdb``, with the same arguments.

    Example::

        from amplemarket_source.destination import duckdb

        pipeline = dlt.pipeline("amplemarket", destination=duckdb("leads.duckdb"))
    """

    @property
    def client_class(self) -> type[DuckDbClient]:
        from amplemarket_source.destination.duckdb_client import MergingDuckDbClient

        return MergingDuckDbClient


class postgres(dlt.destinations.postgres):  # noqa: N801 - the name dlt gives to this destination
    """``dlt.destinations.postgres``, with the same arguments.

    Example::

        from amplemarket_source.destination import postgres

        pipeline = dlt.pipeline("amplemarket", destination=postgres("postgresql://db.example/crm"))
    """

    @property
    def client_class(self) -> type[PostgresClient]:
        # Not before it is asked for: the driver is an extra.
        from amplemarket_source.destination.postgres_client import MergingPostgresClient

        return MergingPostgresClient


class bigquery(dlt.destinations.bigquery):  # noqa: N801 - the name dlt gives to this destination
    """``dlt.destinations.bigquery``, with the same arguments.

    Example::

        from amplemarket_source.destination import bigquery

        pipeline = dlt.pipeline("amplemarket", destination=bigquery(location="EU"))
    """

    @property
    def client_class(self) -> type[BigQueryClient]:
        from amplemarket_source.destination.bigquery_client import SparingBigQueryClient

        return SparingBigQueryClient


class snowflake(dlt.destinations.snowflake):  # noqa: N801 - the name dlt gives to this destination
    """``dlt.destinations.snowflake``, with the same arguments.

    Example::

        from amplemarket_source.destination import snowflake

        pipeline = dlt.pipeline("amplemarket", destination=snowflake())
    """

    @property
    def client_class(self) -> type[SnowflakeClient]:
        from amplemarket_source.destination.snowflake_client import InliningSnowflakeClient

        return InliningSnowflakeClient
