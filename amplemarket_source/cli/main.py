"""The command ``amplemarket``: its sub-commands, and how errors become exit codes."""

from __future__ import annotations

import logging
import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from amplemarket_source.cli.texts import json_text
from amplemarket_source.environment import BEFORE_IMPORTS, WHILE_RUNNING
from amplemarket_source.errors import (
    AmplemarketError,
    DestinationError,
    ExitCode,
    SettingsError,
    causes,
)

__all__ = ["LazyCommand", "main", "program"]

logger = logging.getLogger("amplemarket.cli")

_EXIT_CODES = """\b
Exit codes
  0  every lead is settled
  1  unexpected error
  2  usage or settings
  3  the API refused the key
  4  stopped by credits (max_credits, or the account)
  5  unfinished (still running, held, or unanswered): run again
  6  the API broke its contract
  7  the destination failed
"""


class LazyCommand(click.Command):
    """A command whose module is imported when it is used; to list it, this is enough.

    Args:
        module: of `amplemarket_source.cli`; has the command under its name.
        help: the first sentence of the command's help.
    """

    def __init__(self, name: str, module: str, help: str) -> None:  # noqa: A002 - click's word
        super().__init__(name, help=help)
        self._module = module

    def load(self) -> click.Command:
        """The command itself."""
        module = import_module(f"amplemarket_source.cli.{self._module}")
        command: click.Command = getattr(module, str(self.name))
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


_COMMANDS = (
    LazyCommand("run", "run", "Plan, buy, wait, load; goes on with what an earlier run left."),
    LazyCommand("plan", "run", "What a run would buy and cost; nothing is sent."),
    LazyCommand("resume", "run", "Finish what is in flight; buy nothing."),
    LazyCommand(
        "find", "find", "Look up one person or company; printed, and loaded into the same tables."
    ),
    LazyCommand(
        "status",
        "upkeep",
        "Requests in flight, held and done, and credits so far; the API is not asked.",
    ),
    LazyCommand("cancel", "upkeep", "Cancel a request at the API and load what was done."),
    LazyCommand("release", "upkeep", "Settle a held or expired request."),
    LazyCommand(
        "forget", "upkeep", "Erase a person from every table and never ask for them again."
    ),
    LazyCommand(
        "doctor",
        "upkeep",
        "Check versions, settings, key, API, clock, destination and open requests; costs nothing.",
    ),
    LazyCommand("sandbox", "sandbox", "Serve the bundled API server on this machine until Ctrl-C."),
)


class _Program(click.Group):
    """Turns the package's errors into one line and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Both are needed before a command knows its options.
        _quiet_libraries(quiet="--quiet" in args)
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted; nothing was sent after that.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except AmplemarketError as error:
            ctx.exit(_tell(_clearer(error), as_json=ctx.obj))
        except Exception as error:
            # The text of a foreign error can hold a person's data, so only its kind is shown.
            logger.debug("unexpected error", exc_info=True)
            what = f"Unexpected {type(error).__name__} {_place(error)}."
            ctx.exit(_tell(error, what, as_json=ctx.obj))


def _quiet_libraries(*, quiet: bool) -> None:
    """Defaults for dlt and Arrow, before they are imported; the user's own go first."""
    level = {"RUNTIME__LOG_LEVEL": "ERROR" if quiet else "WARNING"}
    for name, value in (BEFORE_IMPORTS | WHILE_RUNNING | level).items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.getLogger("amplemarket").addHandler(logging.NullHandler())


def _tell(error: Exception, message: str | None = None, *, as_json: bool) -> int:
    code = error.exit_code if isinstance(error, AmplemarketError) else ExitCode.UNEXPECTED
    text = message or str(error)
    click.echo(f"Error: {text}", err=True)
    if as_json:
        told = {"error": type(error).__name__, "message": text, "exit_code": int(code)}
        click.echo(json_text(told))
    return code


def _clearer(error: AmplemarketError) -> AmplemarketError:
    """A destination without its credentials is a matter of settings, whoever noticed it."""
    for cause in causes(error) if isinstance(error, DestinationError) else ():
        fields = getattr(cause, "fields", None)
        # By its name: nothing here may import dlt.
        if type(cause).__name__ == "ConfigFieldMissingException" and fields:
            return SettingsError(
                f"The destination needs settings that were not found: {', '.join(fields)}. "
                "Put them into .dlt/secrets.toml or the environment, as dlt documents for it."
            )
    return error


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"


@click.group(
    cls=_Program,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    commands=_COMMANDS,
)
@click.version_option(package_name="dlt-source-amplemarket", prog_name="amplemarket")
def program() -> None:
    """Leads in, typed people and companies tables out; each lead is bought once.

    \b
    Try it, no key needed:    amplemarket run people --sandbox
    What would it cost:       amplemarket plan people leads.csv
    The main job:             amplemarket run people leads.csv
    """


def main() -> None:
    """Entry point of the console script."""
    program(prog_name="amplemarket")


if __name__ == "__main__":
    main()
