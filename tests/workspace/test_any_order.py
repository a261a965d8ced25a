"""Whatever happens in whatever order, the tables end up as the workspace is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from amplemarket_source.errors import AmplemarketError
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.workspace.changes import CHANGES
from tests.workspace.conftest import SMALL
from tests.workspace.killed import dying
from tests.workspace.merged import Died, MergedWarehouse
from tests.workspace.synced import LISTED, Synced

_EXAMPLES = int(os.environ.get("AMPLEMARKET_SEQUENCES", "2"))
_MERGED_EXAMPLES = 10
_MANY_MERGED_EXAMPLES = int(os.environ.get("AMPLEMARKET_SEQUENCES", "4"))
_NUMBERS = st.integers(0, 239)
_CHANGE = st.tuples(st.just("change"), st.integers(0, len(CHANGES) - 1), _NUMBERS)
_STEP = st.one_of(
    _CHANGE,
    _CHANGE,
    st.tuples(st.just("die"), st.sampled_from(["read", "load", "done"]), st.integers(0, 12)),
    st.tuples(st.just("sync"), st.booleans(), st.just(0)),
)
_SOME_STEPS = st.lists(_STEP, min_size=3, max_size=6)
_STEPS = st.lists(_STEP, min_size=4, max_size=9)
_TELLING = (
    "users",
    "excluded_emails",
    "lead_lists",
    "lead_list_leads",
    "calls",
    "task_statuses",
    "tasks",
    "contacts",
)
"""Every way in which a stream is read; the others are read as ``users`` is."""
_ORDERS = st.sampled_from(["oldest_first", "newest_first", "last_finished_first"])
_Step = tuple[str, object, int]


def _sequences(examples: int) -> Any:
    return settings(
        max_examples=examples,
        # One that fails is told as it is: each step less is another second.
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def merged(
    empty_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MergedWarehouse]:
    folder = tmp_path_factory.mktemp("merged") / "synced"
    shutil.copytree(empty_tables, folder)
    with ExitStack() as stack:
        yield MergedWarehouse(stack, folder)


@_sequences(_MERGED_EXAMPLES)
@given(steps=_SOME_STEPS, order=_ORDERS)
def test_tables_equal_the_workspace_after_any_order_of_changes_syncs_and_interruptions(
    merged: MergedWarehouse, steps: list[_Step], order: str
) -> None:
    _merged_sequence(merged, steps, order)


@pytest.mark.slow
@pytest.mark.timeout(600)
@_sequences(_MANY_MERGED_EXAMPLES)
@given(steps=_STEPS, order=_ORDERS)
def test_tables_equal_the_workspace_after_many_orders_of_changes_syncs_and_interruptions(
    merged: MergedWarehouse, steps: list[_Step], order: str
) -> None:
    _merged_sequence(merged, steps, order)


@pytest.mark.slow
@_sequences(_EXAMPLES)
@given(steps=_STEPS, order=_ORDERS)
def test_tables_equal_the_workspace_after_any_order_of_changes_syncs_and_deaths(
    empty_tables: Path, steps: list[_Step], order: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, _server(order) as server:
        shutil.copytree(empty_tables, Path(folder) / "synced")
        synced = Synced(Path(folder) / "synced", server)

        def die(where: str, number: int) -> None:
            point = f"{where}:{number if where == 'read' else number % 4}"
            with _dying(point), suppress(Died, AmplemarketError):
                synced.sync()

        _go_through(synced, steps, die)


def _merged_sequence(merged: MergedWarehouse, steps: list[_Step], order: str) -> None:
    with _server(order) as server, merged.emptied(server) as synced:

        def die(where: str, number: int) -> None:
            with suppress(Died, AmplemarketError):
                if where == "read":
                    with _dying(f"read:{number}"):
                        synced.sync(*_TELLING)
                else:
                    synced.sync(*_TELLING, die_at=number if where == "load" else 1_000)

        _go_through(synced, steps, die, _TELLING)


def _go_through(
    synced: Synced,
    steps: list[_Step],
    die: Callable[[str, int], None],
    streams: tuple[str, ...] = (),
) -> None:
    read = streams or (*LISTED, "lead_list_leads", "tasks", "contacts")
    read = tuple(stream for stream in read if stream != "task_statuses")
    for what, how, number in steps:
        if what == "change":
            CHANGES[int(str(how))](synced.workspace, number)
        elif what == "die":
            die(str(how), number)
        else:
            if how:
                synced.wipe_disk()
            assert synced.sync(*streams).exit_code == 0
    assert synced.sync(*streams).exit_code == 0
    # Old calls, old tasks that are done, and contacts of whom no task or call speaks anew, wait for
    # a full one.
    assert synced.differences(set(read) - {"calls", "tasks", "contacts"}) == []
    assert synced.sync(*streams, full=True).exit_code == 0
    assert synced.differences(read) == []
    again = synced.sync(*streams)
    assert sum(one.changed + one.deleted for one in again.streams.values()) == 0


def _server(order: str) -> SandboxServer:
    options: Any = {"task_order": order}
    return SandboxServer(SandboxOptions(requests_per_minute=None, workspace=SMALL, **options))


@contextmanager
def _dying(point: str) -> Iterator[None]:
    def die() -> None:
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*dying(point, die))
        yield
