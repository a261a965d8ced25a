"""``run``, ``plan`` and ``resume``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from amplemarket_source.cli.options import Target, given_settings, setting_options, target_options
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.running import NO_KEY_NEEDED, execute, make_plans, sandbox_settings
from amplemarket_source.cli.texts import plan_text, summary_text
from amplemarket_source.errors import UsageError
from amplemarket_source.model import COMPANIES, PEOPLE, Kind

__all__ = ["plan", "resume", "run"]

_LEADS_HELP = """\b
{name} is a path or URL (.csv, .jsonl, .parquet), or - for standard input.
Columns: {columns}.
"""
_PEOPLE_COLUMNS = (
    "email, linkedin_url, name (or first_name and last_name),\n"
    "title, company_domain, company_name, external_id"
)
_COMPANY_COLUMNS = "domain, linkedin_url, external_id"


@click.group()
def run() -> None:
    """Plan, buy, wait, load; goes on with what an earlier run left."""


@click.group()
def plan() -> None:
    """What a run would buy and cost; nothing is sent."""


def _input_options(kind: Kind) -> Any:
    def add(command: Any) -> Any:
        for option in (
            click.option("--from", "from_url", metavar="URL", help="The database of --query."),
            click.option("--query", metavar="SQL", help="Read the list from a database instead."),
            click.argument("source", metavar=kind.payload_key.upper(), required=False),
        ):
            command = option(command)
        return command

    return add


def _command(group: click.Group, kind: Kind, *, spend: bool) -> None:
    columns = _PEOPLE_COLUMNS if kind is PEOPLE else _COMPANY_COLUMNS
    what = "Enrich" if spend else "Price a list of"
    text = f"{what} {kind.name}.\n\n" + _LEADS_HELP.format(
        name=kind.payload_key.upper(), columns=columns
    )

    def plain(**options: Any) -> None:
        _plan(kind, **options)

    def spending(dry_run: bool, sandbox: bool, **options: Any) -> None:
        if dry_run:
            _plan(kind, **options)
        else:
            _run(kind, sandbox=sandbox, **options)

    body: Any = plain
    if spend:
        body = click.option(
            "--sandbox",
            is_flag=True,
            help=f"Run against the bundled API server: no key, nothing paid, into tables of its "
            f"own. Without {kind.payload_key.upper()} it invents some.",
        )(spending)
        body = click.option("--dry-run", is_flag=True, help="The same as plan.")(body)
    body = setting_options(_input_options(kind)(body))
    group.command(kind.name, help=text)(target_options(body))


def _plan(kind: Kind, *, output: Output, target: Target, **options: Any) -> None:
    from amplemarket_source.settings import resolve_settings

    settings = given_settings(options)
    inputs = {kind: _input(kind, sandbox=False, **options)}
    plans = make_plans(target, resolve_settings(api_key=NO_KEY_NEEDED, **settings), inputs, output)
    document = {"plans": [each.as_dict() for each in plans], **target.describe()}
    output.answer(document, "\n\n".join(plan_text(each) for each in plans))


def _run(kind: Kind, *, sandbox: bool, output: Output, target: Target, **options: Any) -> None:
    from amplemarket_source.settings import resolve_settings

    settings = given_settings(options)
    inputs = {kind: _input(kind, sandbox=sandbox, **options)}
    with ExitStack() as stack:
        if sandbox:
            settings.update(sandbox_settings(stack))
            target = target.apart()
        outcome = execute(target, resolve_settings(**settings), inputs, output, is_sandbox=sandbox)
    _answer(outcome, output, target)


@click.command()
@target_options
@setting_options
def resume(output: Output, target: Target, **options: Any) -> None:
    """Finish what is in flight; buy nothing."""
    from amplemarket_source.settings import resolve_settings

    settings = resolve_settings(**given_settings(options))
    _answer(execute(target, settings, {}, output), output, target)


def _answer(outcome: Any, output: Output, target: Target) -> None:
    report = outcome.report
    document = {**report.as_dict(), **target.describe(), "tables": outcome.tables}
    output.answer(document, summary_text(document, target.arguments()))
    click.get_current_context().exit(report.exit_code)


def _input(
    kind: Kind, *, sandbox: bool, source: str | None, query: str | None, from_url: str | None
) -> Any:
    name = kind.payload_key.upper()
    if (query is None) != (from_url is None):
        raise UsageError("--query SQL and --from URL belong together.")
    if query is not None and from_url is not None:
        if source is not None:
            raise UsageError(f"Give {name} or --query with --from, not both.")
        from amplemarket_source.leads.query import query_leads

        return query_leads(query, from_url)
    if source is not None:
        return source
    if sandbox:
        from amplemarket_source.cli.demo import demo_companies, demo_leads

        return demo_leads() if kind is PEOPLE else demo_companies()
    raise UsageError(
        f"Which {kind.payload_key}? Give a file, a URL, - for standard input, or --query with "
        "--from. With --sandbox alone, some are invented."
    )


for _kind in (PEOPLE, COMPANIES):
    _command(run, _kind, spend=True)
    _command(plan, _kind, spend=False)
