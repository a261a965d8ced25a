"""A program of another environment in its own process: orders and answers are lines of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support.environments import ROOT

__all__ = ["Died", "Worker", "environment_of"]

_PATIENCE = 30.0
_OF_THE_TESTS = ("SOURCES__", "DESTINATION__", "LOAD__", "RUNTIME__", "AIRFLOW", "PREFECT", "DLT_")


class Died(Exception):
    """The process ended before it answered; ``code`` is what it ended with."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"ended with {code}: {said}")
        self.code = code


def environment_of(python: Path, folder: Path, **more: str) -> dict[str, str]:
    """What a worker sees: its own programs first, nothing of the tests' settings, its own folders.

    And this project, so that its program may import ``tests.support.orders``.

    Args:
        folder: gets what the process writes anywhere but where it is told to.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_TESTS)}
    return {
        **kept,
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **more,
    }


class Worker:
    """One process; `order` may be called again and again.

    Attributes:
        pid: of the process.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    @classmethod
    @contextmanager
    def running(
        cls, python: Path, program: Path, environment: Mapping[str, str], log: Path
    ) -> Iterator[Worker]:
        """A worker, which ends with the block.

        Args:
            program: a file that calls `tests.support.orders.serve`.
            log: gets what the process says beside its answers.
        """
        with (
            log.open("a") as said,
            subprocess.Popen(
                [python, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=dict(environment),
                cwd=environment["HOME"],
            ) as process,
        ):
            try:
                yield cls(process, log)
            finally:
                assert process.stdin is not None
                # Nothing more to do: it ends by itself, and what it has started with it.
                process.stdin.close()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
                process.kill()

    def order(self, **what: Any) -> Any:
        """Let the process do something, and return its answer.

        Raises:
            Died: it ended before it answered.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise Died(self._process.wait(), self._log.read_text()[-4000:])
        return json.loads(answer)
