"""The key of one lead, by the macros that the product runs over all of them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from amplemarket_source.identity import lead_key_sql, rows_with_identity
from amplemarket_source.kinds import Kind

__all__ = ["lead_key"]


def lead_key(kind: Kind, fields: Mapping[str, str | None]) -> str:
    """The key of one lead: 32 lower-case hexadecimal characters, as the SQL would give it.

    Args:
        kind: people or companies.
        fields: values by field name; a field that is missing counts as null, others are ignored.
    """
    given = {field: pa.array([fields.get(field)], pa.string()) for field in kind.identifying}
    ((key,),) = rows_with_identity(pa.table(given), f"SELECT {lead_key_sql(kind)} FROM given")
    return str(key)
