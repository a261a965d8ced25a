"""Whatever happens in whatever order, the tables end up as the workspace is."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amplemarket_source.errors import AmplemarketError
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.workspace.changes import CHANGES
from tests.workspace.conftest import SMALL
from tests.workspace.killed import dying
from tests.workspace.synced import LISTED, Synced

_EXAMPLES = int(os.environ.get("AMPLEMARKET_SEQUENCES", "2"))
_NUMBERS = st.integers(0, 239)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, len(CHANGES) - 1), _NUMBERS),
        st.tuples(st.just("change"), st.integers(0, len(CHANGES) - 1), _NUMBERS),
        st.tuples(st.just("die"), st.sampled_from(["read", "load", "done"]), st.integers(0, 12)),
        st.tuples(st.just("sync"), st.booleans(), st.just(0)),
    ),
    min_size=4,
    max_size=9,
)


class _Died(Exception):
    """Stands for the end of the process."""


@pytest.mark.slow
@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(steps=_STEPS)
def test_tables_equal_the_workspace_after_any_order_of_changes_syncs_and_deaths(
    empty_tables: Path, steps: list[tuple[str, object, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(empty_tables, Path(folder) / "synced")
        options = SandboxOptions(requests_per_minute=None, workspace=SMALL)
        with SandboxServer(options) as server:
            synced = Synced(Path(folder) / "synced", server)
            for what, how, number in steps:
                if what == "change":
                    CHANGES[int(str(how))](server.workspace, number)
                elif what == "die":
                    _die(synced, f"{how}:{number if how == 'read' else number % 4}")
                else:
                    if how:
                        synced.wipe_disk()
                    assert synced.sync().exit_code == 0
            assert synced.sync().exit_code == 0
            # Old calls, and contacts of whom no task or call speaks anew, wait for a full one.
            assert synced.differences([*(set(LISTED) - {"calls"}), "lead_list_leads"]) == []
            assert synced.sync(full=True).exit_code == 0
            assert _differences(synced) == []
            again = synced.sync(full=True)
            assert sum(one.changed + one.deleted for one in again.streams.values()) == 0


def _differences(synced: Synced) -> list[str]:
    """Tasks of users who have left are listed by nobody, and stay as they were."""
    users = {user["id"] for user in synced.workspace.rows("users")}
    left = {row["id"] for row in synced.table("tasks") if row["user_id"] not in users}
    texts = synced.differences([*LISTED, "lead_list_leads"])
    return texts if left else texts + synced.differences(["tasks", "contacts"])


def _die(synced: Synced, point: str) -> None:
    def die() -> None:
        raise _Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*dying(point, die))
        with suppress(_Died, AmplemarketError):
            synced.sync()
