"""Nothing that was paid for is lost, whatever it looks like and however it is cut into pages."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from amplemarket_source.schema.registry import ColumnRegistry
from tests.transform.documents import encode
from tests.transform.generate import Consistent, Generator
from tests.transform.harness import Bench, Warehouse, page
from tests.transform.loss import check_envelope, lost

pytestmark = pytest.mark.slow

_SETTINGS = settings(
    max_examples=25,
    deadline=None,
    # Shrinking a source of randomness takes minutes and helps little; the fuzz command repeats.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_SETTINGS
@given(random=st.randoms(use_true_random=True), oddity=st.sampled_from([0.0, 0.3, 1.0]))
def test_every_leaf_of_an_answer_is_in_a_table_or_in_rejects(
    bench: Bench, random: Random, oddity: float
) -> None:
    generator = Generator(random, oddity)
    memory = ColumnRegistry()
    for _ in range(2):  # the second load meets the columns of the first
        pages = [generator.rows(range(10 * p, 10 * p + 3)) for p in range(2)]
        envelopes = [generator.envelope() for _ in pages]
        bodies = [page(rows, **one) for rows, one in zip(pages, envelopes, strict=True)]
        for body in bodies:
            check_envelope(body)
        memory.limits = generator.limits()
        warehouse = Warehouse().apply(bench.load([bench.answer(bodies, leads=20)], memory))
        assert lost([row for rows in pages for row in rows], warehouse, envelopes) == []


def loaded(bench: Bench, loads: Sequence[Sequence[Sequence[Any]]], leads: int) -> Warehouse:
    """Loads of pages of rows into one destination."""
    memory, warehouse = ColumnRegistry(), Warehouse()
    for pages in loads:
        answer = bench.answer([page(rows) for rows in pages], leads=leads)
        warehouse.apply(bench.load([answer], memory))
    return warehouse


@_SETTINGS
@given(random=st.randoms(use_true_random=True))
def test_order_and_page_split_do_not_matter_and_loading_twice_changes_nothing(
    bench: Bench, random: Random
) -> None:
    generator = Consistent(random, random.choice([0.5, 1.0]))
    rows = [generator.row(number) for number in range(8)]
    shuffled = random.sample(rows, len(rows))
    cut = random.randrange(len(rows))
    at_once = loaded(bench, [[rows]], 8).content()
    assert loaded(bench, [[[row] for row in shuffled]], 8).content() == at_once
    assert loaded(bench, [[shuffled[:cut], shuffled[cut:]]], 8).content() == at_once
    assert loaded(bench, [[rows], [rows]], 8).content() == at_once


@pytest.mark.parametrize("oddity", [0.0, 0.5, 1.0])
def test_the_strict_and_the_tolerant_way_make_the_same_tables(bench: Bench, oddity: float) -> None:
    for seed in range(10):
        rows = [Consistent(Random(seed), oddity).row(0)]
        # NUL in the envelope concerns no row, but sends the page the tolerant way.
        odd = encode({"results": rows, "status": "\x00"})
        found = []
        for body in (page(rows), odd):
            answer = bench.answer([body], leads=1)
            found.append(Warehouse().apply(bench.load([answer], ColumnRegistry())).content())
        assert bench.tolerated_pages == 1
        assert found[0] == found[1]
