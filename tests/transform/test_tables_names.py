"""A field's column depends on its path alone, and no two fields share one."""

from __future__ import annotations

import re

import pytest
from dlt.common.normalizers.naming import NamingConvention, direct, snake_case, sql_ci_v1, sql_cs_v1
from hypothesis import given
from hypothesis import strategies as st

from amplemarket_source.schema.bookkeeping import ENRICHMENT_RESULTS
from amplemarket_source.schema.fields import LONGEST_NAME, Path, field_at, is_declared
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import COMPANIES, PEOPLE, PEOPLE_TABLES

_KEY = st.one_of(
    st.sampled_from(
        ["fullName", "full_name", "FullName", "full name", "a", "b", "a_b", "v_x", "v", "V", ""]
    ),
    st.sampled_from(["location_details", "city", "_dlt_id", "id", "x" * 70, "x" * 71, "__"]),
    st.text(max_size=5),
)
_PATH = st.lists(_KEY, min_size=1, max_size=3).map(tuple)


@given(first=_PATH, second=_PATH)
def test_two_fields_have_two_columns(first: Path, second: Path) -> None:
    same = field_at(PEOPLE, first).name == field_at(PEOPLE, second).name
    assert same == (first == second)


@given(path=_PATH)
def test_a_name_is_what_every_naming_convention_of_dlt_leaves_as_it_is(path: Path) -> None:
    name = field_at(PEOPLE, path).name
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]|[a-z]", name)
    assert len(name) <= LONGEST_NAME
    assert "__v_" not in name
    conventions: list[type[NamingConvention]] = [
        module.NamingConvention for module in (snake_case, direct, sql_ci_v1, sql_cs_v1)
    ]
    for convention in conventions:
        assert convention(LONGEST_NAME).normalize_path(name) == name


@given(path=_PATH)
def test_a_key_that_is_spelt_like_the_column_of_another_field_does_not_get_it(path: Path) -> None:
    name = field_at(PEOPLE, path).name
    assert path == (name,) or field_at(PEOPLE, (name,)).name != name


@pytest.mark.parametrize("table", [PEOPLE, COMPANIES, ENRICHMENT_RESULTS, *PEOPLE_TABLES[1:]])
def test_our_own_columns_are_never_given_to_a_field(table: Table) -> None:
    ours = {c.name for c in table.columns} - {
        column.name
        for column in table.columns
        if is_declared(table, tuple(column.name.split("__")))
    }
    assert "_dlt_id" in ours
    assert ours.isdisjoint(field_at(table, (name,)).name for name in ours)


def test_names_stay_what_they_are_in_every_version() -> None:
    assert field_at(PEOPLE, ("fullName",)).name == "full_name_xf7aef51db9"
    assert field_at(PEOPLE, ("location_details", "postal_code")).name == (
        "location_details__postal_code"
    )
