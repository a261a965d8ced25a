"""The command ``amplemarket``: its sub-commands, and how errors become exit codes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from amplemarket_source.cli.commands_find import find
from amplemarket_source.cli.commands_people import cancel, forget, release
from amplemarket_source.cli.commands_run import plan, resume, run
from amplemarket_source.cli.commands_service import doctor, sandbox, status
from amplemarket_source.cli.output import print_json
from amplemarket_source.errors import AmplemarketError, DestinationError, SettingsError

__all__ = ["main", "program"]

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


class _Program(click.Group):
    """Turns the package's errors into one line and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # An error before the command knows its options is told in the same form.
        ctx.obj = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted; nothing was sent after that.", err=True)
            ctx.exit(130)
        except AmplemarketError as error:
            ctx.exit(_tell(_clearer(error), as_json=ctx.obj))
        except Exception as error:
            # The text of a foreign error can hold a person's data, so only its kind is shown.
            logger.debug("unexpected error", exc_info=True)
            what = f"Unexpected {type(error).__name__} {_place(error)}."
            ctx.exit(_tell(error, what, as_json=ctx.obj))


def _tell(error: Exception, message: str | None = None, *, as_json: bool) -> int:
    exit_code = error.exit_code if isinstance(error, AmplemarketError) else 1
    text = message or str(error)
    click.echo(f"Error: {text}", err=True)
    if as_json:
        print_json({"error": type(error).__name__, "message": text, "exit_code": exit_code})
    return exit_code


def _clearer(error: AmplemarketError) -> AmplemarketError:
    """A destination without its credentials is a matter of settings, whoever noticed it."""
    cause: BaseException | None = error if isinstance(error, DestinationError) else None
    while cause is not None:
        fields = getattr(cause, "fields", None)
        if type(cause).__name__ == "ConfigFieldMissingException" and fields:
            return SettingsError(
                f"The destination needs settings that were not found: {', '.join(fields)}. "
                "Put them into .dlt/secrets.toml or the environment, as dlt documents for it."
            )
        cause = cause.__cause__ or cause.__context__
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
)
@click.version_option(package_name="dlt-source-amplemarket", prog_name="amplemarket")
def program() -> None:
    """Leads in, typed people and companies tables out; each lead is bought once.

    \b
    Try it, no key needed:    amplemarket run people --sandbox
    What would it cost:       amplemarket plan people leads.csv
    The main job:             amplemarket run people leads.csv
    """


for _command in (run, plan, find, resume, status, cancel, release, forget, doctor, sandbox):
    program.add_command(_command)


def main() -> None:
    """Entry point of the console script."""
    program(prog_name="amplemarket")


if __name__ == "__main__":
    main()
