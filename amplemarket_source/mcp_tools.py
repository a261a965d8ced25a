"""Three tools for dlt's MCP servers: what a run would cost, what is open, what was spent.

dlt's own tools show tables and run SQL. These say what the tables mean, and none of them buys,
releases or erases: that is for a person to type. ``pipeline_name`` comes first because dlt's server
of one pipeline gives it by its place (api-notes: dlt-plugins).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Annotated, Any

from dlt._workspace.access import RequiresAccess

from amplemarket_source.cli.target import ENRICHMENT, Target
from amplemarket_source.report_page import figures
from amplemarket_source.run.enrichment import plan
from amplemarket_source.run.status import status

__all__ = ["TOOLS"]

Answer = Annotated[dict[str, Any], RequiresAccess(data=["read"])]


def amplemarket_plan(
    pipeline_name: str = ENRICHMENT.pipeline,
    people: str | None = None,
    companies: str | None = None,
    emails: str | None = None,
    reveal_email: bool = False,
    reveal_phone_numbers: bool = False,
    destination: str = "duckdb",
    dataset: str = ENRICHMENT.dataset,
) -> Answer:
    """What buying a list of leads or companies from Amplemarket would cost; nothing is sent.

    Say the price to the user before anything is bought. Buying is `amplemarket run`, which the
    user decides on.

    Args:
        pipeline_name: the dlt pipeline.
        people: path of a file with leads (csv, xlsx, json, jsonl, parquet).
        companies: path of a file with companies.
        emails: path of a file with addresses to validate, 1 e-mail credit each.
        reveal_email: 1 e-mail credit for each address on top.
        reveal_phone_numbers: 1 phone credit for each person on top.
        destination: dlt's name of it, or duckdb:///file.duckdb.
        dataset: where the tables are.

    Returns:
        For each list the rows read, known, invalid and to buy, and credits at the worst case.
    """
    reveals = {"reveal_email": reveal_email, "reveal_phone_numbers": reveal_phone_numbers}
    return _answer(
        Target(destination, dataset, pipeline_name, None),
        lambda pipeline: plan(
            pipeline, leads=people, companies=companies, emails=emails, **reveals
        ).to_dict(),
    )


def amplemarket_status(
    pipeline_name: str = ENRICHMENT.pipeline,
    destination: str = "duckdb",
    dataset: str = ENRICHMENT.dataset,
) -> Answer:
    """Which purchases are open, which wait for a person, and the credits so far.

    A held request may have been charged: never release one unasked. The answer has the command
    that a person may type.

    Args:
        pipeline_name: the dlt pipeline.
        destination: dlt's name of it, or duckdb:///file.duckdb.
        dataset: where the tables are.
    """
    return _answer(
        Target(destination, dataset, pipeline_name, None),
        lambda pipeline: status(pipeline).to_dict(),
    )


def amplemarket_report(
    pipeline_name: str = ENRICHMENT.pipeline,
    destination: str = "duckdb",
    dataset: str = ENRICHMENT.dataset,
) -> Answer:
    """The figures of the report: spend by month and label, match rates, ages, rejects, changes.

    No person is among them.

    Args:
        pipeline_name: the dlt pipeline.
        destination: dlt's name of it, or duckdb:///file.duckdb.
        dataset: where the tables are.
    """
    return _answer(
        Target(destination, dataset, pipeline_name, None),
        lambda pipeline: figures(pipeline).to_dict(),
    )


TOOLS = (amplemarket_plan, amplemarket_status, amplemarket_report)


def _answer(target: Target, ask: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """What ``ask`` says, as plain JSON; standard output belongs to the server."""
    with redirect_stdout(sys.stderr), target.looking() as pipeline:
        found: dict[str, Any] = json.loads(json.dumps(ask(pipeline), default=str))
    return {**found, **target.describe()}
