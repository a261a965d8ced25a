"""``cancel``, ``release`` and ``forget``: decisions about single requests and people."""

from __future__ import annotations

from typing import Any

import click

from amplemarket_source.cli.options import Target, given_settings, setting_options, target_options
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.running import NO_KEY_NEEDED, execute
from amplemarket_source.cli.texts import number, summary_text
from amplemarket_source.errors import UsageError

__all__ = ["cancel", "forget", "release"]


@click.command()
@click.argument("request_id")
@target_options
@setting_options
def cancel(request_id: str, output: Output, target: Target, **options: Any) -> None:
    """Cancel a request at the API and load what was done.

    REQUEST_ID is the API's, as `amplemarket status` shows it. Leads without an answer are ordinary
    leads again, so a later run may buy them.
    """
    from amplemarket_source.load.waves import load_pending
    from amplemarket_source.run.session import Run
    from amplemarket_source.run.settle import cancel_at_api
    from amplemarket_source.settings import resolve_settings

    given = given_settings(options)
    settings = resolve_settings(**given)
    pipeline = target.pipeline()
    load_pending(pipeline)
    with output.working(), Run(pipeline, settings) as run:
        run.prepare({})
        cancel_at_api(run, request_id)
    # Others in flight are asked once, in passing: one that has finished is loaded as well.
    outcome = execute(target, resolve_settings(**given | {"poll_timeout": "0s"}), {}, output)
    document = {
        "canceled": request_id,
        **outcome.report.as_dict(),
        **target.describe(),
        "tables": outcome.tables,
    }
    document["exit_code"] = outcome.report.exit_code if outcome.report.errors else 0
    lines = [f"Request {request_id} is canceled; what was done by then is loaded."]
    output.answer(document, "\n".join([*lines, summary_text(document, target.arguments())]))
    click.get_current_context().exit(document["exit_code"])


@click.command()
@click.argument("request_key")
@click.option("--drop", "choice", flag_value="drop", help="Give it up; a later run may buy again.")
@click.option("--resubmit", "choice", flag_value="resubmit", help="Buy its leads again now.")
@target_options
@setting_options
def release(
    request_key: str, choice: str | None, output: Output, target: Target, **options: Any
) -> None:
    """Settle a held or expired request.

    REQUEST_KEY is ours, as `amplemarket status` shows it. If the API did take the request, buying
    its leads again can be a second charge; that is why a person decides.
    """
    if choice is None:
        raise UsageError("Decide: --drop or --resubmit.")
    from amplemarket_source.load.waves import load_pending
    from amplemarket_source.run.session import Run
    from amplemarket_source.run.settle import release as release_request
    from amplemarket_source.settings import resolve_settings

    given = given_settings(options)
    again = choice == "resubmit"
    settings = resolve_settings(**given if again else given | {"api_key": NO_KEY_NEEDED})
    pipeline = target.pipeline()
    load_pending(pipeline)
    with output.working(), Run(pipeline, settings) as run:
        run.prepare({})
        code = "resubmitted" if again else "released"
        released = release_request(run, request_key, error_code=code)
    record = released.record
    if not again:
        document = {"released": request_key, "leads": record.lead_count, "exit_code": 0}
        output.answer(
            document,
            f"Request {request_key} is dropped; its {number(record.lead_count)} leads are "
            "ordinary leads again.",
        )
        return
    anew = {
        "reveal_email": record.reveal_email,
        "reveal_phone_numbers": record.reveal_phone_numbers,
        # They are to be bought, also where an older outcome of theirs is known.
        "refresh_after": "0s",
        "retry_not_found_after": "0s",
    }
    inputs = {record.kind: released.leads} if released.leads else {}
    outcome = execute(target, resolve_settings(**given | anew), inputs, output)
    document = {
        "released": request_key,
        **outcome.report.as_dict(),
        **target.describe(),
        "tables": outcome.tables,
    }
    output.answer(document, summary_text(document, target.arguments()))
    click.get_current_context().exit(outcome.report.exit_code)


@click.command()
@click.option("--email")
@click.option("--linkedin-url")
@click.option("--person-id", help="The id in the table people.")
@target_options
def forget(
    email: str | None,
    linkedin_url: str | None,
    person_id: str | None,
    output: Output,
    target: Target,
) -> None:
    """Erase a person from every table and never ask for them again.

    What stays is a hash, so that neither a new list nor a late answer brings the person back.
    """
    if not (email or linkedin_url or person_id):
        raise UsageError("Whom? Give --email, --linkedin-url or --person-id.")
    from amplemarket_source.load.waves import load_pending
    from amplemarket_source.privacy.erase import forget_person, scrub_pages
    from amplemarket_source.run.session import Run
    from amplemarket_source.run.status import row_counts
    from amplemarket_source.settings import resolve_settings

    pipeline = target.pipeline()
    # A package that waits may hold the person and would bring them back.
    load_pending(pipeline)
    with output.working(), Run(pipeline, resolve_settings(api_key=NO_KEY_NEEDED)) as run:
        has_tables = run.ledger.has_table("people")
        before = row_counts(run.ledger) if has_tables else {}
        keys = forget_person(
            run.ledger,
            email=email,
            linkedin_url=linkedin_url,
            person_id=person_id,
            at=run.clock.now(),
        )
        scrub_pages(pipeline, keys)
        after = row_counts(run.ledger) if has_tables else {}
    removed = {name: before[name] - after[name] for name in before if before[name] > after[name]}
    listed = ", ".join(f"{count:,} {name}" for name, count in removed.items()) or "no rows"
    output.answer(
        {"rows_removed": removed, "exit_code": 0},
        f"Erased: {listed}. The identifiers are suppressed: never sent, never loaded again.",
    )
