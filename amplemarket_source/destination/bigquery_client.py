"""BigQuery takes a small file in the statements that merge it, and of a larger one the merge asks
before it deletes: a DELETE is billed the whole of its table, a question what it compares.
"""

from __future__ import annotations

from typing import Any

from dlt.common.destination.client import LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.destinations.impl.bigquery.bigquery import BigQueryClient
from dlt.destinations.job_client_impl import SqlLoadJob

from amplemarket_source.destination.inline import MergesSmallFiles
from amplemarket_source.schema.table import WHOLE_IN_A_FILE

__all__ = ["SparingBigQueryClient"]

_DELETE = "DELETE "


class _SparingSqlJob(SqlLoadJob):
    """dlt's merge of one table, without a DELETE that finds no row (api-notes: bigquery-bytes).

    The INSERT that is left is a statement of its own, done or not: repeated after a crash, the job
    finds the rows that it has inserted, and deletes them first.
    """

    _sql_client: Any

    def _split_fragments(self, sql: str) -> list[str]:
        return [one for one in super()._split_fragments(sql) if self._is_needed(one)]

    def _is_needed(self, statement: str) -> bool:
        if not statement.startswith(_DELETE):
            return True
        question = f"SELECT 1 {statement.removeprefix(_DELETE)} LIMIT 1"
        return bool(self._sql_client.execute_sql(question))


class SparingBigQueryClient(MergesSmallFiles, BigQueryClient):
    """dlt's, which merges small files of our tables at once, and asks before it deletes."""

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if WHOLE_IN_A_FILE in table and SqlLoadJob.is_sql_job(file_path):
            return _SparingSqlJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)
