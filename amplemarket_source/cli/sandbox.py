"""The bundled API server: to serve it, to run against it, and whom to look for in it.

dlt is not imported here: the server does without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson

from amplemarket_source import sandbox as bundled
from amplemarket_source.cli.texts import DEBUG_HELP, json_text
from amplemarket_source.errors import SettingsError

__all__ = ["bundled_server", "demo_companies", "demo_emails", "demo_leads", "sandbox"]


class _SandboxCommand(click.Command):
    """Rules, options and fault switches are the server's own to tell, when they are asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("\n" + bundled.SANDBOX_HELP + "\n")


@click.command(cls=_SandboxCommand)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
@click.option("--quiet", is_flag=True, help="Print the address alone.")
@click.option("--debug", is_flag=True, expose_value=False, help=DEBUG_HELP)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes a free one.")
@click.option("--polls", type=click.IntRange(1), help="Polls until a request is done.")
@click.option("--retry-after", type=float, metavar="SECONDS", help="Between two polls.")
@click.option("--rate-limit", type=click.IntRange(0), help="Requests a minute; 0 is no limit.")
@click.option("--latency", type=float, metavar="SECONDS", help="Before each answer.")
@click.option("--email-credits", type=float, help="What the account can spend.")
@click.option("--phone-credits", type=float, help="What the account can spend.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[:VALUE]", help="Repeatable.")
@click.option(
    "--option",
    "named",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any option of the list below. Repeatable.",
)
def sandbox(
    as_json: bool,
    quiet: bool,
    port: int,
    faults: tuple[str, ...],
    named: tuple[str, ...],
    **options: Any,
) -> None:
    """Serve the bundled API server on this machine until Ctrl-C."""
    names = {"polls": "polls_until_done", "rate_limit": "requests_per_minute"}
    changes = {names.get(name, name): v for name, v in options.items() if v is not None}
    if changes.get("requests_per_minute") == 0:
        changes["requests_per_minute"] = None
    try:
        changes |= dict(_option(text) for text in named)
        served = bundled.changed(bundled.SandboxOptions(), changes)
    except ValueError as error:
        raise SettingsError(f"--option: {error}.") from None
    key = served.api_keys[0]

    def ready(url: str) -> None:
        if as_json:
            click.echo(json_text({"base_url": url, "api_key": key}))
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
        bundled.serve(port=port, options=served, faults=faults, ready=ready)
    except (ValueError, ModuleNotFoundError) as error:
        raise SettingsError(str(error)) from None


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no NAME=VALUE")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value


@contextmanager
def bundled_server() -> Iterator[dict[str, Any]]:
    """The settings that lead to a server of its own, which lives as long as the block.

    Raises:
        SettingsError: its libraries, an extra, are not installed.
    """
    try:
        bundled_api = bundled.SandboxServer()
    except ModuleNotFoundError as error:
        raise SettingsError(str(error)) from None
    with bundled_api as server:
        yield {"base_url": server.url, "api_key": server.sandbox.options.api_keys[0]}


_FIRST = (
    "Ada", "Grace", "Edsger", "Barbara", "Alan", "Katherine", "Donald", "Radia", "Tim", "Hedy",
)  # fmt: skip
_LAST = (
    "Quill", "Marsh", "Okafor", "Lindqvist", "Moreau", "Tanaka", "Silva", "Novak", "Haddad",
    "Byrne", "Castell", "Ferro",
)  # fmt: skip


def demo_leads() -> list[dict[str, str]]:
    """250 leads: by e-mail, LinkedIn URL and name with company; duplicates, misses, removed
    people, and rows that identify nobody."""
    return [lead | {"external_id": f"demo-{i}"} for i, lead in enumerate(_leads(), start=1)]


def demo_companies() -> list[dict[str, str]]:
    """40 companies, some twice, one that is not found, one row that identifies none."""
    companies = [{"domain": f"company-{i:03d}.example"} for i in range(36)]
    spelt = {"domain": "https://www.Company-001.example/about"}
    return [*companies, spelt, {"domain": "notfound.example"}, {"domain": " "}, companies[0]]


def demo_emails() -> list[dict[str, str]]:
    """40 addresses, some twice, with every verdict; a row without one, and one that is none."""
    emails = [{"email": f"person{i}@company-{i:03d}.example"} for i in range(30)]
    emails += [{"email": f"{word}@catchall.example"} for word in ("undeliverable", "risky")]
    emails += [{"email": "unknown@company-001.example"}, {"email": "any@catchall.example"}]
    spelt = {"email": " Person1@Company-001.example"}
    return [*emails, spelt, *emails[:3], {"email": " "}, {"email": "not an address"}]


def _leads() -> Iterator[dict[str, str]]:
    people = [(first, last) for last in _LAST for first in _FIRST]
    for i, (first, last) in enumerate(people):
        yield {"email": f"{first}.{last}@company-{i % 40:03d}.example".lower()}
    for first, last in people[:70]:
        yield {"linkedin_url": f"https://www.linkedin.example/in/{first}-{last}".lower()}
    for i, (first, last) in enumerate(people[70:100]):
        yield {"name": f"{first} {last}", "company_domain": f"company-{i:03d}.example"}
    for first, last in people[:10]:
        # The same person, spelt another way: one purchase.
        yield {"linkedin_url": f"http://LinkedIn.example/in/{first}-{last}/?trk=mail"}
    for i in range(12):
        yield {"email": f"notfound{i}@company-{i:03d}.example"}
    for i in range(3):
        yield {"email": f"removed{i}@company-{i:03d}.example"}
    yield from ({"email": "not an address"}, {"name": "Nobody"}, {"title": "CEO"})
    yield from ({"email": "two@at@signs.example"}, {"company_name": "Only A Company"})
