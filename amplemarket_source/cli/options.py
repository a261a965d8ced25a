"""The options that commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from amplemarket_source.cli.output import Output
from amplemarket_source.cli.target import DATASET, PIPELINE, Target
from amplemarket_source.cli.texts import DEBUG_HELP

__all__ = ["given_settings", "setting_options", "spending_option", "target_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def target_options(command: _Command) -> _Command:
    """Adds ``--json``, ``--quiet``, ``--debug`` and dlt's names; passes ``output`` and ``target``.

    ``--debug`` is read by `amplemarket_source.cli.main`, where errors are told.
    """

    @click.option("--json", "as_json", is_flag=True, help="JSON on standard output, nothing else.")
    @click.option("--quiet", is_flag=True, help="Say nothing but errors.")
    @click.option("--debug", is_flag=True, expose_value=False, help=DEBUG_HELP)
    @click.option(
        "--destination",
        default="duckdb",
        show_default=True,
        help="dlt's name of it (duckdb, bigquery, snowflake, postgres ...), "
        "or duckdb:///file.duckdb.",
    )
    @click.option("--dataset", default=DATASET, show_default=True)
    @click.option("--pipeline-name", default=PIPELINE, show_default=True)
    @click.option(
        "--pipelines-dir",
        help="dlt's working folder.  "
        "[default: .dlt/.var/pipelines beside a DuckDB file, else dlt's own]",
    )
    @functools.wraps(command)
    def wrapped(
        as_json: bool,
        quiet: bool,
        destination: str,
        dataset: str,
        pipeline_name: str,
        pipelines_dir: str | None,
        **others: Any,
    ) -> Any:
        return command(
            output=Output(as_json=as_json, quiet=quiet),
            target=Target(destination, dataset, pipeline_name, pipelines_dir),
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
        "help": "Then the run ends, and the next one goes on.  [default: 1h]",
    },
    "on_ambiguous": {
        "type": click.Choice(["hold", "resubmit"]),
        "help": "A request of which nobody knows whether it arrived.  [default: hold]",
    },
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


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the settings out of a command's options; None is one that was not given."""
    return {name: options.pop(name) for name in _SETTINGS if name in options}


def spending_option(command: _Command) -> _Command:
    """Adds ``--yes``."""
    return click.option("--yes", is_flag=True, help="Spend without asking.")(command)
