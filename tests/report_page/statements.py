"""What a statement returns and groups by, traced through its subqueries to columns of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from amplemarket_source.report_page.queries import DIALECT
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import DECLARED

__all__ = ["SCHEMA", "personal_columns_shown"]

_OF_DLT = {
    "_dlt_loads": {"load_id": "text", "status": "bigint", "schema_name": "text"},
    "_dlt_version": {"version_hash": "text", "inserted_at": "timestamp", "schema_name": "text"},
}
SCHEMA = {
    **{table.name: {c.name: c.data_type for c in table.columns} for table in DECLARED},
    **_OF_DLT,
}
_AS_NUMBERS = (exp.Count, exp.Sum)
"""What tells how many, and of nobody which."""


def personal_columns_shown(sql: str, declared: Iterable[Table] = DECLARED) -> set[str]:
    """``table.column`` of the personal columns that a statement returns, or groups or sorts by.

    To count a column is allowed, and to add up what came of comparing it.
    """
    personal = {(t.name, c.name) for t in declared for c in t.columns if c.personal}
    tree = qualify(sqlglot.parse_one(sql, dialect=DIALECT), schema=SCHEMA, dialect=DIALECT)
    scopes = traverse_scope(tree)
    returned = [e for e in (scopes[-1].expression, *_arms(tree)) if isinstance(e, exp.Select)]
    shown: set[str] = set()
    for scope in scopes:
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        group, order = select.args.get("group"), select.args.get("order")
        watched: list[exp.Expression] = [
            *(group.expressions if group else []),
            *(order.expressions if order else []),
        ]
        if any(select is one for one in returned):
            watched += select.expressions
        for expression in watched:
            for column in _not_counted(expression):
                shown |= {
                    f"{table}.{name}"
                    for table, name in _origins(column, scope)
                    if (table, name) in personal
                }
    return shown


def _arms(tree: exp.Expression) -> Iterator[exp.Expression]:
    """The selects of a union."""
    if isinstance(tree, exp.Union):
        yield from _arms(tree.left)
        yield from _arms(tree.right)
    else:
        yield tree


def _not_counted(expression: exp.Expression) -> Iterator[exp.Column]:
    for column in expression.find_all(exp.Column):
        if not column.find_ancestor(*_AS_NUMBERS):
            yield column


def _origins(column: exp.Column, scope: Scope) -> Iterator[tuple[str, str]]:
    source = scope.sources.get(column.table)
    if isinstance(source, Scope):
        for projection in source.expression.selects:
            if projection.alias_or_name == column.name:
                for inner in projection.find_all(exp.Column):
                    yield from _origins(inner, source)
    elif source is not None:
        yield source.name, column.name
