"""``run``, ``validate``, ``plan`` and ``resume``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import click
import dlt

from amplemarket_source.cli.options import (
    given_settings,
    input_options,
    setting_options,
    spending_option,
    target_options,
    waiting_option,
)
from amplemarket_source.cli.output import Output, progress_line
from amplemarket_source.cli.sandbox import bundled_server, demo_companies, demo_emails, demo_leads
from amplemarket_source.cli.target import Target
from amplemarket_source.cli.texts import (
    cap_text,
    columns_line,
    plan_line,
    plan_text,
    question,
    summary_text,
)
from amplemarket_source.errors import Busy, UsageError
from amplemarket_source.kinds import COMPANIES, EMAILS, ENRICHED, KINDS, PEOPLE, Kind
from amplemarket_source.leads.databases import DestinationLeads, query_leads
from amplemarket_source.leads.lead_lists import LeadList
from amplemarket_source.leads.read import LeadsInput
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import Plan
from amplemarket_source.report import RunReport
from amplemarket_source.run.enrichment import (
    Enrichment,
    draft_only,
    in_background,
    refuse_requests_of_others,
)
from amplemarket_source.settings import NO_KEY_NEEDED, Settings, resolve_settings

__all__ = [
    "answer_run",
    "ask_before",
    "execute",
    "nothing",
    "plan",
    "resume",
    "run",
    "say_new",
    "validate",
]

Inputs: TypeAlias = Callable[[dlt.Pipeline], Mapping[Kind, LeadsInput]]
"""Gives the lists of a run by kind; one may be read through the pipeline."""

_LEADS_HELP = """\b
{name} is a path or URL (.csv, .xlsx, .json, .jsonl, .parquet), or - for standard input.
Columns: {columns}; also as CRM exports call them.
"""
_COLUMNS = {
    PEOPLE: "email, linkedin_url, name (or first_name and last_name),\n"
    "title, company_domain, company_name, external_id",
    COMPANIES: "domain, linkedin_url, external_id",
    EMAILS: "email, external_id",
}
_DEMO = {PEOPLE: demo_leads, COMPANIES: demo_companies, EMAILS: demo_emails}


@click.group()
def run() -> None:
    """Plan, buy, wait, load; goes on with what an earlier run left."""


@click.group()
def plan() -> None:
    """What a run would buy and cost; nothing is sent."""


@click.group()
def validate() -> None:
    """Validate e-mail addresses; each is bought once, for one e-mail credit."""


def _input_options(kind: Kind) -> Any:
    def add(command: Any) -> Any:
        if kind.about_people:
            command = click.option(
                "--lead-list", metavar="ID", help="Read a lead list of the product instead."
            )(command)
        for option in (
            click.option(
                "--from",
                "from_url",
                metavar="URL",
                help="Another database for --query.  [default: the destination]",
            ),
            click.option(
                "--table", metavar="NAME", help="Read a table of the destination instead."
            ),
            click.option("--query", metavar="SQL", help="Read the rows of a query instead."),
            click.argument("source", metavar=kind.payload_key.upper(), required=False),
        ):
            command = option(command)
        return command

    return add


def _command(group: click.Group, kind: Kind, *, spend: bool) -> None:
    buying = "Validate" if kind is EMAILS else "Enrich"
    what = buying if spend else "Price a list of"
    text = f"{what} {kind.name}.\n\n" + _LEADS_HELP.format(
        name=kind.payload_key.upper(), columns=_COLUMNS[kind]
    )
    if kind is EMAILS:
        text += "Rows without an address are passed over.\n"

    def plain(**options: Any) -> None:
        _plan(kind, **options)

    def spending(
        dry_run: bool, sandbox: bool, yes: bool, wait_for_lock: str | None, **options: Any
    ) -> None:
        if dry_run:
            _plan(kind, **options)
        else:
            _run(kind, sandbox=sandbox, yes=yes, wait_for_lock=wait_for_lock, **options)

    body: Any = plain
    if spend:
        body = click.option(
            "--sandbox",
            is_flag=True,
            help=f"Run against the bundled API server: no key, nothing paid, into tables of its "
            f"own. Without {kind.payload_key.upper()} it invents some.",
        )(spending_option(waiting_option(spending)))
        body = click.option("--dry-run", is_flag=True, help="The same as plan.")(body)
    body = input_options(_input_options(kind)(body))
    body = setting_options(body, reveals=kind.has_reveals)
    group.command(kind.name, help=text)(target_options(body))


def _plan(kind: Kind, *, output: Output, target: Target, **options: Any) -> None:
    given = given_settings(options)
    inputs = _input(kind, sandbox=False, **options)
    settings = resolve_settings(api_key=NO_KEY_NEEDED, **given)
    place = target.place()
    with output.working(), target.looking() as pipeline:
        made = draft_only(pipeline, settings, inputs(pipeline))
    text = "\n\n".join(plan_text(each) for each in made.kinds) + cap_text(made)
    missing = "; there is none yet, so nothing is known" if place.is_missing else ""
    text += f"\nIn {target.where()}{missing}."
    output.answer({**made.to_dict(), **target.describe()}, text)


def _run(
    kind: Kind,
    *,
    sandbox: bool,
    yes: bool,
    wait_for_lock: str | None,
    output: Output,
    target: Target,
    **options: Any,
) -> None:
    given = given_settings(options)
    inputs = _input(kind, sandbox=sandbox, **options)
    if sandbox:
        target = target.apart()
        with bundled_server() as where:
            settings = resolve_settings(**given | where)
            report = execute(
                target,
                settings,
                inputs,
                output,
                before=refuse_requests_of_others,
                yes=True,
                wait_for_lock=wait_for_lock,
            )
    else:
        settings = resolve_settings(**given)
        report = execute(target, settings, inputs, output, yes=yes, wait_for_lock=wait_for_lock)
    answer_run(report, output, target)


@click.command()
@waiting_option
@target_options
@setting_options
def resume(wait_for_lock: str | None, output: Output, target: Target, **options: Any) -> None:
    """Finish what is in flight; buy nothing."""
    settings = resolve_settings(**given_settings(options))
    report = execute(target, settings, nothing, output, wait_for_lock=wait_for_lock)
    answer_run(report, output, target)


def execute(
    target: Target,
    settings: Settings,
    inputs: Inputs,
    output: Output,
    *,
    before: Callable[[Ledger], None] = lambda _: None,
    yes: bool = False,
    wait_for_lock: str | None = None,
) -> RunReport:
    """Buy, read and load, and say how far it is; Ctrl-C stops it in an orderly way.

    Args:
        inputs: gives the list of leads or companies by kind; nothing to resume only.
        before: see `Enrichment.run`.
        wait_for_lock: see `Enrichment`.
        yes: spend without asking; so does a cap.

    Raises:
        click.exceptions.Exit: it was asked, and is not to spend; nothing was sent.
        AmplemarketError: the run could not do its work; what single requests ended with is in
            the report.
    """
    pipeline = target.pipeline()
    say_new(target, output)
    enrichment = Enrichment(pipeline, settings, inputs(pipeline), wait_for_lock=wait_for_lock)

    with output.watching(partial(progress_line, enrichment.report)) as pause:

        def tell(plan: Plan) -> None:
            for each in plan.kinds:
                if each.columns:
                    output.say(columns_line(each))
                output.say(plan_line(each))
            if plan.leads_beyond_cap:
                output.say(cap_text(plan).strip())
            if plan.batches:
                with pause():
                    ask_before(
                        question(plan),
                        output,
                        target,
                        yes=yes or settings.max_credits is not None,
                        stopped=lambda: enrichment.is_stopping,
                    )

        def wait(busy: Busy) -> None:
            output.say(f"{busy} Waiting for up to {wait_for_lock}.")

        return in_background(
            lambda: enrichment.run(on_wait=wait, before=before, on_plan=tell),
            on_stop=enrichment.stop,
        )


def nothing(_: dlt.Pipeline) -> Mapping[Kind, LeadsInput]:
    """The inputs of a run that buys nothing."""
    return {}


def say_new(target: Target, output: Output) -> None:
    """Say that the database is about to be made, if it is: somebody may be in another folder."""
    place = target.place()
    if place.is_missing:
        output.say(f"new database: {place.file}")


def ask_before(
    what: str,
    output: Output,
    target: Target,
    *,
    yes: bool,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Return if money may be spent: where nobody can answer, as where the answer is yes.

    Args:
        what: what is to be bought, and what it costs at most.
        yes: the answer is known.
        stopped: ends the question.

    Raises:
        click.exceptions.Exit: the answer is no; with 0, since all is as it was wanted.
        KeyboardInterrupt: it was stopped.
    """
    if yes or not output.can_ask:
        return
    if not output.ask(f"{what}, into {target.where()}?", stopped):
        output.say("Nothing was sent, nothing was bought. (--yes or --max-credits N do not ask.)")
        raise click.exceptions.Exit(0)


def answer_run(
    report: RunReport,
    output: Output,
    target: Target,
    *,
    more: Mapping[str, Any] | None = None,
    headline: str = "",
) -> None:
    """Say what a run did, and end the command with its exit code.

    Args:
        more: into the document, also in place of what the report has.
        headline: in place of the one that says whether every lead is settled.
    """
    document = {**report.to_dict(), **target.describe(), **(more or {})}
    output.answer(document, summary_text(document, target.arguments(), headline))
    click.get_current_context().exit(document["exit_code"])


def _input(
    kind: Kind,
    *,
    sandbox: bool,
    source: str | None,
    query: str | None,
    table: str | None,
    from_url: str | None,
    lead_list: str | None = None,
) -> Inputs:
    """The list that a command names, once there is a pipeline to read it from.

    Raises:
        UsageError: it names none, or two.
    """
    name = kind.payload_key.upper()
    if from_url is not None and query is None:
        raise UsageError("--from URL says where --query SQL is to be asked; give both.")
    given = [what for what in (source, query, table, lead_list) if what is not None]
    if len(given) > 1:
        raise UsageError(f"Give one of {name}, --query, --table and --lead-list, not two.")
    if not given and not sandbox:
        raise UsageError(
            f"Which {kind.payload_key}? Give a file, a URL, - for standard input, --query or "
            "--table. With --sandbox alone, some are invented."
        )

    def leads(pipeline: dlt.Pipeline) -> LeadsInput:
        if query is not None and from_url is not None:
            return query_leads(query, from_url)
        if query is not None or table is not None:
            return DestinationLeads(pipeline, query, table)
        if lead_list is not None:
            return LeadList(lead_list)
        if source is not None:
            return source
        return _DEMO[kind]()

    return lambda pipeline: {kind: leads(pipeline)}


for _kind in ENRICHED:
    _command(run, _kind, spend=True)
_command(validate, EMAILS, spend=True)
for _kind in KINDS:
    _command(plan, _kind, spend=False)
