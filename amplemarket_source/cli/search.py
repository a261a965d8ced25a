"""``search``: people or companies by filters, as a list of leads."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import click

from amplemarket_source.api import FILTERS
from amplemarket_source.cli.options import spending_option, target_options
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.target import Target
from amplemarket_source.errors import UsageError
from amplemarket_source.kinds import ENRICHED, Kind
from amplemarket_source.run.search import COLUMNS, checked_filters
from amplemarket_source.run.search import search as rows_of
from amplemarket_source.settings import resolve_settings

__all__ = ["search"]

_COST = "What a search costs is not known: clients saw no cost, the vendor's tools say credits."
_HELP = """Search {kind}; writes a list that `run {kind}` takes.

{cost} At most 10,000 rows. A POST that may have arrived is not sent again.

Filters: {filters}.
"""


@click.group()
def search() -> None:
    """Search people or companies; writes a list of leads."""


def _command(kind: Kind) -> None:
    def body(
        filters: tuple[str, ...],
        limit: int,
        form: str | None,
        out: Path | None,
        yes: bool,
        base_url: str | None,
        output: Output,
        target: Target,
    ) -> None:
        if out is None and output.as_json:
            raise UsageError("The rows go to standard output: with --json give --output FILE.")
        wanted = checked_filters(kind, _given(filters))
        settings = resolve_settings(base_url=base_url)
        output.say(_COST)
        if not yes and output.can_ask and not output.ask(f"Search up to {limit:,} {kind.name}?"):
            output.say("Nothing was sent.")
            raise click.exceptions.Exit(0)
        found = rows_of(kind, wanted, settings, most=limit)
        as_csv = (form or _form_of(out)) == "csv"
        with nullcontext(sys.stdout) if out is None else out.open("w", encoding="utf-8") as file:
            count = _write(file, found, COLUMNS[kind.name], as_csv=as_csv)
        document = {"rows": count, "file": None if out is None else str(out), "exit_code": 0}
        if out is None:
            output.say(f"{count:,} {kind.name}.")
        else:
            output.answer(document, f"{count:,} {kind.name} in {out}.")

    text = _HELP.format(kind=kind.name, cost=_COST, filters=", ".join(FILTERS[kind.name]))
    command: Any = body
    for option in (
        click.option("--base-url", metavar="URL", help="Of the API."),
        click.option(
            "--output",
            "out",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A file, .csv or .jsonl.  [default: standard output]",
        ),
        click.option(
            "--format", "form", type=click.Choice(["csv", "jsonl"]), help="[default: csv]"
        ),
        click.option(
            "--limit",
            type=click.IntRange(1, 10_000),
            default=100,
            show_default=True,
            help="Rows at most.",
        ),
        click.option(
            "--filter",
            "filters",
            multiple=True,
            metavar="NAME=VALUE",
            help="May be repeated, also with one name.",
        ),
    ):
        command = option(command)
    search.command(kind.name, help=text)(target_options(spending_option(command)))


def _given(filters: Iterable[str]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for text in filters:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--filter {text!r}: write NAME=VALUE, such as person_titles=CEO.")
        given.setdefault(name.strip(), []).append(value)
    return given


def _form_of(out: Path | None) -> str:
    return "jsonl" if out is not None and out.suffix in (".jsonl", ".ndjson") else "csv"


def _write(
    file: IO[str], rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...], *, as_csv: bool
) -> int:
    count = 0
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    if as_csv:
        writer.writeheader()
    for row in rows:
        count += 1
        if as_csv:
            writer.writerow(row)
        else:
            file.write(json.dumps(row) + "\n")
    return count


for _kind in ENRICHED:
    _command(_kind)
