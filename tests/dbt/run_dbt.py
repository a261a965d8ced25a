"""Runs dbt's commands; a program of dbt's environment, which imports dbt once for all of them.

Each order is a process of its own, a copy of this one: an adapter keeps its connections as long as
its process lives, and a file of DuckDB has one writer.
"""

import multiprocessing
import os
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from tests.support.orders import serve

_LAST = 60  # lines of what dbt said


def do(**order: Any) -> Any:
    """What `invoke` does, in a process that ends with it."""
    processes = multiprocessing.get_context("fork")
    receiver, sender = processes.Pipe(duplex=False)
    process = processes.Process(target=lambda: sender.send(invoke(**order)))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def invoke(
    project: str, profiles: str, artifacts: str, commands: list[list[str]]
) -> dict[str, Any]:
    """One command after the other, until one fails.

    Args:
        project: the folder of the dbt project.
        profiles: the folder with ``profiles.yml``.
        artifacts: gets what dbt writes: the manifest, the catalog, logs.

    Returns:
        ``succeeded``; ``nodes``, of each command how each node ended by its name; ``compiled``, the
        text that a ``compile --inline`` came to; and the end of what dbt ``said``.
    """
    # As variables, since not every command has the option.
    os.environ["DBT_TARGET_PATH"] = artifacts
    os.environ["DBT_LOG_PATH"] = str(Path(artifacts) / "logs")
    where = [
        *("--project-dir", project, "--profiles-dir", profiles),
        *("--no-use-colors", "--no-send-anonymous-usage-stats"),
    ]
    said: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level in ("info", "warn", "error"):
            said.append(event.info.msg)

    manifest: Manifest | None = None
    nodes: list[dict[str, str]] = []
    compiled = ""
    for command in commands:
        found = dbtRunner(manifest=manifest, callbacks=[listen]).invoke([*command, *where])
        if isinstance(found.result, Manifest):
            # Reading a project takes as long as building it.
            manifest = found.result
        results = getattr(found.result, "results", None) or ()
        nodes.append(
            {one.node.unique_id: str(one.status) for one in results if hasattr(one, "node")}
        )
        if command[0] == "compile" and found.success:
            compiled = results[0].node.compiled_code
        if not found.success:
            said.append(str(found.exception or ""))
            break
    return {
        "succeeded": found.success,
        "nodes": nodes,
        "compiled": compiled,
        "said": "\n".join(said[-_LAST:]),
    }


if __name__ == "__main__":
    serve(do)
