"""Runs DAGs of the example by Airflow's own ``dag.test()``; a program of Airflow's environment.

The example is in the folder of DAGs, as a user has copied it there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from airflow.sdk.execution_time import supervisor
from airflow.utils.state import TaskInstanceState

from tests.support.orders import serve

EXAMPLE = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / "airflow_dag.py"


def example() -> ModuleType:
    """The file as Airflow reads it, anew each time."""
    spec = importlib.util.spec_from_file_location("airflow_dag", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def do(
    dag: str | None = None, only: str | None = None, execution_timeout: float | None = None
) -> Any:
    """Run a DAG and tell how it and its tasks ended; without one, describe all of the file.

    Args:
        only: this task of it.
        execution_timeout: in place of the example's, seconds. Each try is a process of its own
            then, so that nothing of it goes on beside the next.
    """
    module = example()
    if dag is None:
        return _description(module)
    made = getattr(module, dag)()
    if only is not None:
        made = made.partial_subset(only, include_upstream=False)
    for task in made.tasks:
        # What is waited for between two tries is of no interest here.
        task.retry_delay = timedelta(0)
        if hasattr(task, "poke_interval"):
            task.poke_interval = 0
        if execution_timeout is not None:
            task.execution_timeout = timedelta(seconds=execution_timeout)
    with nullcontext() if execution_timeout is None else tries_in_processes():
        run = made.test()
    return {
        "state": str(run.state),
        "tasks": {
            found.task_id: [str(found.state), found.try_number]
            for found in run.get_task_instances()
        },
    }


@contextmanager
def tries_in_processes() -> Iterator[None]:
    """Each try in a process that ends with it, as a worker does it and ``dag.test()`` does not.

    Only in a process that has run no task: what Airflow sets up for the first has threads.
    """
    # So that no try spends its time on it.
    for module in ("airflow.api_fastapi.execution_api.app", "amplemarket_source.run.enrichment"):
        importlib.import_module(module)
    run_task = supervisor.run_task_in_process

    def run_in_child(ti: Any, task: Any) -> Any:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            state = run_task(ti, task).ti.state
            os.write(writer, state.encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as told:
            state = TaskInstanceState(told.read())
        os.waitpid(child, 0)
        return SimpleNamespace(ti=SimpleNamespace(state=state, task=task), msg=None)

    supervisor.run_task_in_process = run_in_child
    try:
        yield
    finally:
        supervisor.run_task_in_process = run_task


def _description(module: ModuleType) -> Any:
    names = [name for name in vars(module) if name.startswith("amplemarket_")]
    dags = {name: getattr(module, name)() for name in names}
    return {
        "imported": sorted({"dlt", "duckdb", "pyarrow", "amplemarket_source"} & sys.modules.keys()),
        "dags": {
            name: {
                "max_active_runs": dag.max_active_runs,
                "retry_delay": min(task.retry_delay.total_seconds() for task in dag.tasks),
            }
            for name, dag in dags.items()
        },
    }


if __name__ == "__main__":
    serve(do)
