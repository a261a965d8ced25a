"""The command ``amplemarket``: its sub-commands, and how errors become exit codes."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import click

from amplemarket_source.cli.texts import json_text, shown, write_summary
from amplemarket_source.environment import BEFORE_IMPORTS, WHILE_RUNNING
from amplemarket_source.errors import (
    DISK_FULL,
    AmplemarketError,
    DestinationError,
    ExitCode,
    is_disk_full,
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
  130  interrupted
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
    LazyCommand(
        "validate",
        "run",
        "Validate e-mail addresses; each is bought once, for one e-mail credit.",
    ),
    LazyCommand("plan", "run", "What a run would buy and cost; nothing is sent."),
    LazyCommand("resume", "run", "Finish what is in flight; buy nothing."),
    LazyCommand(
        "find", "find", "Look up one person or company; printed, and loaded into the same tables."
    ),
    LazyCommand("search", "search", "Search people or companies; writes a list of leads."),
    LazyCommand(
        "sync",
        "sync",
        "Keep users, tasks, calls, lead lists and the like as tables; costs nothing.",
    ),
    LazyCommand(
        "status",
        "upkeep",
        "Requests in flight, held and done, and credits so far; the API is not asked.",
    ),
    LazyCommand(
        "report",
        "report",
        "One page on what was bought, found, held and spent; the API is not asked.",
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


@dataclass(frozen=True)
class _Teller:
    """Turns errors into a sentence, or a document, and an exit code.

    Attributes:
        as_json: the error is a document on standard output as well.
        debug: a traceback goes before the sentence.
        summary_file: gets the document as well.
    """

    as_json: bool
    debug: bool
    summary_file: Path | None

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Whatever the block raises is told, and ends the command.

        Raises:
            click.exceptions.Exit: with the exit code.
        """
        try:
            yield
        except (click.exceptions.Exit, BrokenPipeError):
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted; nothing was sent after that.", err=True)
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        except click.ClickException as error:
            raise click.exceptions.Exit(self._tell_usage(error)) from None
        except Exception as error:
            # Click turns its own kind of exit into the process's.
            raise click.exceptions.Exit(self._tell(error)) from None

    def _tell_usage(self, error: click.ClickException) -> int:
        told = StringIO()
        error.show(told)
        click.echo(shown(told.getvalue().rstrip("\n")), err=True)
        self._document("UsageError", error.format_message(), ExitCode.USAGE)
        return ExitCode.USAGE

    def _tell(self, error: Exception) -> int:
        if self.debug:
            click.echo(shown("".join(traceback.format_exception(error)).rstrip("\n")), err=True)
        logger.debug("the command failed", exc_info=error)
        if is_disk_full(error) and not isinstance(error, DestinationError):
            name, code, message = "DiskFull", ExitCode.DESTINATION, _DISK_FULL
            _give_up_full_output()
        elif isinstance(error, AmplemarketError):
            name, code, message = type(error).__name__, ExitCode(error.exit_code), str(error)
        else:
            # The text of a foreign error can hold a person's data.
            name, code, message = "Unexpected", ExitCode.UNEXPECTED, _UNEXPECTED
        hint = code in (ExitCode.UNEXPECTED, ExitCode.DESTINATION)
        click.echo(f"Error: {shown(message)}{_HINT if hint and not self.debug else ''}", err=True)
        self._document(name, message, code)
        return code

    def _document(self, name: str, message: str, code: ExitCode) -> None:
        document = {"error": name, "message": message, "exit_code": int(code)}
        if self.as_json:
            click.echo(json_text(document))
        if self.summary_file is not None:
            write_summary(self.summary_file, document)


def _give_up_full_output() -> None:
    """Where standard output is full, Python would try again at its end, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_DISK_FULL = f"T{DISK_FULL[1:]}. What was bought is recorded, and is gone on with."
_UNEXPECTED = (
    "Unexpected error, a mistake of this program. Nothing is lost: what was bought is recorded, "
    "and the same command again goes on with it."
)
_HINT = " (--debug shows what happened.)"


class _Program(click.Group):
    """Tells errors its own way, those of click included."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        # All are needed before a command knows its options.
        teller = _Teller("--json" in args, "--debug" in args, _summary_file(args))
        _quiet_libraries(debug=teller.debug)
        with teller.telling():
            return super().make_context(info_name, args, parent, obj=teller, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with ctx.obj.telling():
            return super().invoke(ctx)


def _summary_file(args: list[str]) -> Path | None:
    """Where ``args`` want the document of an error to be."""
    for place, word in enumerate(args):
        name, _, value = word.partition("=")
        if name == "--summary-file":
            value = value or next(iter(args[place + 1 :]), "")
            return Path(value) if value else None
    return None


def _quiet_libraries(*, debug: bool) -> None:
    """Defaults for dlt and Arrow, before they are imported; the user's own go first.

    dlt's log is for whoever writes pipelines: what goes wrong the command says itself.
    """
    level = {"RUNTIME__LOG_LEVEL": "WARNING" if debug else "CRITICAL"}
    for name, value in (BEFORE_IMPORTS | WHILE_RUNNING | level).items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    logging.getLogger("amplemarket").addHandler(logging.NullHandler())


@click.group(
    cls=_Program,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    commands=_COMMANDS,
)
@click.version_option(package_name="dlt-source-amplemarket", message="amplemarket %(version)s")
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
