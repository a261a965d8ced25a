"""Batches are put together without losing, mixing or reordering rows."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from amplemarket_source.transform.builder import TableBatch, gathered

_VALUES = st.lists(st.integers(0, 9), max_size=5)
_BATCHES = st.lists(
    st.dictionaries(st.sampled_from(["people", "companies"]), st.tuples(_VALUES, st.booleans())),
    max_size=8,
)


def _table(values: list[int], *, with_new_column: bool) -> pa.Table:
    columns = {"id": pa.array(values, pa.int64())}
    if with_new_column:
        columns["new"] = pa.array([str(value) for value in values], pa.string())
    return pa.table(columns)


def _rows(batches: list[TableBatch]) -> dict[str, list[dict[str, object]]]:
    rows: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for batch in batches:
        for name, table in batch.items():
            rows[name] += table.to_pylist()
    return dict(rows)


@given(_BATCHES, st.integers(1, 200))
def test_the_rows_of_each_table_come_out_in_their_order(
    drawn: list[dict[str, tuple[list[int], bool]]], most_bytes: int
) -> None:
    batches = [
        {name: _table(values, with_new_column=new) for name, (values, new) in batch.items()}
        for batch in drawn
    ]
    assert _rows(list(gathered(batches, most_bytes))) == _rows(batches)


def test_batches_are_put_together_up_to_the_size_asked_for() -> None:
    one = {"people": _table([1, 2, 3, 4], with_new_column=False)}  # 32 bytes
    assert [len(batch["people"]) for batch in gathered([one] * 5, 64)] == [8, 8, 4]


def test_a_table_with_other_columns_begins_a_batch() -> None:
    before = {"people": _table([1], with_new_column=False)}
    after = {"people": _table([2], with_new_column=True)}
    found = list(gathered([before, after, after], 1_000))
    assert [batch["people"].column_names for batch in found] == [["id"], ["id", "new"]]
