"""The benchmark runs, and its four ways do the same work. No timing is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import grown, remember, server, taken_in
from benchmarks.billed import columns_read
from benchmarks.figures import Beside, Figures
from benchmarks.measure import Measured, measure
from benchmarks.tables import agree, table
from benchmarks.ways import WAYS

pytestmark = pytest.mark.slow


def made(part: str, records: list[Measured] | list[Beside]) -> str:
    figures = Figures({})
    figures.replace(part, records)
    return table(part, figures)


def test_the_four_ways_agree_on_the_rows(tmp_path: Path) -> None:
    with server() as url:
        measured = [measure("benchmarks.ways", way, url, 30, tmp_path / way) for way in WAYS]
    agree(measured)
    assert measured[0].rows["people"] == 30
    assert measured[0].rows["people__experiences"] == 150
    assert measured[0].rows["companies__technologies"] == 30
    assert "| 30 | floor |" in made("ways", measured)


def test_the_same_leads_again_buy_nothing_and_leave_the_same_rows() -> None:
    first, second = remember([40])
    agree([first, second])
    assert first.rows["people"] == 40
    assert "| 40 | nothing to buy |" in made("memory", [first, second])


def test_new_leads_are_bought_beside_those_of_before() -> None:
    measured = grown([0, 30], people=20, repeats=2)
    assert [(one.known, one.measured.rows["people"]) for one in measured] == [
        (0, 20),
        (0, 20),
        (30, 50),
        (30, 70),
    ]
    assert "| 30 | 20 |" in made("growth", measured)


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT a FROM `p`.`d`.`t` WHERE b = ?", {"t": {"a", "b"}}),
        ("SELECT count(*) FROM `p`.`d`.`t`", {}),
        ("SELECT a FROM `p`.`other`.`t`", {}),
        (
            "IF EXISTS (SELECT 1 FROM `p`.`d`.`t` AS d WHERE EXISTS (SELECT 1 FROM "
            "`p`.`d_staging`.`t` AS s WHERE d.`id` = s.`id`)) THEN DELETE FROM `p`.`d`.`t` AS d "
            "WHERE EXISTS (SELECT 1 FROM `p`.`d_staging`.`t` AS s WHERE d.`id` = s.`id`); END IF;\n"
            "INSERT INTO `p`.`d`.`t` (a) SELECT a FROM `p`.`d_staging`.`t`;",
            {"t": {"id"}},
        ),
        ("INSERT INTO `p`.`d`.`t` (a) SELECT a FROM `p`.`d_staging`.`t`", {}),
        (
            "BEGIN TRANSACTION; IF EXISTS (SELECT 1 FROM `p`.`d`.`t` AS old WHERE EXISTS (SELECT 1 "
            "FROM (SELECT JSON_VALUE(given, '$[0]') AS `id` FROM UNNEST(JSON_QUERY_ARRAY(?)) AS "
            "given) AS new WHERE old.`id` = new.`id`)) THEN DELETE FROM `p`.`d`.`t` AS old "
            "WHERE 1 = 1; END IF; INSERT INTO `p`.`d`.`t` (`id`) SELECT `id` FROM (SELECT "
            "JSON_VALUE(given, '$[0]') AS `id` FROM UNNEST(JSON_QUERY_ARRAY(?)) AS given) "
            "WHERE 1 = 1; COMMIT TRANSACTION",
            {"t": {"id"}},
        ),
        ("DELETE FROM `p`.`d`.`t` WHERE a = 1; SELECT b FROM `p`.`d`.`u`", None),
    ],
)
def test_what_a_statement_is_billed_for_is_read_off_it(
    statement: str, columns: dict[str, set[str]] | None
) -> None:
    found = columns_read(statement, "d")
    assert found == ({"t": {"*", "a"}, "u": {"b"}} if columns is None else columns)


def test_a_list_becomes_a_plan() -> None:
    measured = taken_in(50, repeats=1)
    assert [m.way for m in measured] == ["intake", "reader"]
    assert "| 50 | intake |" in made("intake", measured)


def test_figures_of_different_work_are_refused(tmp_path: Path) -> None:
    with server() as url:
        few = measure("benchmarks.ways", "floor", url, 10, tmp_path / "few")
        more = measure("benchmarks.ways", "floor", url, 20, tmp_path / "more")
    with pytest.raises(SystemExit, match="other rows"):
        agree([few, more])
