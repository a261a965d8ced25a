"""One documented outcome for each odd value and key; the load goes on."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from amplemarket_source.kinds import PEOPLE as PEOPLE_KIND
from amplemarket_source.schema.fields import field_at, result_type
from amplemarket_source.schema.registry import MOST_COLUMNS
from amplemarket_source.schema.tables import PEOPLE
from amplemarket_source.transform.strict import StrictParser
from tests.transform.documents import Deep, Literal, Pairs
from tests.transform.harness import Bench, page, person_row
from tests.transform.oddities import Json, columns_of, load, person


@pytest.mark.parametrize(
    ("field", "sent", "lands"),
    [
        ("founded_year", "2015", 2015),
        ("founded_year", " 0042 ", 42),
        ("founded_year", 2015.0, 2015),
        ("founded_year", Literal("2e3"), 2000),
        ("founded_year", 2**53 + 1, 2**53 + 1),
        ("founded_year", 2**63 - 1, 2**63 - 1),
        ("name", 7, "7"),
        ("name", 1.5, "1.5"),
        ("name", True, "true"),
        ("is_b2b", "TRUE", True),
        ("is_b2b", 0, False),
    ],
)
def test_a_value_of_another_type_is_converted_where_it_stays_the_same(
    bench: Bench, field: str, sent: Json, lands: Json
) -> None:
    row, rejects = person(bench, company={"id": "c", field: sent})
    warehouse = load(bench, [person_row({"id": "p", "company": {"id": "c", field: sent}})])
    assert [company[field] for company in warehouse["companies"]] == [lands]
    assert rejects == {}
    assert row["company_id"] == "c"


@pytest.mark.parametrize(
    ("field", "sent", "raw"),
    [
        ("founded_year", 1.5, "1.5"),
        ("founded_year", "soon", '"soon"'),
        ("founded_year", True, "true"),
        ("founded_year", 2**63, str(2**63)),
        ("founded_year", Literal("NaN"), "NaN"),
        ("founded_year", Literal("1e400"), '"1E+400"'),
        ("founded_year", [2015], "[2015]"),
        ("name", {"first": "A"}, '{"first": "A"}'),
        ("name", ["A"], '["A"]'),
        ("location_details", "Lisbon", '"Lisbon"'),
        ("sic_codes", "7372", '"7372"'),
        ("sic_codes", ["73x"], '"73x"'),
        ("locations", ["Lisbon"], '"Lisbon"'),
        ("department_headcount", [1], "[1]"),
        ("department_headcount", {"Sales": "many"}, '"many"'),
    ],
)
def test_a_value_that_does_not_fit_is_null_and_in_rejects(
    bench: Bench, field: str, sent: Json, raw: str
) -> None:
    warehouse = load(
        bench, [person_row({"id": "p", "company": {"id": "c", field: sent, "industry": "x"}})]
    )
    (company,) = warehouse["companies"]
    assert company.get(field) is None
    assert company["industry"] == "x"
    (reject,) = warehouse["rejects"]
    assert (reject["stage"], reject["entity_id"], reject["raw"]) == ("field", "c", raw)
    assert reject["lead_key"] is not None


@pytest.mark.parametrize(
    ("first", "second", "lands", "rejected"),
    [
        (None, "text", {"x": "text"}, None),
        (7, 1.5, {}, "1.5"),
        (7, 2.0, {"x": 2}, None),
        (7, "text", {}, '"text"'),
        (7, "8", {"x": 8}, None),
        ("text", 7, {"x": "7"}, None),
        ("text", 1e-7, {"x": "1e-07"}, None),
        ("text", 2.0, {"x": "2"}, None),
        (1.5, 7, {"x": 7.0}, None),
        ({}, {"a": {"b": 1}}, {"x__a__b": 1}, None),
        (7, {"a": 1}, {"x__a": 1}, None),
        ({"a": 1}, 7, {"x": 7}, None),
        ([1], 7, {"x": "7"}, None),
        ("text", [1, {"b": None, "a": 2.0}], {"x": '[1,{"a":2}]'}, None),
        (7, [1], {}, "[1]"),
        ("2020-01-01", "soon", {"x": "soon"}, None),
    ],
)
@pytest.mark.parametrize("in_experiences", [False, True])
def test_a_field_keeps_the_type_of_its_first_value(
    bench: Bench,
    first: Json,
    second: Json,
    lands: dict[str, Json],
    rejected: str | None,
    in_experiences: bool,
) -> None:
    def entity(identity: str, value: Json) -> Json:
        fields = {"x": value}
        return {"id": identity, **({"experiences": [fields]} if in_experiences else fields)}

    warehouse = load(
        bench, [person_row(entity("first", first))], [person_row(entity("second", second))]
    )
    table = "people__experiences" if in_experiences else "people"
    identity = "second:0" if in_experiences else "second"
    found = columns_of(warehouse, table)[identity]
    assert {k: v for k, v in found.items() if k.startswith("x")} == lands
    assert [row["raw"] for row in warehouse["rejects"]] == ([rejected] if rejected else [])


@pytest.mark.parametrize("keys", [("fullName", "full_name", "FullName"), ("a b", "a_b", "a-b")])
def test_keys_with_one_normal_form_have_columns_of_their_own_in_every_order(
    bench: Bench, keys: tuple[str, ...]
) -> None:
    names = {key: field_at(PEOPLE, (key,)).name for key in keys}
    assert len(set(names.values())) == len(keys)
    assert names[keys[1]] == keys[1]
    for order in (keys, keys[::-1]):
        rows = [person_row({"id": key, key: key}, number) for number, key in enumerate(order)]
        apart = load(bench, *[[row] for row in rows])
        at_once = load(bench, [person_row({"id": "p", **{key: key for key in order}})])
        assert columns_of(apart) == {key: {names[key]: key} for key in keys}
        assert columns_of(at_once) == {"p": {names[key]: key for key in keys}}


@pytest.mark.parametrize(
    "key",
    [
        *("", " ", "_", "__", "2nd", "ключ", "名前", "a b", "a\x00b", "\ud800", "a\\b", 'a"b'),
        *("_dlt_id", "_dlt_load_id", "company_id", "enriched_at", "enrichment_request_id"),
        *("location_details__city", "x" * 64, "x" * 300, "full_name_x0123456789", "_partition"),
    ],
)
def test_a_key_that_cannot_be_a_name_gets_one_and_overwrites_nothing(
    bench: Bench, key: str
) -> None:
    row, rejects = person(bench, **{key: "value", "location_details": {"city": "Lisbon"}})
    assert row[field_at(PEOPLE, (key,)).name] == "value"
    assert (row["_dlt_id"], row["location_details__city"]) == ("p", "Lisbon")
    assert rejects == {}


@pytest.mark.parametrize("key", ["select", "order", "group", "table", "from", "value", "label"])
def test_reserved_words_and_names_of_other_tables_stay_as_they_are(bench: Bench, key: str) -> None:
    row, _ = person(bench, **{key: "value"})
    assert row[key] == "value"


def test_two_long_keys_are_two_columns_of_at_most_63_characters(bench: Bench) -> None:
    keys = ["x" * 200 + "a", "x" * 200 + "b"]
    row, _ = person(bench, **{key: key for key in keys})
    names = [field_at(PEOPLE, (key,)).name for key in keys]
    assert [row[name] for name in names] == keys
    assert all(len(name) <= 63 for name in names)


@pytest.mark.parametrize("levels", [4, 10, 60, 70, 900, 5_000, 100_000])
def test_deep_nesting_is_kept_and_ends_nothing(bench: Bench, levels: int) -> None:
    row, rejects = person(bench, deep={"in": Deep(levels)})
    assert any("deepest" in str(value) for value in row.values())
    assert rejects == {}


@pytest.mark.parametrize("about", ["all is well", "the page is odd\x00"])
def test_an_object_of_more_than_eight_levels_is_json_text(bench: Bench, about: str) -> None:
    value: Json = {"i": {"j": 1, "k": None}}
    for key in "hgfedcb":
        value = {key: value}
    row, _ = person(bench, a=value, about=about)
    assert row["a__b__c__d__e__f__g__h"] == '{"i":{"j":1}}'


def test_a_text_of_ten_megabytes_lands(bench: Bench) -> None:
    text = "à" * 5_000_000
    row, rejects = person(bench, about=text)
    assert row["about"] == text
    assert rejects == {}


@pytest.mark.parametrize(
    ("sent", "lands", "raw"),
    [
        ("a\x00b", "ab", '"a\\u0000b"'),
        ("a\ud800b", "a\ufffdb", '"a\\ud800b"'),
        ("a\udcffb", "a\ufffdb", '"a\\udcffb"'),
    ],
)
def test_characters_no_destination_holds_are_replaced_and_the_original_kept(
    bench: Bench, sent: str, lands: str, raw: str
) -> None:
    row, rejects = person(bench, about=sent)
    assert row["about"] == lands
    assert rejects == {"people.about: characters removed": raw}


@pytest.mark.parametrize("text", ["\u202eabc", "مرحبا", "🐈", "e\u0301", "\x01\x7f", "\\u0000"])
def test_other_characters_land_as_they_are(bench: Bench, text: str) -> None:
    row, rejects = person(bench, about=text)
    assert row["about"] == text
    assert rejects == {}


def test_of_a_key_given_twice_the_last_counts_and_the_first_is_in_rejects(bench: Bench) -> None:
    twice = Pairs([("id", "p"), ("name", "Ada"), ("name", "Eve")])
    inner = Pairs([("id", "q"), ("more", [Pairs([("a", 1), ("a", 2)])])])
    warehouse = load(bench, [person_row(twice), person_row(inner, 1)])
    assert {row["name"] for row in warehouse["people"]} == {"Eve", None}
    assert sorted(row["raw"] for row in warehouse["rejects"]) == ['{"a": 1}', '{"name": "Ada"}']


@pytest.mark.parametrize("numbers", [(Literal("NaN"), 1.5), (Literal("-Infinity"), 2)])
def test_what_is_no_number_makes_a_new_column_text(bench: Bench, numbers: tuple[Json, ...]) -> None:
    rows = [person_row({"id": str(i), "score": n}, i) for i, n in enumerate(numbers)]
    warehouse = load(bench, rows)
    assert {row["score"] for row in warehouse["people"]} == {str(number) for number in numbers}


@pytest.mark.parametrize("number", [2**64, 2**63, -(2**63) - 1])
def test_an_integer_past_64_bits_is_exact_text_in_a_new_column(bench: Bench, number: int) -> None:
    row, rejects = person(bench, huge=number)
    assert row["huge"] == str(number)
    assert rejects == {}


def test_an_integer_is_exact_beside_a_float(bench: Bench) -> None:
    rows = [person_row({"id": str(i), "x": x}, i) for i, x in enumerate([2**53 + 1, 1.5])]
    assert {row["x"] for row in load(bench, rows)["people"]} == {str(2**53 + 1), "1.5"}


def test_a_new_list_is_json_text_and_a_new_object_columns(bench: Bench) -> None:
    row, _ = person(bench, awards=[{"year": 2020}, "x"], social={"site": {"url": "u"}})
    assert (row["awards"], row["social__site__url"]) == ('[{"year":2020},"x"]', "u")


@pytest.mark.parametrize("items", [[None, 1], [None, "x"], [[None, 1.5]], [{"a": [None, True]}]])
def test_a_new_list_that_begins_with_null_is_read_right(bench: Bench, items: Json) -> None:
    row, _ = person(bench, items=items, experiences=[{"items": items}])
    assert json.loads(row["items"]) == items
    with pytest.raises(pa.ArrowInvalid):
        StrictParser(result_type(PEOPLE_KIND)).parse(
            [page([person_row({"id": "p", "items": items})])]
        )


def test_a_table_ends_at_its_most_columns_in_one_page_or_in_many(bench: Bench) -> None:
    fields = {f"k{i}": i for i in range(MOST_COLUMNS)}
    half = MOST_COLUMNS // 2
    parts = [dict(list(fields.items())[:half]), dict(list(fields.items())[half:])]
    for loads in ([fields], parts):
        rows = [[person_row({"id": str(n), **part})] for n, part in enumerate(loads)]
        warehouse = load(bench, *rows)
        assert len(warehouse["people"][-1]) == MOST_COLUMNS
        assert {row["reason"] for row in warehouse["rejects"]} == {
            f"people: {MOST_COLUMNS} columns"
        }
