"""Every public call as a user would write it; only checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltSource

import amplemarket_source
from amplemarket_source import (
    AmplemarketError,
    amplemarket,
    enrich,
    figures,
    forget,
    lead_list,
    plan,
    query_leads,
    resume,
    settled,
    status,
    validate_emails,
    workspace,
)
from amplemarket_source.destination import duckdb
from amplemarket_source.errors import Busy, ExitCode, InputError, Unfinished
from amplemarket_source.sandbox import Fault, SandboxOptions, SandboxServer


def the_main_job(pipeline: dlt.Pipeline) -> int:
    report = enrich(pipeline, leads="leads.csv", reveal_email=True, max_credits=500)
    report.raise_unless_settled()
    spent: float = report.credits["email_credits_estimated"]
    people: int = report.rows["people"]
    held: dict[str, float] = report.held_requests
    decided: bool = report.needs_a_person
    found: dict[str, Any] = report.to_dict()
    fields: dict[str, str] = report.new_fields
    seconds: float = report.seconds["total"]
    bought: dict[str, Any] = report.requests
    print(spent, people, held, decided, found, fields, seconds, bought)
    return report.exit_code


def the_price(pipeline: dlt.Pipeline) -> tuple[int, float, float, float]:
    found = plan(pipeline, companies=[{"domain": "acme.example"}])
    return found.to_buy, found.email_credits_max, found.phone_credits_max, found.least_seconds


def every_input(pipeline: dlt.Pipeline, table: pa.Table) -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield {"email": "ada@example.com"}

    leads = query_leads("SELECT email FROM contacts", "duckdb:///crm.duckdb")
    for source in (rows(), table, leads, "s3://bucket/leads.csv.gz", dlt.resource(rows())):
        enrich(pipeline, leads=source)


def verdicts(pipeline: dlt.Pipeline) -> int:
    print(plan(pipeline, emails=[{"email": "ada@example.com"}]).email_credits_max)
    return validate_emails(pipeline, emails="contacts.csv", refresh_after="90d").rows[
        "email_validations"
    ]


def what_comes_after(pipeline: dlt.Pipeline) -> None:
    resume(pipeline, poll_timeout="0s").raise_unless_settled()
    waiting: list[str] = [one.request_key for one in figures(pipeline).needs_a_person]
    print(waiting)
    for request in status(pipeline).open:
        print(request.record.request_key, request.next_step)
    removed: dict[str, int] = forget(pipeline, email="ada@example.com").rows_removed
    print(removed)
    try:
        settled(pipeline)
    except Unfinished as error:
        raise SystemExit(int(error.exit_code)) from error
    except (Busy, InputError, AmplemarketError):
        raise SystemExit(int(ExitCode.UNEXPECTED)) from None


def as_a_source() -> None:
    pipeline = dlt.pipeline(
        "amplemarket", destination=duckdb("amplemarket.duckdb"), dataset_name="amplemarket_data"
    )
    source: DltSource = amplemarket(leads="leads.csv", refresh_after="90d")
    pipeline.run(source)


def in_tests() -> None:
    with SandboxServer(SandboxOptions(polls_until_done=1)) as server:
        server.sandbox.set_faults(Fault("rate_limited", count=1))
        amplemarket(leads="leads.csv", base_url=server.url)


def the_workspace(pipeline: dlt.Pipeline) -> None:
    pipeline.run(workspace(calls_overlap="14d").with_resources("users", "tasks", "contacts"))
    pipeline.run(workspace(full=True))


def a_lead_list(pipeline: dlt.Pipeline) -> None:
    enrich(pipeline, leads=lead_list("0195f0c2-7a51-7d1e-b1a5-3f2f8e6c9a10"))


def by_attribute(pipeline: dlt.Pipeline) -> None:
    amplemarket_source.enrich(pipeline)
