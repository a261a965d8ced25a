"""The DuckDB destination that merges each file at once gives what dlt's staging tables would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from amplemarket_source.cli.target import Target
from amplemarket_source.destination import duckdb
from amplemarket_source.schema.table import Table, resource_for
from amplemarket_source.schema.tables import COMPANIES, TABLES
from amplemarket_source.transform.flatten import NO_ITEMS
from tests.crash.driver import die_at
from tests.crash.harness import in_child

_KEYWORDS = TABLES["companies__keywords"]
_NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)

Companies = dict[str, list[str]]
"""The keywords of each company, by id."""

_COMPANIES = st.dictionaries(
    st.sampled_from("abcdef"), st.lists(st.sampled_from(["x", "y"]), max_size=3), max_size=6
)


def _pipeline(
    folder: Path, destination: Callable[[str], Any] = duckdb, name: str = "tables"
) -> dlt.Pipeline:
    return dlt.pipeline(
        "amplemarket",
        destination=destination(str(folder / f"{name}.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / "pipelines"),
    )


def _source(companies: Companies) -> Any:
    """A load in which every company, with all their keywords, is an item of its own."""

    def rows(table: Table, of: Callable[[str, list[str]], list[dict[str, Any]]]) -> Iterator[Any]:
        yield table.arrow_schema.empty_table()
        for company, keywords in companies.items():
            found = [{**_bare(table), **row} for row in of(company, keywords)]
            yield pa.Table.from_pylist(found, schema=table.arrow_schema)

    return [
        resource_for(
            COMPANIES, rows(COMPANIES, lambda company, _: [{"id": company, "_dlt_id": company}])
        ),
        resource_for(_KEYWORDS, rows(_KEYWORDS, _keyword_rows)),
    ]


def _bare(table: Table) -> dict[str, Any]:
    """What a row of ``table`` cannot do without."""
    texts = {c.name: "-" for c in table.columns if not c.nullable and c.data_type == "text"}
    times = {c.name: _NOW for c in table.columns if not c.nullable and c.data_type == "timestamp"}
    return texts | times


def _keyword_rows(company: str, keywords: list[str]) -> list[dict[str, Any]]:
    found = list(enumerate(keywords)) or [(NO_ITEMS, None)]
    return [
        {"company_id": company, "value": value, "_dlt_list_idx": at, "_dlt_id": f"{company}:{at}"}
        for at, value in found
    ]


def _content(pipeline: dlt.Pipeline) -> Companies:
    with pipeline.sql_client() as client:
        companies = client.execute_sql("SELECT id FROM companies ORDER BY id") or []
        found: Companies = {company: [] for (company,) in companies}
        assert len(found) == len(companies)
        rows = (
            "SELECT company_id, value FROM companies__keywords ORDER BY company_id, _dlt_list_idx"
        )
        for company, keyword in client.execute_sql(rows) or []:
            found[company].append(keyword)
    return found


def _holders_of_data(pipeline: dlt.Pipeline) -> set[str]:
    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT DISTINCT table_schema FROM information_schema.tables")
    return {name for (name,) in rows or []}


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(st.lists(_COMPANIES, min_size=1, max_size=3))
def test_the_last_load_of_each_company_is_in_the_tables(loads: list[Companies]) -> None:
    with TemporaryDirectory() as folder:
        pipeline = _pipeline(Path(folder))
        expected: Companies = {}
        for companies in loads:
            pipeline.run(_source(companies)).raise_on_failed_jobs()
            expected |= companies
        assert _content(pipeline) == expected
        assert _holders_of_data(pipeline) == {"amplemarket_data"}


def test_files_of_one_table_are_merged_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_WRITER__FILE_MAX_ITEMS", "1")
    monkeypatch.setenv("DATA_WRITER__BUFFER_MAX_ITEMS", "1")
    pipeline = _pipeline(tmp_path)
    pipeline.run(_source({"a": ["x"], "b": ["y"]}))
    again = {"a": ["y", "x"], "b": [], "c": ["x"]}
    info = pipeline.run(_source(again))
    files = [job.job_file_info.table_name for job in info.load_packages[0].jobs["completed_jobs"]]
    assert files.count("companies") == files.count("companies__keywords") == 3
    assert _content(pipeline) == again


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("table", [1, 2])
def test_a_merge_that_is_killed_changes_nothing_and_is_made_by_the_next_run(
    tmp_path: Path, moment: str, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One after the other, or the other table may be merged by the time the process dies.
    monkeypatch.setenv("LOAD__WORKERS", "1")
    old, new = {"a": ["x", "y"], "b": ["x"]}, {"a": ["y"], "c": ["x"]}
    in_child(lambda: _pipeline(tmp_path).run(_source(old)) and None)

    def killed() -> None:
        die_at("merge", moment, table)
        _pipeline(tmp_path).run(_source(new))

    assert in_child(killed)[0] == -9
    pipeline = _pipeline(tmp_path)
    assert pipeline.has_pending_data
    if table == 1:
        assert _content(pipeline) == old
    pipeline.run()
    assert _content(pipeline) == old | new


@pytest.mark.parametrize(
    ("before", "after"), [(dlt.destinations.duckdb, duckdb)[::step] for step in (1, -1)]
)
def test_a_load_begun_with_the_other_destination_is_finished(
    tmp_path: Path, before: Callable[[str], Any], after: Callable[[str], Any]
) -> None:
    _pipeline(tmp_path, before).run(_source({"a": ["x"], "b": ["y"]}))
    pipeline = _pipeline(tmp_path, before)
    pipeline.extract(_source({"a": ["y"]}))
    pipeline.normalize()
    pipeline = _pipeline(tmp_path, after)
    pipeline.run()
    assert _content(pipeline) == {"a": ["y"], "b": ["y"]}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("job", range(1, 5))  # two copies, two merges
def test_a_load_that_dlts_destination_began_and_died_in_loses_nothing(
    tmp_path: Path, moment: str, job: int
) -> None:
    old, new = {"a": ["x", "y"], "b": ["x"]}, {"a": ["y"], "c": ["x"]}
    dlts = dlt.destinations.duckdb
    in_child(lambda: _pipeline(tmp_path, dlts).run(_source(old)) and None)

    def killed() -> None:
        die_at("load job", moment, job)
        _pipeline(tmp_path, dlts).run(_source(new))

    assert in_child(killed)[0] == -9
    _pipeline(tmp_path).run()
    assert _content(_pipeline(tmp_path)) == old | new


def test_tables_of_another_source_are_left_to_dlt(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path)
    for items in ([{"n": 1}, {"n": 2}], [{"n": 3}]):
        others = dlt.resource(
            [{"id": 1, "items": items}],
            name="others",
            primary_key="id",
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            file_format="parquet",
        )
        pipeline.run(others)
    with pipeline.sql_client() as client:
        assert client.execute_sql("SELECT n FROM others__items") == [(3,)]


@pytest.mark.parametrize("word", ["duckdb", "duckdb:///named.duckdb"])
def test_the_command_takes_it(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = Target(word, "amplemarket_data", "amplemarket", None)
    assert isinstance(target.pipeline().destination, duckdb)


def test_the_command_takes_it_where_dlt_is_told_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "told.duckdb"))
    pipeline = Target("duckdb", "amplemarket_data", "amplemarket", str(tmp_path)).pipeline()
    assert isinstance(pipeline.destination, duckdb)
    pipeline.run(_source({"a": ["x"]}))
    assert (tmp_path / "told.duckdb").exists()
