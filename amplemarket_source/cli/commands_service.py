"""``status``, ``doctor`` and ``sandbox``: looking, checking, trying."""

from __future__ import annotations

from typing import Any

import click

from amplemarket_source.cli.options import Target, given_settings, setting_options, target_options
from amplemarket_source.cli.output import Output, print_json, quiet_libraries
from amplemarket_source.cli.texts import columns, number
from amplemarket_source.errors import SettingsError

__all__ = ["doctor", "sandbox", "status"]


@click.command()
@target_options
def status(output: Output, target: Target) -> None:
    """Requests in flight, held and done, and credits so far; the API is not asked."""
    from amplemarket_source.clock import SystemClock
    from amplemarket_source.ledger import Ledger
    from amplemarket_source.run.status import read_status

    with output.working(), Ledger(target.pipeline()) as ledger:
        found = read_status(ledger, SystemClock().now())
    counts = ", ".join(f"{count:,} {name}" for name, count in found.by_status.items())
    lines = [
        f"Requests: {counts or 'none yet'}",
        f"Credits so far: {number(found.email_credits)} email, "
        f"{number(found.phone_credits)} phone (estimated)",
    ]
    if found.open:
        heading = ("REQUEST_KEY", "REQUEST_ID", "STATUS", "LEADS", "CREDITS", "AGE", "NEXT")
        lines += columns([heading, *(_row(request, target) for request in found.open)])
    else:
        lines.append("Nothing is open.")
    output.answer({**found.as_dict(), **target.describe(), "exit_code": 0}, "\n".join(lines))


def _row(request: Any, target: Target) -> tuple[str, ...]:
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
@target_options
@setting_options
def doctor(output: Output, target: Target, **options: Any) -> None:
    """Check versions, settings, key, API, clock, destination and open requests; costs nothing."""
    from amplemarket_source.run.doctor import examine

    with output.working():
        checks = list(examine(target.pipeline, given_settings(options)))
    width = max(len(check.name) for check in checks)
    exit_code = next((check.exit_code for check in checks if check.exit_code), 0)
    lines = [f"{check.state:<4}  {check.name:<{width}}  {check.text}" for check in checks]
    document = {"checks": [check.as_dict() for check in checks], "exit_code": exit_code}
    output.answer({**document, **target.describe()}, "\n".join(lines))
    click.get_current_context().exit(exit_code)


class _SandboxCommand(click.Command):
    """The rules and the fault switches are the server's own to tell, when they are asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from amplemarket_source.sandbox import SANDBOX_HELP

        formatter.write("\n" + SANDBOX_HELP + "\n")


@click.command(cls=_SandboxCommand)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
@click.option("--quiet", is_flag=True, help="Print the address alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--polls", type=click.IntRange(1), help="Polls until a request is done.")
@click.option("--retry-after", type=float, metavar="SECONDS", help="Between two polls.")
@click.option("--rate-limit", type=click.IntRange(0), help="Requests a minute; 0 is no limit.")
@click.option("--latency", type=float, metavar="SECONDS", help="Before each answer.")
@click.option("--email-credits", type=float, help="What the account can spend.")
@click.option("--phone-credits", type=float, help="What the account can spend.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[:VALUE]", help="Repeatable.")
def sandbox(as_json: bool, quiet: bool, port: int, faults: tuple[str, ...], **options: Any) -> None:
    """Serve the bundled API server on this machine until Ctrl-C."""
    quiet_libraries(quiet=quiet)
    from amplemarket_source.sandbox import SandboxOptions, changed, serve

    names = {"polls": "polls_until_done", "rate_limit": "requests_per_minute"}
    changes = {names.get(name, name): v for name, v in options.items() if v is not None}
    if changes.get("requests_per_minute") == 0:
        changes["requests_per_minute"] = None
    served = changed(SandboxOptions(), changes)
    key = served.api_keys[0]

    def ready(url: str) -> None:
        if as_json:
            print_json({"base_url": url, "api_key": key})
            return
        click.echo(url)
        if not quiet:
            click.echo(
                "In another terminal:\n"
                f"  export SOURCES__AMPLEMARKET__BASE_URL={url}\n"
                f"  export SOURCES__AMPLEMARKET__API_KEY={key}\n"
                "  amplemarket run people leads.csv\n"
                f"What it was asked: {url}/_sandbox/log    Ctrl-C ends it.",
                err=True,
            )

    try:
        serve(port=port, options=served, faults=faults, ready=ready)
    except ValueError as error:
        raise SettingsError(str(error)) from None
