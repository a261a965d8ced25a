"""Dagster for real, in this process: what a run says by its exit code, in Dagster's own states."""

from __future__ import annotations

import csv
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import dlt
import duckdb as database
import filelock
import pytest
from dagster.components.testing import create_defs_folder_sandbox

import amplemarket_source
from amplemarket_source.dagster import AmplemarketComponent, LeadsFrom, amplemarket_assets
from amplemarket_source.destination import duckdb
from amplemarket_source.errors import SettingsError
from amplemarket_source.sandbox import Call, SandboxOptions, SandboxServer
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.working_folder import WorkingFolder

_ROOT = Path(__file__).parents[2]
_NEVER = 1_000_000
_LEADS = [
    {"email": f"{name}.quill@site.example", "external_id": name}
    for name in ("ada", "grace", "edsger", "notfound1")
]
# Where it does not matter who is found: nobody is loaded in half the time.
_MISSES = [{"email": f"notfound{number}@site.example"} for number in (1, 2)]
_DOMAINS = [{"domain": "globex.example"}, {"domain": "initech.example"}]


class Scheduled:
    """A folder with a list, an empty database, and the server that the settings lead to."""

    def __init__(self, folder: Path, server: SandboxServer) -> None:
        self.folder = folder
        self.server = server
        self.leads = str(self.write("leads.csv", _LEADS))

    def write(self, name: str, leads: Sequence[dict[str, str]]) -> Path:
        file = self.folder / name
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(leads[0]))
            writer.writeheader()
            writer.writerows(leads)
        return file

    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            "amplemarket",
            destination=duckdb(str(self.folder / "amplemarket.duckdb")),
            dataset_name="amplemarket_data",
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def assets(self, leads: Any = None, **given: Any) -> dg.AssetsDefinition:
        if leads is None and "companies" not in given:
            leads = self.leads
        return amplemarket_assets(
            self.pipeline, leads, seconds_between_retries=0, **{"max_retries": 0, **given}
        )

    def materialise(
        self, *assets: Any, select: Iterable[str] | None = None, **how: Any
    ) -> dg.ExecuteInProcessResult:
        if select is not None:
            how["selection"] = [_key(name) for name in select]
        with dg.DagsterInstance.ephemeral() as instance:
            return dg.materialize(list(assets), instance=instance, raise_on_error=False, **how)

    def posts(self) -> int:
        return sum(call.method == "POST" for call in self.server.sandbox.calls)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with database.connect(str(self.folder / "amplemarket.duckdb"), read_only=True) as file:
            file.execute("USE amplemarket_data")
            return file.execute(sql).fetchall()

    def assert_bought_once(self) -> None:
        sandbox = self.server.sandbox
        submitted = sandbox.submitted("people") + sandbox.submitted("companies")
        assert set(submitted.values()) <= {1}, submitted
        charged = Counter((charge.reason, charge.entity_id) for charge in sandbox.charges)
        assert set(charged.values()) <= {1}, charged

    def assert_nobody_is_left_behind(self) -> None:
        """No file but the lists and the database says who the leads are."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.suffix not in (".csv", ".duckdb", ".wal"):
                content = path.read_bytes().lower()
                assert b"@site.example" not in content, path
                assert b"quill" not in content, path


_OPTIONS = SandboxOptions(retry_after=0, requests_per_minute=None)


@pytest.fixture(scope="module")
def one_server() -> Iterator[SandboxServer]:
    with SandboxServer(_OPTIONS) as running:
        yield running


@pytest.fixture
def server(one_server: SandboxServer) -> SandboxServer:
    """As if it had just been started, which takes its time."""
    one_server.sandbox.reset()
    one_server.sandbox.options = _OPTIONS
    return one_server


@pytest.fixture
def scheduled(
    tmp_path: Path, server: SandboxServer, empty_warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scheduled]:
    monkeypatch.chdir(tmp_path)
    for folder, name in (("home", "DAGSTER_HOME"), ("temp", "TMPDIR")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    # Python remembers the folder for temporary files once it has looked for it.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    for name, value in {
        "API_KEY": "sandbox-key",
        "BASE_URL": server.url,
        "REQUESTS_PER_MINUTE": "600000",
    }.items():
        monkeypatch.setenv(f"SOURCES__AMPLEMARKET__{name}", value)
    shutil.copy(empty_warehouse / "warehouse.duckdb", tmp_path / "amplemarket.duckdb")
    shutil.copytree(empty_warehouse / "pipelines", tmp_path / "pipelines")
    # Dagster makes SIGTERM what SIGINT is, and leaves it so.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    found = Scheduled(tmp_path, server)
    yield found
    for number, handler in handlers.items():
        signal.signal(number, handler)
    found.assert_bought_once()
    found.assert_nobody_is_left_behind()


@dg.asset(deps=[dg.AssetKey(["amplemarket", "people"])])
def mart() -> None:
    """What stands downstream of the people."""


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["amplemarket", name])


def _materialised(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """The metadata of each table that was materialised, by its name."""
    return {
        event.asset_key.path[-1]: {
            name: value.value
            for name, value in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def _check(result: dg.ExecuteInProcessResult, table: str = "people") -> Any:
    (found,) = (
        check for check in result.get_asset_check_evaluations() if check.asset_key == _key(table)
    )
    return found


def _failure(result: dg.ExecuteInProcessResult) -> Any:
    (failed,) = result.get_step_failure_events()
    return failed.step_failure_data


def _retries(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.is_step_up_for_retry for event in result.all_events)


def test_a_settled_run_materialises_every_table_with_its_rows_and_what_it_cost(
    scheduled: Scheduled,
) -> None:
    result = scheduled.materialise(scheduled.assets(), mart)
    assert result.success
    found = _materialised(result)
    assert found.keys() == {*TABLES, "mart"}
    assert found["people"]["dagster/row_count"] == found["people"]["rows_of_this_run"] == 3
    spent = scheduled.server.sandbox.account.email_spent
    assert found["people"]["email_credits_estimated"] == spent == 1.5
    assert found["people"]["held_requests"] == {}
    assert "email_credits_estimated" not in found["companies"]
    assert found["people__phone_numbers"]["dagster/row_count"] == 0
    assert _check(result).passed
    said = repr(result.all_events).lower()
    assert "quill" not in said
    assert "@" not in said


def test_a_second_materialise_in_one_process_buys_nothing_also_with_a_pipeline_made_once(
    scheduled: Scheduled,
) -> None:
    assets = amplemarket_assets(scheduled.pipeline(), _MISSES)
    assert scheduled.materialise(assets).success
    again = scheduled.materialise(assets)
    assert again.success
    assert _materialised(again)["enrichment_results"]["rows_of_this_run"] == 0
    assert _materialised(again)["enrichment_results"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


def test_credits_that_are_gone_fail_the_step_at_once_and_what_was_paid_for_is_materialised(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(email_credits=1.0)
    assets = scheduled.assets(max_retries=3, leads_per_request=2, max_requests_in_flight=1)
    result = scheduled.materialise(assets, mart)
    assert not result.success
    assert _retries(result) == 0
    failure = _failure(result).user_failure_data
    assert failure.metadata["exit_code"].value == 4
    assert "insufficient_credits" in failure.description
    found = _materialised(result)
    assert found["people"]["dagster/row_count"] == 2
    assert "mart" not in found


@pytest.mark.parametrize(
    ("settings", "exit_code"),
    [({"api_key": "another-key"}, 3), ({"leads_per_request": 0}, 2), ({"max_credits": 0}, 4)],
)
def test_what_no_time_mends_is_not_tried_again(
    scheduled: Scheduled, settings: dict[str, Any], exit_code: int
) -> None:
    result = scheduled.materialise(scheduled.assets(max_retries=3, **settings))
    assert _retries(result) == 0
    assert _failure(result).user_failure_data.metadata["exit_code"].value == exit_code
    assert scheduled.posts() == 0


def test_an_answer_that_breaks_the_contract_fails_the_step_at_once(scheduled: Scheduled) -> None:
    scheduled.server.sandbox.set_faults("missing_results")
    result = scheduled.materialise(scheduled.assets(max_retries=3))
    assert _retries(result) == 0
    assert _failure(result).user_failure_data.metadata["exit_code"].value == 6


def test_a_run_that_is_still_going_on_is_asked_again_until_it_is_settled(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(polls_until_done=2)
    assets = scheduled.assets(_MISSES, max_retries=5, poll_timeout="0s")
    result = scheduled.materialise(assets, mart)
    assert result.success
    assert _retries(result) == 1
    assert _check(result).passed
    assert _materialised(result)["enrichment_results"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


def test_at_the_end_of_the_retries_the_check_warns_and_the_next_run_goes_on(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.configure(polls_until_done=_NEVER)
    assets = scheduled.assets(_MISSES, max_retries=1, poll_timeout="0s")
    result = scheduled.materialise(assets, mart)
    assert result.success
    assert _retries(result) == 1
    assert (_check(result).passed, _check(result).severity) == (False, dg.AssetCheckSeverity.WARN)
    assert _check(result).metadata["requests_running"].value == 1
    assert {*TABLES, "mart"} == _materialised(result).keys()
    scheduled.server.sandbox.settle()
    again = scheduled.materialise(assets)
    assert _check(again).passed
    assert scheduled.posts() == 1


@pytest.mark.slow
def test_without_its_check_an_unfinished_run_fails_the_step(scheduled: Scheduled) -> None:
    scheduled.server.sandbox.configure(polls_until_done=_NEVER)
    result = scheduled.materialise(
        scheduled.assets(poll_timeout="0s"), select=["people__experiences"]
    )
    assert _failure(result).user_failure_data.metadata["exit_code"].value == 5


def test_a_held_batch_blocks_what_follows_and_the_check_names_it_and_its_credits(
    scheduled: Scheduled,
) -> None:
    scheduled.server.sandbox.set_faults("post_drop_after_accept")
    assets = scheduled.assets(max_retries=3)
    result = scheduled.materialise(assets, mart)
    assert not result.success
    assert _retries(result) == 0
    check = _check(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    ((request_key,),) = scheduled.rows("SELECT request_key FROM enrichment_requests")
    assert check.metadata["held_requests"].value == {request_key: 2.0}
    assert check.metadata["credits_at_stake"].value == 2.0
    assert "amplemarket status" in check.description
    assert "mart" not in _materialised(result)
    scheduled.server.sandbox.set_faults()
    assert not scheduled.materialise(assets).success
    assert scheduled.posts() == 1


def test_a_destination_that_fails_is_tried_again_and_fails_the_step_at_the_end(
    scheduled: Scheduled,
) -> None:
    file = scheduled.folder / "amplemarket.duckdb"
    file.write_bytes(bytes(8) + b"DUCK" + b"damaged" * 9000)
    result = scheduled.materialise(scheduled.assets(max_retries=2))
    assert _retries(result) == 2
    assert _failure(result).user_failure_data.metadata["exit_code"].value == 7
    assert _materialised(result) == {}
    assert scheduled.posts() == 0


def test_beside_another_run_it_is_tried_again_and_there_is_nothing_to_materialise(
    scheduled: Scheduled,
) -> None:
    with filelock.FileLock(WorkingFolder.of(scheduled.pipeline()).lock):
        result = scheduled.materialise(scheduled.assets(max_retries=1))
    assert _retries(result) == 1
    assert _failure(result).user_failure_data.metadata["exit_code"].value == 5
    assert "Another run" in _failure(result).user_failure_data.description
    assert _materialised(result) == {}
    assert scheduled.posts() == 0


class _Calls(list[Call]):
    """The server's log of calls, that does something once at the first poll."""

    def __init__(self, at_first_poll: Callable[[], object]) -> None:
        super().__init__()
        self._at_first_poll: Callable[[], object] | None = at_first_poll

    def append(self, call: Call) -> None:
        super().append(call)
        if "/enrichment-requests/" in call.path and self._at_first_poll is not None:
            act, self._at_first_poll = self._at_first_poll, None
            act()


@pytest.mark.parametrize(
    "stop", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_stop_signal_while_polling_ends_the_run_and_the_next_one_goes_on(
    scheduled: Scheduled, stop: signal.Signals
) -> None:
    sandbox = scheduled.server.sandbox
    sandbox.configure(polls_until_done=_NEVER, retry_after=60)
    sandbox.calls = _Calls(lambda: os.kill(os.getpid(), stop))
    assets = scheduled.assets(max_retries=1, poll_timeout="20s")
    result = scheduled.materialise(assets)
    assert _failure(result).error.cls_name == "DagsterExecutionInterruptedError"
    assert _retries(result) == 0
    assert scheduled.rows("SELECT exit_code, finished_at IS NULL FROM enrichment_runs") == [
        (5, False)
    ]
    sandbox.settle()
    assert scheduled.materialise(assets).success
    assert scheduled.posts() == 1
    assert len(sandbox.charges) == 3


@pytest.mark.slow
def test_a_process_of_dagster_that_is_stopped_while_polling_ends_and_the_next_one_goes_on(
    scheduled: Scheduled,
) -> None:
    sandbox = scheduled.server.sandbox
    sandbox.configure(polls_until_done=_NEVER, retry_after=60)
    shutil.copy(_ROOT / "pipelines" / "dagster_definitions.py", scheduled.folder)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*"),
            *("-f", "dagster_definitions.py"),
        ],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "DLT_DATA_DIR": str(scheduled.folder / "dlt"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Another process: all one can do is look again. A poll follows the recorded purchase.
        deadline = time.monotonic() + 90
        while not any("/enrichment-requests/" in call.path for call in sandbox.calls):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "Stopping" in out + err
    sandbox.settle()
    assert scheduled.materialise(scheduled.assets()).success
    assert scheduled.posts() == 1
    assert len(sandbox.charges) == 3


@pytest.mark.parametrize(
    ("select", "submitted"),
    [
        ({"people"}, {"people"}),
        pytest.param({"companies__keywords"}, {"companies"}, marks=pytest.mark.slow),
        ({"enrichment_requests"}, set()),
    ],
)
def test_a_selection_buys_what_its_tables_need_and_tells_of_every_table_that_got_rows(
    scheduled: Scheduled, select: set[str], submitted: set[str]
) -> None:
    companies = str(scheduled.write("companies.csv", _DOMAINS))
    assets = scheduled.assets(scheduled.leads, companies=companies)
    result = scheduled.materialise(assets, select=select)
    assert result.success
    sandbox = scheduled.server.sandbox
    assert {kind for kind in ("people", "companies") if sandbox.submitted(kind)} == submitted  # type: ignore[arg-type]
    found = _materialised(result)
    with_rows = {name for name in TABLES if scheduled.rows(f"SELECT 1 FROM {name} LIMIT 1")}
    assert found.keys() == select | with_rows - {"enrichment_runs"}


@pytest.mark.slow
def test_tables_of_companies_are_the_leads_to_buy_where_no_companies_are_listed(
    scheduled: Scheduled,
) -> None:
    assert scheduled.materialise(scheduled.assets(_MISSES), select=["companies"]).success
    assert len(scheduled.server.sandbox.submitted("people")) == 2


@pytest.mark.slow
def test_a_partition_has_its_own_list_and_its_key_for_a_label(scheduled: Scheduled) -> None:
    for key, lead in zip(("spring", "summer"), _MISSES, strict=True):
        scheduled.write(f"{key}.csv", [lead])
    partitions = dg.StaticPartitionsDefinition(["spring", "summer"])

    def leads(context: dg.AssetExecutionContext) -> str:
        return f"{context.partition_key}.csv"

    for key, given in (
        ("spring", {}),
        ("summer", {"label": lambda context: f"of {context.partition_key}"}),
    ):
        assets = scheduled.assets(leads, partitions_def=partitions, **given)
        result = scheduled.materialise(assets, partition_key=key)
        assert result.success
        assert {event.partition for event in result.get_asset_materialization_events()} == {key}
    assert scheduled.rows("SELECT label FROM enrichment_runs ORDER BY started_at") == [
        ("spring",),
        ("of summer",),
    ]


@pytest.mark.slow
def test_a_table_or_relation_of_the_destination_is_a_list(scheduled: Scheduled) -> None:
    contacts = scheduled.write("contacts.csv", _MISSES)
    with database.connect(str(scheduled.folder / "amplemarket.duckdb")) as file:
        file.execute(f"CREATE SCHEMA crm; CREATE TABLE crm.contacts AS FROM '{contacts}'")
    for leads in (
        LeadsFrom(table="crm.contacts"),
        lambda _: scheduled.pipeline().dataset().leads,
    ):
        result = scheduled.materialise(scheduled.assets(leads))
        assert result.success
        assert _materialised(result)["leads"]["dagster/row_count"] == 2
    assert scheduled.posts() == 1


@pytest.mark.slow
def test_a_setting_from_dagsters_environment_is_read_when_the_step_runs(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    assets = scheduled.assets(_MISSES, api_key=dg.EnvVar("AMPLEMARKET_KEY_OF_SALES"))
    monkeypatch.setenv("AMPLEMARKET_KEY_OF_SALES", "sandbox-key")
    assert scheduled.materialise(assets).success


def test_what_a_foreign_error_says_stays_out_of_dagsters_log(scheduled: Scheduled) -> None:
    def leads(_: object) -> Iterator[dict[str, str]]:
        yield _LEADS[0]
        raise RuntimeError(_LEADS[1]["email"])

    result = scheduled.materialise(scheduled.assets(leads))
    failure = _failure(result)
    assert "Unexpected RuntimeError" in failure.user_failure_data.description
    assert "in leads" in failure.user_failure_data.metadata["traceback"].value
    assert "quill" not in repr(result.all_events)


def test_a_list_that_could_be_read_once_only_and_an_unknown_setting_are_refused_at_once(
    scheduled: Scheduled,
) -> None:
    with pytest.raises(SettingsError, match="read once only"):
        scheduled.assets(iter(_LEADS))
    with pytest.raises(SettingsError, match="no setting reveal_mail"):
        scheduled.assets(reveal_mail=True)
    with pytest.raises(SettingsError, match="without a list"):
        amplemarket_assets(scheduled.pipeline)
    with pytest.raises(SettingsError, match="one of the two"):
        LeadsFrom(table="leads", query="SELECT 1")


def test_a_code_location_loads_without_secrets_and_makes_no_database(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__AMPLEMARKET__API_KEY")
    (scheduled.folder / "amplemarket.duckdb").unlink()
    before = set(scheduled.folder.rglob("*"))
    defs = runpy.run_path(str(_ROOT / "pipelines" / "dagster_definitions.py"))["defs"]
    dg.Definitions.validate_loadable(defs)
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {f"amplemarket/{name}" for name in TABLES}
    assert set(scheduled.folder.rglob("*")) == before

    def not_yet(*_: object) -> Any:
        raise AssertionError("This is for the step to call.")

    assets = amplemarket_assets(not_yet, not_yet, label=not_yet, api_key=dg.EnvVar("NO_SUCH_NAME"))
    dg.Definitions.validate_loadable(dg.Definitions([assets]))


def test_what_the_guide_prints_can_be_loaded() -> None:
    guide = (_ROOT / "docs" / "how-to" / "dagster.md").read_text("utf-8")
    printed: dict[str, Any] = {"__file__": __file__}
    for block in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        code = compile(block, "dagster.md", "exec")
        if "dagster_dbt" not in block or find_spec("dagster_dbt"):
            exec(code, printed)  # noqa: S102 - our own text
            dg.Definitions.validate_loadable(dg.Definitions([printed["tables"]]))


def test_columns_are_told_before_the_first_run_and_personal_ones_are_marked(
    scheduled: Scheduled,
) -> None:
    spec = scheduled.assets().get_asset_spec(_key("people"))
    columns = {column.name: column for column in spec.metadata["dagster/column_schema"].columns}
    assert columns["email"].tags == {"personal": ""}
    assert not columns["id"].constraints.nullable


def test_a_component_is_scaffolded_for_the_user_to_fill_in_and_loads_as_it_is() -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(AmplemarketComponent, "amplemarket")
        with sandbox.load_component_and_build_defs(path) as (component, defs):
            assert isinstance(component, AmplemarketComponent)
            assert component.leads == str(path / "leads.csv")
            assert component.destination == "duckdb:///amplemarket.duckdb"
            assert len(list(defs.resolve_all_asset_specs())) == len(TABLES)


@pytest.mark.slow
def test_a_component_of_yaml_buys_and_loads(scheduled: Scheduled) -> None:
    attributes = {
        "leads": {"query": f"SELECT * FROM read_csv('{scheduled.leads}')"},
        "companies": "companies.csv",
        "destination": f"duckdb:///{scheduled.folder}/amplemarket.duckdb",
        "label": "spring",
        "settings": {"reveal_email": True},
    }
    contents = {"type": "amplemarket_source.dagster.AmplemarketComponent", "attributes": attributes}
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            AmplemarketComponent, "amplemarket", defs_yaml_contents=contents
        )
        shutil.copy(scheduled.write("companies.csv", _DOMAINS), path)
        with sandbox.load_component_and_build_defs(path) as (_, defs):
            result = scheduled.materialise(*(defs.assets or ()))
    assert result.success
    assert scheduled.rows("SELECT DISTINCT label FROM enrichment_requests") == [("spring",)]
    assert _materialised(result)["people"]["dagster/row_count"] == 3
    assert scheduled.rows("SELECT count(*) FROM people WHERE email IS NOT NULL") == [(3,)]
    assert scheduled.rows("SELECT count(*) FROM enrichment_results WHERE kind = 'companies'") == [
        (2,)
    ]


def test_dg_finds_the_component_by_the_entry_point() -> None:
    registered = entry_points(group="dagster_dg_cli.registry_modules")
    (module,) = (one.load() for one in registered if one.name == "amplemarket_source")
    assert module.AmplemarketComponent is AmplemarketComponent


def test_the_package_itself_does_without_dagster() -> None:
    code = (
        "import sys\n"
        "sys.modules['dagster'] = None\n"
        "import amplemarket_source.cli.run\n"
        f"for name in {amplemarket_source.__all__}: getattr(amplemarket_source, name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
