"""What declarations of tables have in common: dlt's own columns, child tables, plain texts."""

from __future__ import annotations

from amplemarket_source.schema.table import Child, Column, DataType, Table

__all__ = ["DLT", "children", "texts", "values"]

_LOAD_ID = Column(
    "_dlt_load_id", description="The dlt load that wrote the row", nullable=False, own=True
)
_ROW_ID = Column(
    "_dlt_id",
    description="Unique in the table, made from the natural key",
    nullable=False,
    own=True,
)
DLT = (_LOAD_ID, _ROW_ID)
"""The columns that dlt gives to every row."""


def texts(*names: str, personal: bool = False) -> tuple[Column, ...]:
    """Columns of text, described by their names."""
    return tuple(Column(name, personal=personal) for name in names)


def children(
    parent: str, key: str, path: str, *columns: Column, about_people: bool = False
) -> Table:
    """The table of a list of objects: ``parent__path``, open to undocumented fields.

    Args:
        key: the column that carries the key of the parent's row.
        columns: the documented fields of an item.
        about_people: see `Table`.
    """
    return Table(
        name=f"{parent}__{path}",
        description=f"An item of {path} in the latest answer.",
        columns=(
            Column(key, description=f"The row of {parent} it belongs to", nullable=False, own=True),
            Column(
                "_dlt_list_idx",
                "bigint",
                "Position in the list, from 0",
                nullable=False,
                own=True,
            ),
            *columns,
            Column(
                "_dlt_parent_id",
                description=f"_dlt_id of the {parent} row",
                nullable=False,
                own=True,
            ),
            *DLT,
        ),
        key=(key, "_dlt_list_idx"),
        open=True,
        from_api=True,
        about_people=about_people,
        child=Child(parent, key, path, "items"),
        references=(((key,), parent, ("id",)),),
    )


def values(parent: str, key: str, path: str, data_type: DataType = "text") -> Table:
    """The table of a list of scalars: one column, ``value``."""
    items = children(parent, key, path, Column("value", data_type, "The element"))
    return Table(
        name=items.name,
        description=f"An element of {path} in the latest answer.",
        columns=items.columns,
        key=items.key,
        from_api=True,
        child=Child(parent, key, path, "values"),
        references=items.references,
    )
