"""Whatever a user of dlt tells a run besides: it works, or is refused before anything is bought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.extract.exceptions import ResourceExtractionError

from amplemarket_source import amplemarket, enrich
from amplemarket_source.errors import UsageError, causes
from amplemarket_source.load.guard import refuse_settings
from tests.support.deployment import COUNTS, Deployment, email_leads

pytestmark = pytest.mark.slow

LEADS = email_leads("ada", "bob")
DOMAINS = [{"domain": "initech.example"}]


def refused(run: Callable[[], object]) -> UsageError:
    """The error of ours that a run ends with."""
    with pytest.raises(Exception) as failed:  # noqa: PT011 - dlt wraps it
        run()
    return next(cause for cause in causes(failed.value) if isinstance(cause, UsageError))


def counts(deployment: Deployment) -> dict[str, int]:
    return dict(deployment.rows(COUNTS))


# --- what is selected is what is bought


def test_people_and_companies_are_the_only_resources(deployment: Deployment) -> None:
    source = deployment.source(LEADS)
    assert list(source.resources) == list(source.selected_resources) == ["people", "companies"]


@pytest.mark.parametrize(
    ("selected", "bought"),
    [("people", {"people"}), ("companies", {"companies"}), (None, {"people", "companies"})],
)
def test_what_is_selected_is_bought_and_every_table_comes_along(
    deployment: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
    selected: str | None,
    bought: set[str],
) -> None:
    deployment.folder = tmp_path_factory.mktemp("first")
    source = deployment.source(LEADS, companies=DOMAINS)
    deployment.pipeline().run(source.with_resources(selected) if selected else source)
    assert {kind for (kind,) in deployment.rows("SELECT kind FROM leads")} == bought
    found = counts(deployment)
    assert found["people__experiences"] > 0 or "people" not in bought
    assert found["companies__locations"] > 0
    assert found["enrichment_requests"] == len(bought)


def test_a_selection_and_then_the_whole_buys_the_rest_alone(deployment: Deployment) -> None:
    source = deployment.source(LEADS, companies=DOMAINS)
    deployment.pipeline().run(source.with_resources("people"))
    people = counts(deployment)["people__experiences"]
    deployment.pipeline().run(deployment.source(LEADS, companies=DOMAINS))
    assert (deployment.posts(), deployment.times_submitted()) == (2, 1)
    assert counts(deployment)["people__experiences"] == people


def test_a_resource_alone_is_a_selection(deployment: Deployment) -> None:
    deployment.pipeline().run(deployment.source(LEADS, companies=DOMAINS).people)
    assert (deployment.posts(), deployment.people()) == (1, 2)
    deployment.pipeline().run(deployment.source(LEADS))
    assert deployment.posts() == 1


def test_a_selected_kind_without_an_input_finishes_what_is_open_and_buys_nothing(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada"), poll_timeout="0s")
    deployment.pipeline().run(deployment.source(LEADS).with_resources("companies"))
    assert (deployment.outcomes(), deployment.posts()) == ({"ada": "enriched"}, 1)


# --- what is refused


def _hints(**hints: Any) -> Callable[[Any], Any]:
    def change(source: Any) -> Any:
        source.people.apply_hints(**hints)
        return source

    return change


def _step(name: str, *given: Any) -> Callable[[Any], Any]:
    def change(source: Any) -> Any:
        getattr(source.people, name)(*given)
        return source

    return change


def _in_a_transformer(source: Any) -> Any:
    return source.people | dlt.transformer(lambda item: item, name="mine")


ARGUMENTS: dict[str, Any] = {
    "write_disposition": "replace",
    "table_name": "leads2",
    "primary_key": "email",
    "columns": [{"name": "email", "data_type": "bigint"}],
    "loader_file_format": "jsonl",
    "table_format": "delta",
    "schema": dlt.Schema("other"),
}
CHANGES: dict[str, Callable[[Any], Any]] = {
    "append": _hints(write_disposition="append"),
    "skip": _hints(write_disposition="skip"),
    "scd2": _hints(write_disposition={"disposition": "merge", "strategy": "scd2"}),
    "upsert": _hints(write_disposition={"disposition": "merge", "strategy": "upsert"}),
    "a child table": _hints(
        table_name="people__experiences", create_table_variant=True, write_disposition="append"
    ),
    "merge_key": _hints(merge_key="company_id"),
    "hard_delete": _hints(columns={"company_id": {"name": "company_id", "hard_delete": True}}),
    "another column": _hints(columns={"note": {"name": "note", "data_type": "text"}}),
    "a function": _hints(table_name=lambda _: "people"),
    "parent": _hints(parent_table_name="companies"),
    "incremental": _hints(incremental=dlt.sources.incremental("enriched_at")),
    "add_limit": lambda source: source.add_limit(1),
    "limit of one": _step("add_limit", 1),
    "add_map": _step("add_map", lambda item: item),
    "add_filter": _step("add_filter", lambda _: True),
    "add_yield_map": _step("add_yield_map", lambda item: iter([item])),
    "select_tables": _step("select_tables", "people"),
    "with_name": lambda source: source.people.with_name("mine"),
    "transformer": _in_a_transformer,
    "clone": lambda source: source.clone(with_name="mine"),
}


def test_an_argument_that_would_drop_or_double_is_refused_before_anything_is_bought(
    deployment: Deployment,
) -> None:
    pipeline = deployment.pipeline()
    for name, value in ARGUMENTS.items():
        for run in (pipeline.run, pipeline.extract):
            source = deployment.source(LEADS)
            error = refused(lambda: run(source, **{name: value}))  # noqa: B023 - called at once
            assert "Nothing was bought." in str(error), name
    assert_untouched(deployment)


def test_a_changed_resource_is_refused_before_anything_is_bought(deployment: Deployment) -> None:
    pipeline = deployment.pipeline()
    for name, change in CHANGES.items():
        source = change(deployment.source(LEADS))
        error = refused(lambda: pipeline.run(source))  # noqa: B023 - called at once
        assert "Nothing was bought." in str(error), name
    assert_untouched(deployment)


def assert_untouched(deployment: Deployment) -> None:
    assert (deployment.posts(), deployment.requests()) == (0, [])
    deployment.pipeline().run(deployment.source(LEADS))
    assert (deployment.posts(), deployment.people()) == (1, 2)


def test_refresh_is_refused_and_drops_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.pipeline().run(deployment.source(LEADS))
    before = counts(deployment)
    modes: list[Any] = ["drop_sources", "drop_resources", "drop_data"]
    for mode in modes:
        source = deployment.source(LEADS)
        error = refused(lambda: deployment.pipeline().run(source, refresh=mode))  # noqa: B023
        assert "refresh" in str(error)
        with monkeypatch.context() as patch:
            patch.setenv("PIPELINES__REFRESH", mode)
            pipeline = deployment.pipeline()
            for run in (
                lambda: pipeline.run(source),  # noqa: B023
                lambda: enrich(pipeline, leads=LEADS, api_key="key"),  # noqa: B023
            ):
                assert "refresh" in str(refused(run))
    deployment.pipeline().run(deployment.source(LEADS))
    # What was refused was no run.
    assert (counts(deployment), deployment.posts()) == (before | {"enrichment_runs": 2}, 1)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LOAD__RAISE_ON_FAILED_JOBS", "false", "raise_on_failed_jobs"),
        ("AMPLEMARKET__LOAD__RAISE_ON_FAILED_JOBS", "false", "raise_on_failed_jobs"),
        ("PIPELINES__DEV_MODE", "true", "dev_mode"),
        ("PIPELINES__ENABLE_RUNTIME_TRACE", "false", "enable_runtime_trace"),
    ],
)
def test_a_setting_of_dlt_that_forgets_what_is_paid_for_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(name, value)
        error = refused(lambda: deployment.pipeline().run(deployment.source(LEADS)))
        assert says in str(error)
    assert deployment.posts() == 0


def test_a_dataset_for_each_schema_is_refused_where_the_record_would_be_in_another(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINES__USE_SINGLE_DATASET", "false")
    pipeline = deployment.pipeline("shop")
    pipeline.run([{"id": 1}], table_name="orders")
    error = refused(lambda: deployment.pipeline("shop").run(deployment.source(LEADS)))
    assert "use_single_dataset" in str(error)
    assert deployment.posts() == 0


def test_an_imported_schema_that_changes_where_answers_go_is_refused(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    schema = deployment.pipeline().default_schema.clone()
    schema.tables["people"]["columns"]["company_id"]["hard_delete"] = True
    (tmp_path / "amplemarket.schema.yaml").write_text(schema.to_pretty_yaml())
    pipeline = dlt.pipeline(
        "amplemarket",
        destination=deployment.pipeline().destination,
        dataset_name="amplemarket_data",
        pipelines_dir=str(deployment.folder / "pipelines"),
        import_schema_path=str(tmp_path),
    )
    error = refused(lambda: pipeline.run(deployment.source(LEADS)))
    assert "column company_id of table people" in str(error)
    assert deployment.posts() == 1


def test_two_sources_in_one_run_are_refused_and_nothing_is_lost(deployment: Deployment) -> None:
    sources = [deployment.source(email_leads(name)) for name in ("ada", "bob")]
    assert "Two amplemarket sources" in str(refused(lambda: deployment.pipeline().run(sources)))
    deployment.pipeline().run(deployment.source(LEADS))
    assert (deployment.people(), deployment.times_submitted()) == (2, 1)


def test_another_name_in_the_same_pipeline_is_refused(deployment: Deployment) -> None:
    deployment.pipeline().run(deployment.source(email_leads("ada")))
    renamed = amplemarket.clone(name="second")(
        leads=LEADS, api_key="sandbox-key", base_url=deployment.server.url
    )
    error = refused(lambda: deployment.pipeline().run(renamed))
    assert "under the name 'amplemarket'" in str(error)
    assert deployment.posts() == 1


def test_reading_a_resource_as_a_list_says_that_it_needs_a_run(deployment: Deployment) -> None:
    for reading in (lambda s: list(s.people), list):
        with pytest.raises(ResourceExtractionError, match=r"pipeline\.run\(amplemarket"):
            reading(deployment.source(LEADS))
    assert deployment.posts() == 0


# --- what works


def _metrics(source: Any) -> Any:
    source.people.add_metrics(lambda items, meta, metrics: None)
    return source


def _nesting(source: Any) -> Any:
    source.max_table_nesting, source.root_key = 3, True
    source.people.max_table_nesting = 2
    return source


def _described(source: Any) -> Any:
    source.people.apply_hints(
        columns={
            "email": {"name": "email", "description": "work address"},
            "company_id": {"name": "company_id", "cluster": True},
        },
        additional_table_hints={"x-annotation-owner": "sales"},
    )
    return source


HARMLESS: dict[str, Callable[[Any], Any]] = {
    "parallelize": lambda source: _metrics(source).parallelize(),
    "hints": lambda source: _described(_nesting(source)),
    "deselected": lambda source: source.with_resources("people"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_is_harmless_works(deployment: Deployment, change: str) -> None:
    for _ in range(2):
        deployment.pipeline().run(HARMLESS[change](deployment.source(LEADS)))
    assert (deployment.posts(), deployment.people(), deployment.requests()) == (
        1,
        2,
        ["completed"],
    )
    assert deployment.run(email_leads("cy")).exit_code == 0, "nobody holds the lock"


def test_settings_are_read_by_resources_that_run_side_by_side(deployment: Deployment) -> None:
    pipeline = deployment.pipeline()
    with ThreadPoolExecutor(2, Container.thread_pool_prefix()) as threads:
        for reading in [threads.submit(refuse_settings, pipeline) for _ in range(200)]:
            reading.result()


def test_parquet_may_be_asked_for(deployment: Deployment) -> None:
    deployment.pipeline().run(deployment.source(LEADS), loader_file_format="parquet")
    assert deployment.people() == 2


def test_other_resources_load_beside_ours(deployment: Deployment) -> None:
    @dlt.resource(name="orders")
    def orders() -> Iterator[dict[str, int]]:
        yield {"id": 1}

    deployment.pipeline().run([deployment.source(LEADS), orders()])
    source = deployment.source(LEADS)
    source.resources.add(orders())
    deployment.pipeline().run(source)
    assert deployment.rows("SELECT count(*) FROM orders") == [(2,)]
    assert (deployment.people(), deployment.posts()) == (2, 1)


@pytest.mark.parametrize("how", ["drop", "abort_packages"])
def test_a_package_that_is_thrown_away_is_read_again_and_not_bought_again(
    deployment: Deployment, how: str
) -> None:
    pipeline = deployment.pipeline()
    pipeline.extract(deployment.source(LEADS))
    getattr(pipeline, how)()
    deployment.pipeline().run(deployment.source(LEADS))
    assert (deployment.people(), deployment.posts()) == (2, 1)


def test_the_record_of_purchases_keeps_to_the_dataset_of_the_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINES__DATASET_NAME_LAYOUT", "crm_%s")
    for _ in range(2):
        deployment.pipeline().run(deployment.source(LEADS))
    assert deployment.posts() == 1
    schemas = deployment.rows("SELECT DISTINCT table_schema FROM information_schema.tables")
    assert {name for (name,) in schemas} == {"amplemarket_data", "crm_amplemarket_data"}
