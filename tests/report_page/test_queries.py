"""The queries: nobody in what they return, and the same ones for every destination."""

from __future__ import annotations

import pytest
import sqlglot

from amplemarket_source.report_page.queries import DIALECT, queries
from tests.report_page.datasets import NOW
from tests.report_page.statements import SCHEMA, personal_columns_shown

QUERIES = queries(SCHEMA, NOW)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_returns_groups_and_sorts_by_no_personal_column(name: str) -> None:
    assert personal_columns_shown(QUERIES[name]) == set()


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT title, count(*) FROM people GROUP BY title", {"people.title"}),
        ("SELECT count(*) FROM people GROUP BY substr(email, 1, 3)", {"people.email"}),
        ("SELECT max(email) AS m FROM people", {"people.email"}),
        ("SELECT n FROM (SELECT lower(name) AS n FROM people) AS p", {"people.name"}),
        (
            "SELECT count(*) FROM (SELECT gender AS g FROM people) AS p GROUP BY p.g",
            {"people.gender"},
        ),
        ("SELECT 'a' AS x UNION ALL SELECT raw AS x FROM rejects", {"rejects.raw"}),
        ("SELECT * FROM leads", {"leads.email", "leads.linkedin_url", "leads.name", "leads.title"}),
        ("SELECT count(email) AS n FROM people", set()),
        ("SELECT sum(CASE WHEN title <> name THEN 1 ELSE 0 END) AS n FROM people", set()),
    ],
)
def test_what_shows_a_personal_column_is_found(sql: str, shown: set[str]) -> None:
    assert personal_columns_shown(sql) == shown


@pytest.mark.parametrize("destination", ["bigquery", "snowflake", "postgres", "duckdb"])
def test_every_query_can_be_said_in_the_words_of_each_destination(destination: str) -> None:
    for name, sql in QUERIES.items():
        (said,) = sqlglot.transpile(sql, read=DIALECT, write=destination, unsupported_level=3)
        assert sqlglot.parse_one(said, dialect=destination), name


def test_what_is_not_there_is_not_asked_for() -> None:
    without = {name: columns for name, columns in SCHEMA.items() if name != "people_history"}
    assert "job_changes" not in queries(without, NOW)
    assert queries({}, NOW) == {}
