"""The two headcount maps of a company, whose keys are data: a row for each label.

Rows stand in the order of the labels, whatever the order in the answer. A label without a count
makes no row.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.tables.ranges import indices

__all__ = ["label_rows"]


def label_rows(maps: pa.StructArray) -> tuple[pa.Array, pa.Array, dict[str, pa.Array]]:
    """Maps of label to count as rows.

    Returns:
        For each row the index of its map; for each map the number of its rows; the columns
        ``label``, ``headcount`` and ``_dlt_list_idx``.

    Raises:
        pyarrow.ArrowInvalid: a count is not an integer.
    """
    count = len(maps)
    rows = indices(count)
    seen = pa.repeat(pa.scalar(0, pa.int64()), count)
    empty = pa.array([], pa.int64())
    parents, labels, counts, positions = [empty], [pa.array([], pa.string())], [empty], [empty]
    arrays = dict(zip((field.name for field in maps.type), maps.flatten(), strict=True))
    for label, values in sorted(arrays.items()):
        if pa.types.is_null(values.type):
            continue
        if not pa.types.is_integer(values.type):
            raise pa.ArrowInvalid("a headcount that is no integer")
        valid = pc.is_valid(values)
        parents.append(rows.filter(valid))
        counts.append(values.filter(valid))
        positions.append(seen.filter(valid))
        labels.append(pa.repeat(pa.scalar(label), len(counts[-1])))
        seen = pc.add(seen, pc.cast(valid, pa.int64()))
    columns = {"label": labels, "headcount": counts, "_dlt_list_idx": positions}
    joined = {name: pa.concat_arrays(arrays) for name, arrays in columns.items()}
    return pa.concat_arrays(parents), seen, joined
