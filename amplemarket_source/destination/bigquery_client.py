"""BigQuery takes a small file in the statements that merge it, and of a larger one the merge asks
before it deletes: a DELETE is billed the whole of its table, a question what it compares.
"""

from __future__ import annotations

from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations.impl.bigquery.bigquery import BigQueryClient
from dlt.destinations.job_client_impl import SqlLoadJob

from amplemarket_source.destination.inline import MergesSmallFiles
from amplemarket_source.schema.table import WHOLE_IN_A_FILE

__all__ = ["SparingBigQueryClient"]

_DELETE = "DELETE "


class _SparingSqlJob(SqlLoadJob):
    """dlt's merge of one table, without a DELETE that finds no row (api-notes: bigquery-bytes)."""

    def _split_fragments(self, sql: str) -> list[str]:
        return [_where_needed(one) for one in super()._split_fragments(sql)]


def _where_needed(statement: str) -> str:
    """A statement of a script that deletes only where there is something to delete."""
    if not statement.startswith(_DELETE):
        return statement
    found = statement.removeprefix(_DELETE)
    return f"IF EXISTS (SELECT 1 {found}) THEN {statement}; END IF"


class SparingBigQueryClient(MergesSmallFiles, BigQueryClient):
    """dlt's, which merges small files of our tables at once, and asks before it deletes."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if WHOLE_IN_A_FILE in table and SqlLoadJob.is_sql_job(file_path):
            return _SparingSqlJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)
