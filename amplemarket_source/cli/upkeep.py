"""``status``, ``cancel``, ``release``, ``forget`` and ``doctor``: beside the main job.

See how purchases stand, decide about single ones, erase a person, check the set-up.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from amplemarket_source.cli.options import (
    given_settings,
    setting_options,
    spending_option,
    target_options,
)
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.run import answer_run, ask_before, execute, nothing
from amplemarket_source.cli.target import WORKSPACE, Target
from amplemarket_source.cli.texts import columns, counted, number
from amplemarket_source.errors import ExitCode, UsageError
from amplemarket_source.model import RequestRecord
from amplemarket_source.run import status as state
from amplemarket_source.run.doctor import examine
from amplemarket_source.run.forget import Erasure
from amplemarket_source.run.forget import forget as erase
from amplemarket_source.run.settle import cancel_request, release_request
from amplemarket_source.settings import NO_KEY_NEEDED, resolve_settings

__all__ = ["cancel", "doctor", "forget", "release", "status"]


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="End with 5 unless every lead is settled: for schedulers, after a load.",
)
@target_options
def status(check: bool, output: Output, target: Target) -> None:
    """Requests in flight, held and done, and credits so far; the API is not asked."""
    with output.working(), target.looking() as pipeline:
        found = state.status(pipeline)
    exit_code = int(ExitCode.UNFINISHED if check and not found.is_settled else ExitCode.SETTLED)
    document = {**found.to_dict(), **target.describe(), "exit_code": exit_code}
    output.answer(document, _status_text(found, target))
    click.get_current_context().exit(exit_code)


def _status_text(found: state.Status, target: Target) -> str:
    if not found.exists:
        return f"Nothing was bought yet into {target.where()}."
    counts = ", ".join(f"{count:,} {name}" for name, count in found.by_status.items())
    lines = [
        f"Requests: {counts or 'none yet'}",
        f"Credits so far: {number(found.email_credits)} email, "
        f"{number(found.phone_credits)} phone (estimated)",
    ]
    if any(spent.label for spent in found.by_label):
        titles = ("LABEL", "REQUESTS", "LEADS", "EMAIL CREDITS", "PHONE CREDITS")
        lines += columns([titles, *(_spent(spent) for spent in found.by_label)])
    if found.leads_not_bought:
        lines.append(f"Not bought yet: {counted(found.leads_not_bought, 'lead')}")
    if found.open:
        heading = ("REQUEST_KEY", "REQUEST_ID", "STATUS", "LEADS", "CREDITS", "AGE", "NEXT")
        lines += columns([heading, *(_row(request, target) for request in found.open)])
    else:
        lines.append("Nothing is open.")
    return "\n".join([*lines, f"In {target.where()}."])


def _spent(spent: state.Spent) -> tuple[str, ...]:
    figures = (spent.requests, spent.leads, spent.email_credits, spent.phone_credits)
    return (spent.label or "-", *map(number, figures))


def _row(request: state.OpenRequest, target: Target) -> tuple[str, ...]:
    record = request.record
    return (
        record.request_key,
        record.request_id or "-",
        record.status,
        number(record.lead_count),
        number(record.credits_at_stake),
        _age(request.age_seconds),
        f"amplemarket {request.next_step}{target.arguments()}",
    )


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command()
@click.argument("request_id")
@target_options
@setting_options
def cancel(request_id: str, output: Output, target: Target, **options: Any) -> None:
    """Cancel a request at the API and load what was done.

    REQUEST_ID is the API's, as `amplemarket status` shows it. Leads without an answer are ordinary
    leads again, so a later run may buy them.
    """
    settings = resolve_settings(**given_settings(options))
    with output.working(), target.looking() as pipeline:
        cancel_request(pipeline, settings, request_id)
    # Others in flight are asked once, in passing: one that has finished is loaded as well.
    report = execute(target, settings.with_changes(poll_timeout="0s"), nothing, output)
    answer_run(
        report,
        output,
        target,
        more={
            "canceled": request_id,
            "exit_code": int(report.exit_code if report.errors else ExitCode.SETTLED),
        },
        headline=f"Request {request_id} is canceled; what was done by then is loaded.",
    )


@click.command()
@click.argument("request_key")
@click.option("--drop", "choice", flag_value="drop", help="Give it up; a later run may buy again.")
@click.option("--resubmit", "choice", flag_value="resubmit", help="Buy its leads again now.")
@spending_option
@target_options
@setting_options
def release(
    request_key: str,
    choice: str | None,
    yes: bool,
    output: Output,
    target: Target,
    **options: Any,
) -> None:
    """Settle a held or expired request.

    REQUEST_KEY is ours, as `amplemarket status` shows it. If the API did take the request, buying
    its leads again can be a second charge; that is why a person decides.
    """
    if choice is None:
        raise UsageError("Decide: --drop or --resubmit.")
    again = choice == "resubmit"
    given = given_settings(options)
    settings = resolve_settings(**given if again else given | {"api_key": NO_KEY_NEEDED})

    def before(record: RequestRecord) -> None:
        if again:
            leads = counted(record.lead_count, "lead")
            at_most = counted(record.credits_at_stake, "credit")
            ask_before(
                f"Buy {leads} again for at most {at_most}",
                output,
                target,
                yes=yes or settings.max_credits is not None,
            )

    with output.working(), target.looking() as pipeline:
        released = release_request(
            pipeline,
            settings,
            request_key,
            error_code="resubmitted" if again else "released",
            before=before,
        )
    record = released.record
    if not again:
        output.answer(
            {
                "released": request_key,
                "leads": record.lead_count,
                **target.describe(),
                "exit_code": 0,
            },
            f"Request {request_key} is dropped; its {number(record.lead_count)} leads are "
            f"ordinary leads again. In {target.where()}.",
        )
        return
    settings = settings.with_changes(
        reveal_email=record.reveal_email,
        reveal_phone_numbers=record.reveal_phone_numbers,
        # They are to be bought, also where an older outcome of theirs is known.
        refresh_after="0s",
        retry_not_found_after="0s",
    )
    inputs = {record.kind: released.leads} if released.leads else {}
    report = execute(target, settings, lambda _: inputs, output, yes=True)
    answer_run(report, output, target, more={"released": request_key})


@click.command()
@click.option("--email", metavar="ADDRESS")
@click.option("--linkedin-url", metavar="URL")
@click.option("--person-id", metavar="ID", help="The id in the table people.")
@click.option("--contact-id", metavar="ID", help="The id in the workspace's table contacts.")
@click.option(
    "--workspace-dataset",
    metavar="NAME",
    default=WORKSPACE.dataset,
    show_default=True,
    help="Where sync keeps the workspace's tables, which are searched as well.",
)
@click.option(
    "--older-than", metavar="AGE", help="Everyone whose latest answer is older (365d, 12h)."
)
@target_options
def forget(
    email: str | None,
    linkedin_url: str | None,
    person_id: str | None,
    contact_id: str | None,
    workspace_dataset: str,
    older_than: str | None,
    output: Output,
    target: Target,
) -> None:
    """Erase a person from every table and never ask for them again.

    What stays is a hash, so that neither a new list nor a late answer brings the person back.
    Whoever is erased for their age may be bought again; what was spent stays recorded.
    """
    if not (email or linkedin_url or person_id or contact_id or older_than):
        raise UsageError(
            "Whom? Give --email, --linkedin-url, --person-id, --contact-id or --older-than."
        )
    with output.working(), target.looking() as pipeline:
        erasure = erase(
            pipeline,
            email=email,
            linkedin_url=linkedin_url,
            person_id=person_id,
            contact_id=contact_id,
            older_than=older_than,
            workspace_dataset=workspace_dataset,
        )
    document = {**erasure.to_dict(), **target.describe(), "exit_code": 0}
    output.answer(document, _told(erasure))


def _told(erasure: Erasure) -> str:
    removed = [f"{number(count)} {name}" for name, count in erasure.rows_removed.items()]
    if erasure.leads_blanked:
        removed.append(f"the fields of {number(erasure.leads_blanked)} leads")
    if erasure.workspace_rows_blanked:
        rows = number(erasure.workspace_rows_blanked)
        removed.append(f"what {rows} rows of the workspace say of the person")
    if erasure.found:
        what = f"Erased: {', '.join(removed) or 'what quoted the person'}."
    else:
        what = "Erased before." if erasure.suppressed else "Nobody is that old."
    kept_out = " The identifiers are suppressed: never sent, never loaded again."
    return f"{what}{kept_out if erasure.suppressed else ''}\nDatabase: {erasure.database}"


@click.command()
@target_options
@setting_options
def doctor(output: Output, target: Target, **options: Any) -> None:
    """Check versions, settings, key, API, clock, destination and open requests; costs nothing."""
    with output.working(), ExitStack() as stack:
        checks = list(
            examine(lambda: stack.enter_context(target.looking()), given_settings(options))
        )
    width = max(len(check.name) for check in checks)
    exit_code = int(next((check.exit_code for check in checks if check.exit_code), 0))
    lines = [f"{check.state:<4}  {check.name:<{width}}  {check.text}" for check in checks]
    document = {"checks": [check.to_dict() for check in checks], "exit_code": exit_code}
    output.answer({**document, **target.describe()}, "\n".join(lines))
    click.get_current_context().exit(exit_code)
