"""The figures are what the tables hold and what the account was charged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb as engine
import pytest

from amplemarket_source.errors import Busy
from amplemarket_source.report_page import Figures, figures
from amplemarket_source.report_page.figures import Spent, start_of
from tests.report_page.datasets import NOW, pipeline_at
from tests.support.clock import ManualClock

FiguresOf = Callable[[str], Figures]


def test_a_first_run_is_counted_from_row_to_person(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    assert found.input_rows == found.distinct_leads == {"people": 20}
    by_input = found.leads_by_input("people")
    assert by_input == {
        "email": {"enriched": 6, "not_found": 1},
        "linkedin_url": {"enriched": 6, "not_found": 1},
        "name": {"enriched": 6},
    }
    assert found.rows["people"] == 18
    assert found.spent() == {None: Spent(1, 20, 18, 9.0, 0.0, 10.0, 0.0)}
    assert [(one.reason, one.rows) for one in found.rejects] == [("email_malformed", 1)]
    assert found.ages["people"] == {7: 18, 30: 0, 90: 0, 180: 0, 365: 0, None: 0}
    assert (found.needs_a_person, found.in_flight, found.leads_not_bought) == ((), (), 0)


def test_how_full_a_column_is_and_what_nobody_documented(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    shares = {(one.table, one.column): one.share for one in found.fill}
    assert shares["people", "email"] == 0.0
    assert shares["people", "title"] == 1.0
    assert not [one for one in found.fill if one.column.startswith(("_dlt", "enrich"))]
    new = {f"{one.table}.{one.column}" for one in found.new_fields}
    assert "people__experiences.company_name" in new
    assert all(one.first_at is not None for one in found.new_fields)


def test_where_nothing_was_bought_there_is_nothing_and_no_file_is_made(
    dataset: Callable[[str], Path],
) -> None:
    folder = dataset("empty")
    found = figures(pipeline_at(folder))
    assert not found.exists
    assert not (folder / "warehouse.duckdb").exists()
    assert found.to_dict()["requests"] == []


def test_a_held_request_waits_for_a_person_and_one_in_flight_does_not(
    figures_of: FiguresOf,
) -> None:
    found = figures_of("first run")
    (settled,) = found.requests
    held = replace(settled, status="held", is_loaded=False)
    flying = replace(settled, status="processing", is_loaded=False)
    # A load that was not done settles nothing, whatever the row says.
    half = replace(settled, is_loaded=False)
    changed = replace(found, requests=(held, flying, half, settled))
    assert changed.needs_a_person == (held,)
    assert changed.in_flight == (half, flying)


@pytest.mark.parametrize(
    ("unit", "start"), [("day", (2026, 11, 1)), ("week", (2026, 10, 26)), ("month", (2026, 11, 1))]
)
def test_a_period_begins_where_its_unit_does(unit: str, start: tuple[int, int, int]) -> None:
    at = datetime(2026, 11, 1, 23, 59, tzinfo=timezone.utc)
    assert start_of(unit, at) == datetime(*start, tzinfo=timezone.utc)  # type: ignore[arg-type]


def test_the_statement_has_each_month_and_label_once_and_adds_up(figures_of: FiguresOf) -> None:
    (one,) = figures_of("first run").requests
    long_ago = replace(one, submitted_at=NOW - timedelta(days=70), label="a")
    dropped = replace(one, status="dropped", label="b")
    found = replace(figures_of("first run"), requests=(one, one, long_ago, dropped))
    lines = {
        (f"{at:%Y-%m}", label): s.requests for (at, label), s in found.statement("month").items()
    }
    assert lines == {("2026-09", "a"): 1, ("2026-11", None): 2}
    assert sum(found.spent().values(), Spent()).email_credits == 27.0
    assert set(found.spent(NOW - timedelta(days=30))) == {None}


def test_the_document_is_json_and_names_what_it_counts(figures_of: FiguresOf) -> None:
    document = json.loads(json.dumps(figures_of("first run").to_dict(), default=str))
    assert document["rows"]["people"] == 18
    assert document["ages"]["people"]["older"] == 0
    assert document["statement"][0]["month"] == "2026-11"
    assert document["needs_a_person"] == []


def test_tables_of_an_earlier_version_are_read_as_well(
    dataset: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(
        (dataset("first run") / "warehouse.duckdb").read_bytes()
    )
    with engine.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("USE amplemarket_data")
        connection.execute("ALTER TABLE enrichment_requests DROP COLUMN label")
        connection.execute("DROP TABLE enrichment_runs")
        connection.execute("ALTER TABLE people DROP COLUMN gender")
    found = figures(pipeline_at(tmp_path), clock=ManualClock(NOW))
    assert found.rows["people"] == 18
    assert found.runs == ()
    assert "gender" not in {one.column for one in found.fill}


def test_a_job_change_is_another_company_or_another_title_than_the_answer_before(
    dataset: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "warehouse.duckdb").write_bytes(
        (dataset("first run") / "warehouse.duckdb").read_bytes()
    )
    with engine.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("USE amplemarket_data")
        connection.execute(
            "INSERT INTO enrichment_requests SELECT r.* REPLACE ("
            "'20261124-again' AS request_key, r.submitted_at + INTERVAL 1 HOUR AS submitted_at) "
            "FROM enrichment_requests r"
        )
        # Of 18 people one has another company, two another title, and one both.
        connection.execute(
            "INSERT INTO people_history SELECT h.* REPLACE ('20261124-again' AS request_key,"
            "  h.enriched_at + INTERVAL 1 HOUR AS enriched_at,"
            "  CASE WHEN n IN (1, 4) THEN 'elsewhere' ELSE h.company_id END AS company_id,"
            "  CASE WHEN n IN (2, 3, 4) THEN 'Chief of all' ELSE h.title END AS title) "
            "FROM (SELECT *, row_number() OVER (ORDER BY person_id) AS n FROM people_history)"
            " AS numbered JOIN people_history h USING (person_id)"
        )
    found = figures(pipeline_at(tmp_path), clock=ManualClock(NOW))
    assert found.job_changes is not None
    (change,) = found.job_changes
    assert (change.seen_again, change.new_company, change.new_title) == (18, 2, 2)
    # Of a first answer nothing has changed.
    assert figures(pipeline_at(dataset("first run"))).job_changes == ()


def test_a_file_that_somebody_works_in_is_busy(
    dataset: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise engine.IOException('Could not set lock on file "/x": Conflicting lock is held')

    monkeypatch.setattr(engine, "connect", locked)
    with pytest.raises(Busy):
        figures(pipeline_at(dataset("first run")))
