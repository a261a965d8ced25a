"""Single values: what may be converted, how deep JSON is, what was learnt from a failure."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amplemarket_source.lenient_json import MOST_LEVELS, is_deep, shallow
from amplemarket_source.schema.registry import ColumnRegistry
from amplemarket_source.schema.table import DataType
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.storable import is_clean
from amplemarket_source.transform.values import Lossy, coerce, common_type, json_text
from tests.transform.documents import spellings

_SCALAR = st.one_of(
    st.text(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.sampled_from(["1", "1.0", "1e5", " 7 ", "0x1F", "TRUE", "nan", "1_0", "٣", "9" * 30]),
)
_TYPES: tuple[DataType, ...] = ("text", "bigint", "double", "bool")


@given(value=_SCALAR, data_type=st.sampled_from(_TYPES))
def test_what_is_converted_can_be_read_back(value: Any, data_type: DataType) -> None:
    try:
        converted = coerce(value, data_type)
    except Lossy:
        return
    python = {"text": str, "bigint": int, "double": float, "bool": bool}[data_type]
    assert type(converted) is python
    assert spellings(value) & spellings(converted)


@given(values=st.lists(_SCALAR, min_size=1))
def test_the_type_of_a_new_column_holds_all_its_values(values: list[Any]) -> None:
    data_type = common_type(values)
    held = (
        [value for value in values if not isinstance(value, str) or is_clean(value)]
        if data_type == "text"
        else values
    )
    assert None not in [coerce(value, data_type) for value in held]


@given(
    value=st.recursive(
        _SCALAR | st.none() | st.sampled_from(["{", "]]", '"[', "\\", "[" * 200]),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    wrapped=st.integers(0, 2 * MOST_LEVELS),
    as_list=st.booleans(),
)
def test_depth_is_exact_whatever_brackets_stand_in_texts(
    value: Any, wrapped: int, as_list: bool
) -> None:
    for _ in range(wrapped):
        value = [value] if as_list else {"in": value}
    text = json.dumps(value)
    assert is_deep(text.encode()) == (levels(value) > MOST_LEVELS)
    if levels(value) <= MOST_LEVELS:
        assert shallow(text) == text
    else:
        assert levels(json.loads(shallow(text))) == MOST_LEVELS


def levels(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(levels, value), default=0) if isinstance(value, list) else 0


@given(value=st.recursive(_SCALAR, lambda inner: st.lists(inner), max_leaves=5))
def test_json_text_is_json_that_every_destination_holds(value: Any) -> None:
    text = json_text(value)
    json.loads(text, parse_constant=pytest.fail)
    assert "\x00" not in text
    text.encode()


def test_json_text_has_one_form() -> None:
    assert json_text({"b": [1.0, 1.5, 1e300], "a": None, "ä": "\ud800"}) == (
        '{"b":[1,1.5,1e+300],"\\u00e4":"\\ud800"}'
    )
    assert json_text(["ä", {"c": 1, "b": 2}]) == '["ä",{"b":2,"c":1}]'


def test_nothing_is_learnt_from_an_attempt_that_fails() -> None:
    memory = ColumnRegistry()
    before = memory.schema(PEOPLE)
    with suppress(KeyError), memory.attempt():
        memory.learn(PEOPLE, "score", "bigint")
        assert "score" in memory.schema(PEOPLE).names
        raise KeyError
    assert memory.schema(PEOPLE) == before
    assert memory.new_fields == {}
