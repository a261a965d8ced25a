"""Runs the example's flow with a server of Prefect's own; a program of Prefect's environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client

from tests.support.orders import serve

sys.path.insert(0, str(Path(__file__).parents[2] / "pipelines"))

import prefect_flow

RETRY_DELAY = prefect_flow.enrich_leads.retry_delay_seconds
# What is waited for between two tries is of no interest here.
prefect_flow.enrich_leads = prefect_flow.enrich_leads.with_options(retry_delay_seconds=0)


def do(leads: str) -> Any:
    """Run the flow and tell how it ended, after how many tries, and what it recorded."""
    state = prefect_flow.amplemarket_people(leads, return_state=True)
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs()
        ours = [run for run in runs if run.flow_run_id == state.state_details.flow_run_id]
        artifacts = client.read_artifacts()
    return {
        "state": state.type.value,
        "tries": [run.run_count for run in ours],
        "retry_delay": RETRY_DELAY,
        "artifacts": [
            json.loads(artifact.data)
            for artifact in artifacts
            if artifact.flow_run_id == state.state_details.flow_run_id
        ],
    }


if __name__ == "__main__":
    serve(do)
