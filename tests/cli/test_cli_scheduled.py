"""What a scheduler needs of the command: a file, a check, patience, and somebody to be told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dlt
import duckdb
import filelock
import pytest

from amplemarket_source import destination
from amplemarket_source.cli import run
from amplemarket_source.cli.output import Output
from amplemarket_source.sandbox import SandboxServer
from amplemarket_source.working_folder import WorkingFolder
from tests.cli.command_line import Command, posts

pytestmark = pytest.mark.usefixtures("tables")

_NEVER = 1_000_000


class _Hook(ThreadingHTTPServer):
    """A chat's incoming hook on this machine, which remembers what it is told."""

    def __init__(self, status: int = 200) -> None:
        messages: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.append(json.loads(body)["text"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.messages = messages

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/T0/B0/secret"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Hook]:
    with _Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", server.url)
        yield server
        server.shutdown()


def _held(server: SandboxServer) -> None:
    server.sandbox.set_faults({"name": "post_503_after_accept", "count": 1})


def test_the_summary_file_has_what_json_prints_whatever_is_printed(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    file = folder / "summary.json"
    file.write_text("of an earlier run")
    printed = amplemarket("run", "people", leads, "--json", "--summary-file", str(file))
    assert json.loads(file.read_text()) == printed.document
    quiet = amplemarket("run", "people", leads, "--quiet", f"--summary-file={file}")
    assert (quiet.exit_code, quiet.out, quiet.err) == (0, "", "")
    assert json.loads(file.read_text())["leads"]["bought"] == 0


def test_the_summary_file_has_the_error_of_a_command_that_failed(
    amplemarket: Command, folder: Path
) -> None:
    file = folder / "summary.json"
    failed = amplemarket("run", "people", "missing.csv", "--summary-file", str(file))
    document = json.loads(file.read_text())
    assert document["exit_code"] == failed.exit_code == 2
    assert "missing.csv" in document["message"]


def test_a_command_that_is_interrupted_leaves_no_summary_of_an_earlier_one(
    amplemarket: Command, leads: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "summary.json"
    file.write_text("of an earlier run")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "execute", interrupted)
    assert amplemarket("run", "people", leads, "--summary-file", str(file)).exit_code == 130
    assert not file.exists()


def test_a_summary_file_that_cannot_be_is_refused_before_anything_is_sent(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    refused = amplemarket("run", "people", leads, "--summary-file", "nowhere/summary.json")
    assert refused.exit_code == 2
    assert "there is no folder nowhere" in refused.err
    assert posts(server) == 0


def test_the_check_ends_with_5_until_every_lead_is_settled(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    assert amplemarket("status", "--check").exit_code == 0, "nothing was bought, nothing is open"
    server.sandbox.configure(polls_until_done=_NEVER)
    assert amplemarket("run", "people", leads, "--poll-timeout", "0s").exit_code == 5
    found = amplemarket("status", "--check", "--json")
    assert (found.exit_code, found.document["exit_code"]) == (5, 5)
    assert found.document["needs_a_person"] is False
    assert amplemarket("status").exit_code == 0, "only the check judges"
    server.sandbox.configure(polls_until_done=1)
    assert amplemarket("resume").exit_code == 0
    assert amplemarket("status", "--check").exit_code == 0


def test_the_check_says_that_a_held_batch_needs_a_person(
    amplemarket: Command, leads: str, server: SandboxServer
) -> None:
    _held(server)
    assert amplemarket("run", "people", leads).exit_code == 5
    found = amplemarket("status", "--check", "--json")
    assert (found.exit_code, found.document["needs_a_person"]) == (5, True)


def test_a_run_waits_for_another_one_where_it_is_told_to(
    amplemarket: Command,
    leads: str,
    server: SandboxServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = filelock.FileLock(_lock(folder), thread_local=False)
    say = Output.say

    def say_and_let_go(self: Output, text: str) -> None:
        say(self, text)
        if "Waiting for" in text:
            lock.release()

    monkeypatch.setattr(Output, "say", say_and_let_go)
    with lock:
        assert amplemarket("run", "people", leads).exit_code == 5
        found = amplemarket("run", "people", leads, "--wait-for-lock", "1m")
    assert found.exit_code == 0, found.err
    assert "Another run of pipeline 'amplemarket' is going on" in found.err
    assert "Waiting for up to 1m." in found.err
    assert posts(server) == 1


def test_a_run_waits_no_longer_than_it_is_told_to(
    amplemarket: Command, leads: str, server: SandboxServer, folder: Path
) -> None:
    with filelock.FileLock(_lock(folder)):
        found = amplemarket("run", "people", leads, "--wait-for-lock", "1s", "--json")
    assert (found.exit_code, found.document["error"]) == (5, "Busy")
    assert posts(server) == 0
    assert amplemarket("resume", "--wait-for-lock", "soon").exit_code == 2


def _lock(folder: Path) -> Path:
    pipeline = dlt.pipeline(
        "amplemarket",
        destination=destination.duckdb(str(folder / "amplemarket.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(folder / ".dlt" / ".var" / "pipelines"),
    )
    return WorkingFolder.of(pipeline).lock


def test_a_held_batch_is_told_to_the_hook_without_a_person(
    amplemarket: Command, leads: str, server: SandboxServer, hook: _Hook
) -> None:
    _held(server)
    assert amplemarket("run", "people", leads, "--reveal-email").exit_code == 5
    [message] = hook.messages
    assert "pipeline `amplemarket` into `amplemarket_data` waits for a decision" in message
    assert "(exit code 5), 1 requests held, 6.0 credits at stake" in message
    assert "amplemarket status" in message
    for word in ("@", "site.example", "crm-", "ada", "leads.csv"):
        assert word not in message


def test_a_run_that_is_settled_or_only_needs_time_tells_nobody(
    amplemarket: Command, leads: str, server: SandboxServer, hook: _Hook
) -> None:
    server.sandbox.configure(polls_until_done=_NEVER)
    assert amplemarket("run", "people", leads, "--poll-timeout", "0s").exit_code == 5
    server.sandbox.configure(polls_until_done=1)
    assert amplemarket("resume").exit_code == 0
    assert hook.messages == []


def test_credits_and_errors_are_told_to_the_hook(
    amplemarket: Command, leads: str, hook: _Hook, folder: Path
) -> None:
    assert amplemarket("run", "people", leads, "--max-credits", "0").exit_code == 4
    (folder / "odd.csv").write_text("colour\nred\n")
    assert amplemarket("run", "people", "odd.csv").exit_code == 2
    stopped, refused = hook.messages
    assert "was stopped by credits, the cap's or the account's (exit code 4)" in stopped
    assert "4 leads not bought" in stopped
    assert "was refused: a setting or the input is wrong (exit code 2)" in refused


def test_a_hook_that_fails_changes_nothing_and_is_not_named(
    amplemarket: Command,
    leads: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with _Hook() as closed:
        monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", closed.url)
    found = amplemarket("run", "people", leads, "--max-credits", "0")
    assert found.exit_code == 4
    assert "could not be told of at Slack (ConnectionError)" in caplog.text
    assert "secret" not in found.err + found.out + caplog.text


def test_the_next_run_closes_the_record_of_one_that_died(
    amplemarket: Command, leads: str, folder: Path
) -> None:
    assert amplemarket("run", "people", leads).exit_code == 0
    file = str(folder / "amplemarket.duckdb")
    with duckdb.connect(file) as database:
        database.execute(
            "INSERT INTO amplemarket_data.enrichment_runs "
            "(run_key, command, started_at, _dlt_id, _dlt_load_id) "
            "VALUES ('died', 'run', TIMESTAMPTZ '2026-11-01 00:00:00Z', 'died', '')"
        )
    assert amplemarket("resume").exit_code == 0
    with duckdb.connect(file, read_only=True) as database:
        rows = database.execute(
            "SELECT command, exit_code, finished_at > started_at "
            "FROM amplemarket_data.enrichment_runs ORDER BY started_at"
        ).fetchall()
    assert rows == [("run", 1, True), ("run", 0, True), ("resume", 0, True)]
