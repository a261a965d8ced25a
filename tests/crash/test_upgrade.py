"""This version finishes what an older one began; ``python -m tests.crash.upgrade`` does the work.

Here it kills at every fourth step; without ``--every`` it does at each.

Between the two, modules were moved and renamed; what lies on disk and in the warehouse was not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.crash.harness import Kill, serving
from tests.crash.upgrade import BEFORE_HISTORIES, KILLS, OLD, ROOT, NoHistory, old_tree, old_version

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_EVERY = 4


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's code and tests."""
    return _tree(tmp_path_factory.mktemp("older"), OLD)


def _tree(folder: Path, version: str) -> Path:
    try:
        return old_tree(folder, version)
    except NoHistory as error:
        if os.environ.get("CI"):
            pytest.fail(f"The older version is needed here: {error}.")
        pytest.skip(f"Needs the older version from a clone with its history: {error}.")


@pytest.mark.parametrize("mode", ["waves", pytest.param("plain", marks=pytest.mark.long)])
def test_what_an_older_version_was_killed_in_is_finished_and_nothing_bought_twice(
    mode: str, tree: Path
) -> None:
    # In a process of its own, as in test_kills.py.
    done = _python(
        "-m", "tests.crash.upgrade", "--mode", mode, "--tree", str(tree), "--every", str(_EVERY)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
    assert figures["runs killed"] == str(len(KILLS[mode][::_EVERY]))
    assert (figures["charged twice"], figures["lost"]) == ("0", "0")


# dlt.attach comes first: it must find the destination by the name in the state alone.
_TAKE_UP = """
import sys
from pathlib import Path

import dlt

folder, url = Path(sys.argv[1]), sys.argv[2]
attached = dlt.attach("amplemarket", pipelines_dir=str(folder / "attached" / "pipelines"))
assert attached.has_pending_data

from tests.crash import driver, upgrade

upgrade.check_own_modules()
assert isinstance(attached.destination, driver.duckdb)

driver.run_once(folder / "case", url, "waves", "hold")
assert not driver.pipeline_in(folder / "case", "waves").has_pending_data

elsewhere = driver.pipeline_in(folder / "finished", "waves")
elsewhere.sync_destination()
assert not elsewhere.first_run
"""


def test_the_destination_that_an_older_pipelines_state_names_is_found(
    tree: Path, tmp_path: Path
) -> None:
    with serving() as server, old_version(tree, tmp_path, server) as old:
        assert old.run(None)[0] == 0
        (tmp_path / "case").rename(tmp_path / "finished")
        shutil.rmtree(tmp_path / "finished" / "pipelines")
        server.post("reset")
        assert old.run(Kill("waves", "load job", "after", 20))[0] == -9
        shutil.copytree(tmp_path / "case", tmp_path / "attached")
        done = _python("-c", _TAKE_UP, str(tmp_path), server.url)
    assert done.returncode == 0, done.stderr


_MAIN_JOB = (
    "import sys; from amplemarket_source.cli.main import main; "
    "sys.argv[1:] = ['run', 'people', '--sandbox', '--json']; main()"
)


def test_a_dataset_that_was_made_before_histories_is_completed_by_the_next_run(
    tmp_path: Path,
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    tree = _tree(tmp_path / "old", BEFORE_HISTORIES)

    def main_job(code: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        done = subprocess.run(
            [sys.executable, "-c", _MAIN_JOB],
            cwd=work,
            env={**os.environ, "PYTHONPATH": str(code)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        with duckdb.connect(str(work / "amplemarket_sandbox.duckdb"), read_only=True) as file:
            file.execute("USE amplemarket_sandbox_data")
            found = {
                name: file.sql(f"SELECT * FROM {name} ORDER BY ALL").to_arrow_table()
                for (name,) in file.sql("SHOW TABLES").fetchall()
            }
        return json.loads(done.stdout), {name: rows.to_pylist() for name, rows in found.items()}

    _, before = main_job(tree)
    assert "people_history" not in before
    report, after = main_job(ROOT)
    assert report["leads"]["bought"] == 0
    # All that was there is there, beside the new run and what an input row says of the last one.
    later = {"enrichment_runs", "rejects"}
    for name, rows in before.items():
        if not name.startswith("_") and name not in later:
            now = [{column: row[column] for column in rows[0]} for row in after[name] if rows]
            assert now == rows, name
    for entity, key in (("people", "person_id"), ("companies", "company_id")):
        history = {row[key]: row for row in after[f"{entity}_history"]}
        assert len(after[f"{entity}_history"]) == len(after[entity]) == len(history) > 0
        for row in after[entity]:
            assert history[row["id"]]["request_key"] == row["request_key"] is not None
            assert history[row["id"]]["enriched_at"] == row["enriched_at"]
    (request,) = after["enrichment_requests"]
    assert {row["request_key"] for row in after["people_history"]} == {request["request_key"]}
    erased = {row["lead_key"] for row in after["enrichment_results"] if row["erased_at"]}
    assert erased == {
        row["lead_key"] for row in after["enrichment_results"] if row["status"] == "gdpr_removed"
    }
    first_time = {row["reject_id"]: row["rejected_at"] for row in before["rejects"]}
    assert first_time == {row["reject_id"]: row["first_rejected_at"] for row in after["rejects"]}


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In this tree and with its code."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
