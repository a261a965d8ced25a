"""The options that commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from amplemarket_source.cli.output import Output
from amplemarket_source.cli.target import ENRICHMENT, Names, Target
from amplemarket_source.cli.texts import DEBUG_HELP
from amplemarket_source.errors import UsageError

__all__ = [
    "given_settings",
    "input_options",
    "setting_options",
    "spending_option",
    "target_options",
    "waiting_option",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _new_file(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """A file that can be made; an older one is no summary of what begins now."""
    if file is None:
        return None
    if not os.access(file.parent, os.W_OK):
        raise click.BadParameter(f"there is no folder {file.parent} that can be written to.")
    file.unlink(missing_ok=True)
    return file


def target_options(command: _Command, names: Names = ENRICHMENT) -> _Command:
    """Adds ``--json`` and the other forms of an answer, and dlt's names.

    Passes ``output`` and ``target``.

    ``--debug`` is read by `amplemarket_source.cli.main`, where errors are told.

    Args:
        names: the usual ones.
    """

    @click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
    @click.option(
        "--summary-file",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_new_file,
        help="Gets the same JSON, whatever is printed.",
    )
    @click.option("--quiet", is_flag=True, help="Say nothing but errors.")
    @click.option("--debug", is_flag=True, expose_value=False, help=DEBUG_HELP)
    @click.option(
        "--destination",
        default="duckdb",
        show_default=True,
        help="dlt's name of it (duckdb, bigquery, snowflake, postgres ...), "
        "or duckdb:///file.duckdb.",
    )
    @click.option("--dataset", default=names.dataset, show_default=True)
    @click.option("--pipeline-name", default=names.pipeline, show_default=True)
    @click.option(
        "--pipelines-dir",
        help="dlt's working folder.  "
        "[default: .dlt/.var/pipelines beside a DuckDB file, else dlt's own]",
    )
    @functools.wraps(command)
    def wrapped(
        as_json: bool,
        quiet: bool,
        summary_file: Path | None,
        destination: str,
        dataset: str,
        pipeline_name: str,
        pipelines_dir: str | None,
        **others: Any,
    ) -> Any:
        return command(
            output=Output(as_json, quiet, summary_file),
            target=Target(destination, dataset, pipeline_name, pipelines_dir, names),
            **others,
        )

    return wrapped  # type: ignore[return-value]


_SETTINGS: dict[str, dict[str, Any]] = {
    "reveal_email": {"is_flag": True, "help": "1 email credit for each address."},
    "reveal_phone_numbers": {"is_flag": True, "help": "1 phone credit for each person."},
    "refresh_after": {
        "metavar": "AGE",
        "help": "Buy an enriched lead again when it is older (30d, 12h, 0s).  [default: never]",
    },
    "retry_not_found_after": {
        "metavar": "AGE",
        "help": "Ask again for a miss when it is older.  [default: 30d]",
    },
    "max_credits": {
        "type": float,
        "metavar": "N",
        "help": "Buy no more leads than it pays for at the worst case.",
    },
    "max_credits_per": {
        "type": click.Choice(["run", "day", "month"]),
        "help": "What --max-credits holds for (UTC).  [default: run]",
    },
    "leads_per_request": {"type": int, "metavar": "N", "help": "At most 10000."},
    "max_requests_in_flight": {"type": int, "metavar": "N"},
    "requests_per_minute": {"type": float, "metavar": "N", "help": "[default: 500]"},
    "base_url": {"metavar": "URL", "help": "Of the API."},
    "poll_timeout": {
        "metavar": "AGE",
        "help": "Then the run ends, and the next one goes on; the time that the API needs for "
        "validations comes on top.  [default: 1h]",
    },
    "on_ambiguous": {
        "type": click.Choice(["hold", "resubmit"]),
        "help": "A request of which nobody knows whether it arrived.  [default: hold]",
    },
    "label": {"metavar": "TEXT", "help": "Who or what it is for; `status` groups by it."},
    "schema_contract": {
        "type": click.Choice(["evolve", "freeze", "discard_row", "discard_value"]),
        "help": "What to do with new columns.  [default: evolve]",
    },
}
"""The options of settings, with what click is to know of each."""


_REVEALS = ("reveal_email", "reveal_phone_numbers")


def setting_options(command: _Command, *, reveals: bool = True) -> _Command:
    """Adds the settings that make sense on a command line; the key is never one of them.

    Args:
        reveals: whether there is anything to reveal: of a company there is not.
    """
    for name, attributes in reversed(_SETTINGS.items()):
        if name in _REVEALS and not reveals:
            continue
        words = name.replace("_", "-")
        switch = f"--{words}/--no-{words}" if attributes.get("is_flag") else f"--{words}"
        command = click.option(switch, name, default=None, **attributes)(command)
    return command


_INPUT_SETTINGS: dict[str, dict[str, Any]] = {
    "keep_columns": {
        "multiple": True,
        "metavar": "COLUMN",
        "help": "A column of the input that the table leads gets as well; may be repeated.",
    },
    "encoding": {
        "metavar": "NAME",
        "help": "Of a file of text: cp1252, latin-1 ...  [default: utf-8, or as it is marked]",
    },
    "max_invalid": {
        "type": float,
        "metavar": "SHARE",
        "help": "More rows that cannot be sent, and nothing is.  [default: 0.5]",
    },
}


def input_options(command: _Command) -> _Command:
    """Adds the settings that say how an input is to be read."""
    for name, attributes in reversed(_INPUT_SETTINGS.items()):
        switch = "--keep-column" if name == "keep_columns" else f"--{name.replace('_', '-')}"
        command = click.option(switch, name, default=None, **attributes)(command)
    return click.option(
        "--map",
        "mapped",
        multiple=True,
        metavar="HEADER=COLUMN",
        help='What a column of the input is: --map "Email Address=email"; may be repeated.',
    )(command)


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the settings out of a command's options; None is one that was not given.

    Raises:
        UsageError: a ``--map`` that says nothing.
    """
    names = (*_SETTINGS, *_INPUT_SETTINGS)
    given = {name: options.pop(name) for name in names if name in options}
    if not given.get("keep_columns"):
        given.pop("keep_columns", None)
    mapped: dict[str, str] = {}
    for text in options.pop("mapped", ()):
        header, _, column = text.rpartition("=")
        if not header.strip() or column.strip() in mapped:
            raise UsageError(
                f"--map {text!r}: write the input's column, =, and what it is, each once: "
                '--map "Email Address=email".'
            )
        mapped[column.strip()] = header
    return {**given, "columns": mapped} if mapped else given


def spending_option(command: _Command) -> _Command:
    """Adds ``--yes``."""
    return click.option("--yes", is_flag=True, help="Spend without asking.")(command)


def waiting_option(command: _Command) -> _Command:
    """Adds ``--wait-for-lock``."""
    return click.option(
        "--wait-for-lock",
        metavar="AGE",
        help="So long another run at the same destination is waited for.  [default: not at all]",
    )(command)
