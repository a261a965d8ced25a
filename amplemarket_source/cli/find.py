"""``find``: one person or company, printed and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from amplemarket_source.cli.options import (
    given_settings,
    setting_options,
    spending_option,
    target_options,
)
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.run import ask_before, say_new
from amplemarket_source.cli.target import Target
from amplemarket_source.cli.texts import credits_of
from amplemarket_source.errors import UsageError
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from amplemarket_source.model import Batch
from amplemarket_source.run.lookup import look_up
from amplemarket_source.settings import resolve_settings

__all__ = ["find"]

_SPENDS = "Costs what a row of a list costs. What the tables have and is fresh costs nothing."


@click.group()
def find() -> None:
    """Look up one person or company; printed, and loaded into the same tables."""


def _search_options(kind: Kind) -> Any:
    def add(command: Any) -> Any:
        for name in reversed(kind.identifying):
            command = click.option(f"--{name.replace('_', '-')}", name, metavar="TEXT")(command)
        command = click.option("--no-load", is_flag=True, help="Print only; nothing is kept.")(
            command
        )
        return click.option(
            "--refresh", is_flag=True, help="Ask the API also for what the tables have."
        )(command)

    return add


def _command(kind: Kind, name: str) -> None:
    def body(
        output: Output, target: Target, no_load: bool, refresh: bool, yes: bool, **options: Any
    ) -> None:
        lead = {field: options.pop(field) for field in kind.identifying}
        given = {field: value for field, value in lead.items() if value is not None}
        _find(kind, given, output, target, load=not no_load, refresh=refresh, yes=yes, **options)

    searching = _search_options(kind)(spending_option(body))
    command: Any = target_options(setting_options(searching, reveals=kind.has_reveals))
    find.command(name, help=f"Look up one {name}.\n\n{_SPENDS}")(command)


def _find(
    kind: Kind,
    lead: Mapping[str, str],
    output: Output,
    target: Target,
    *,
    load: bool,
    refresh: bool,
    yes: bool,
    **options: Any,
) -> None:
    if not lead:
        names = ", ".join(f"--{field.replace('_', '-')}" for field in kind.identifying)
        raise UsageError(f"Search by at least one of {names}.")
    settings = resolve_settings(**given_settings(options))
    pipeline = target.pipeline()
    say_new(target, output)

    def before(batch: Batch) -> None:
        ask_before(
            f"Look it up for at most {credits_of([batch])}",
            output,
            target,
            yes=yes or settings.max_credits is not None,
        )

    with output.working():
        found = look_up(pipeline, settings, kind, lead, load=load, refresh=refresh, before=before)
    if found.answered_at is not None:
        day = f"{found.answered_at:%Y-%m-%d}"
        output.say(f"From the tables, answered on {day}; --refresh asks the API again.")
    entity = None if found.body is None else json.loads(found.body)
    document = {
        "status": found.status,
        "result": entity,
        "from_tables": found.answered_at is not None,
        "loaded": load and found.answered_at is None,
        **target.describe(),
    }
    kept = "In" if load or found.answered_at else "Not kept; what is known is in"
    output.answer(document, f"{_text(kind, found.status, entity)}\n{kept} {target.where()}.")


def _text(kind: Kind, status: str, entity: dict[str, Any] | None) -> str:
    if entity is None:
        reason = "removed for privacy" if status == "gdpr_removed" else "not found"
        return f"{kind.name}: {reason}."
    return "\n".join(_lines(entity, 0))


def _lines(value: dict[str, Any], depth: int) -> list[str]:
    """``key  value`` lines; empty fields are left out, lists are counted or joined."""
    lines = []
    for key, item in value.items():
        if item in (None, "", [], {}) or key == "object":
            continue
        margin = "  " * depth
        if isinstance(item, dict):
            lines += [f"{margin}{key}", *_lines(item, depth + 1)]
        elif isinstance(item, list) and isinstance(item[0], dict):
            lines.append(f"{margin}{key}")
            for element in item:
                inner = _lines(element, depth + 2)
                lines += [f"{margin}  - {inner[0].strip()}", *inner[1:]] if inner else []
        elif isinstance(item, list):
            lines.append(_line(margin, key, ", ".join(map(str, item))))
        else:
            lines.append(_line(margin, key, str(item)))
    return lines


def _line(margin: str, key: str, value: str) -> str:
    """What has lines of its own is set in, so that it cannot look like other fields."""
    return f"{margin}{key}  " + value.replace("\n", f"\n{margin}    ")


_command(PEOPLE, "person")
_command(COMPANIES, "company")
