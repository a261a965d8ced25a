"""``find``: one person or company, printed and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from amplemarket_source.cli.options import Target, given_settings, setting_options, target_options
from amplemarket_source.cli.output import Output
from amplemarket_source.errors import UsageError
from amplemarket_source.model import COMPANIES, PEOPLE, Kind
from amplemarket_source.run.lookup import look_up
from amplemarket_source.settings import resolve_settings

__all__ = ["find"]

_SPENDS = """Costs what a lead of a list costs. What the tables have, fresh and with what is to be
revealed, costs nothing and is not asked for.
"""


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
    def body(output: Output, target: Target, no_load: bool, refresh: bool, **options: Any) -> None:
        lead = {field: options.pop(field) for field in kind.identifying}
        given = {field: value for field, value in lead.items() if value is not None}
        _find(kind, given, output, target, load=not no_load, refresh=refresh, **options)

    command: Any = target_options(setting_options(_search_options(kind)(body)))
    find.command(name, help=f"Look up one {name}.\n\n{_SPENDS}")(command)


def _find(
    kind: Kind,
    lead: Mapping[str, str],
    output: Output,
    target: Target,
    *,
    load: bool,
    refresh: bool,
    **options: Any,
) -> None:
    if not lead:
        names = ", ".join(f"--{field.replace('_', '-')}" for field in kind.identifying)
        raise UsageError(f"Search by at least one of {names}.")
    settings = resolve_settings(**given_settings(options))
    pipeline = target.pipeline()
    with output.working():
        found = look_up(pipeline, settings, kind, lead, load=load, refresh=refresh)
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
    output.answer(document, _text(kind, found.status, entity))


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
            lines.append(f"{margin}{key}  {', '.join(map(str, item))}")
        else:
            lines.append(f"{margin}{key}  {item}")
    return lines


_command(PEOPLE, "person")
_command(COMPANIES, "company")
