"""What BigQuery would bill for some statements: columns times rows, worked out from their text.

A query is billed for the columns that it names of each table, all their rows, whatever its filter;
a statement that changes rows for all columns of the table it changes as well. Tables of other
datasets, the staging dataset's among them, hold no more than the rows of one load and are left out.
Of a DELETE that is asked for first (`amplemarket_source.destination.inline`) the question counts:
whether rows were found only the warehouse knows, and in the runs that are measured they are those
of requests.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlglot
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

__all__ = ["billed", "columns_read", "query_of"]

_ALL = "*"
_IF_ANY = re.compile(r"\bIF EXISTS \((.*?)\) THEN DELETE .*?; END IF", re.DOTALL)
_NO_TABLE_OF_OURS = "INFORMATION_SCHEMA"


def query_of(body: Any) -> str:
    """The SQL of the body of a request to BigQuery; empty where there is none."""
    if not isinstance(body, dict):
        return ""
    job = body.get("configuration", {}).get("query", {})
    return str(body.get("query") or job.get("query") or "")


def billed(statements: Sequence[str], client: SqlClientBase[Any]) -> int:
    """Values, columns times rows, that the statements read of the dataset of ``client``."""
    dataset = client.dataset_name
    sizes: dict[str, tuple[int, int]] = {}
    total = 0
    for statement in statements:
        for table, columns in columns_read(statement, dataset).items():
            if table not in sizes:
                sizes[table] = _size(table, client)
            rows, width = sizes[table]
            total += rows * (width if _ALL in columns else len(columns))
    return total


def columns_read(statement: str, dataset: str) -> dict[str, set[str]]:
    """Columns by table of ``dataset``; ``*`` stands for all of a table that is changed.

    Example::

        columns_read("SELECT a FROM p.d.t WHERE b = 1", "d")    # {"t": {"a", "b"}}
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for tree in sqlglot.parse(_IF_ANY.sub(r"\1", statement), dialect="bigquery"):
        if tree is None:
            continue
        if isinstance(tree, (exp.Delete, exp.Update, exp.Merge)):
            target = tree.this if isinstance(tree.this, exp.Table) else tree.find(exp.Table)
            if target is not None and target.db == dataset:
                found[target.name].add(_ALL)
        names = {
            table.alias_or_name: table
            for table in tree.find_all(exp.Table)
            if not isinstance(table.parent, (exp.Insert, exp.Schema))
        }
        for column in tree.find_all(exp.Column):
            table = names.get(column.table) or _only_table_around(column)
            if table is not None and table.db == dataset:
                found[table.name].add(column.name)
    return {
        name: columns for name, columns in found.items() if not name.startswith(_NO_TABLE_OF_OURS)
    }


def _only_table_around(column: exp.Column) -> exp.Table | None:
    """The table of the innermost query that a column without a table's name stands in."""
    around = column.find_ancestor(exp.Select, exp.Delete, exp.Update)
    if isinstance(around, exp.Select):
        clause = around.args.get("from") or around.args.get("from_")
        return clause.this if clause and isinstance(clause.this, exp.Table) else None
    return around.this if around is not None and isinstance(around.this, exp.Table) else None


def _size(table: str, client: SqlClientBase[Any]) -> tuple[int, int]:
    """Rows and columns of a table, at the end of the run."""
    with client.execute_query(f"SELECT * FROM {client.make_qualified_table_name(table)}") as cursor:
        return len(cursor.fetchall()), len(cursor.description)
