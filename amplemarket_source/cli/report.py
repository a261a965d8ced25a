"""``report``: one page on what was bought, found, held and spent."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from amplemarket_source.cli.options import target_options
from amplemarket_source.cli.output import Output
from amplemarket_source.cli.target import Target
from amplemarket_source.cli.texts import counted
from amplemarket_source.errors import UsageError
from amplemarket_source.report_page import Figures, render
from amplemarket_source.report_page import figures as read_figures

__all__ = ["report"]

FILE = "amplemarket-report.html"
_STANDARD_OUTPUT = "-"


@click.command()
@click.option(
    "--out",
    metavar="FILE",
    help=f"Where the page goes; - is standard output.  [default: {FILE}; none with --json]",
)
@click.option("--open", "show", is_flag=True, help="Show the page in the browser.")
@target_options
def report(out: str | None, show: bool, output: Output, target: Target) -> None:
    """One page on what was bought, found, held and spent; the API is not asked.

    The page is one HTML file without a script and without a person: it can be mailed, printed and
    kept. --json prints the figures instead.
    """
    to_output = out == _STANDARD_OUTPUT
    if to_output and (show or output.as_json):
        raise UsageError("--out - has standard output to itself: leave --open and --json out.")
    wants_page = not output.as_json or out is not None or show
    file = Path(out or FILE).absolute() if wants_page and not to_output else None
    if file is not None:
        _refuse_unwritable(file)
    with output.working(), target.looking() as pipeline:
        found = read_figures(pipeline)
        page = render(found, arguments=target.arguments()) if wants_page else ""
    if to_output:
        sys.stdout.write(page)
        return
    if file is not None:
        _write(file, page)
        if show:
            webbrowser.open(file.as_uri())
    document = {
        **found.to_dict(),
        **target.describe(),
        "file": str(file) if file else None,
        "exit_code": 0,
    }
    output.answer(document, _told(found, target, file, len(page.encode())))


def _refuse_unwritable(file: Path) -> None:
    """Before the warehouse is asked.

    Raises:
        UsageError: the page cannot be written there.
    """
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        why = "it is a folder" if file.is_dir() else f"no folder {file.parent} can be written to"
        raise UsageError(f"The page cannot be in {file}: {why}. Name another --out.")


def _write(file: Path, page: str) -> None:
    """Whole or not at all: an older page stays until the new one is there."""
    half = file.with_name(f".{file.name}.part")
    try:
        half.write_text(page, encoding="utf-8")
        half.replace(file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _told(found: Figures, target: Target, file: Path | None, size: int) -> str:
    lines = [f"Page: {file} ({size / 1024:,.0f} KB)"]
    if not found.exists:
        lines.append("Nothing was bought yet.")
    if found.needs_a_person:
        requests = counted(len(found.needs_a_person), "request")
        lines.append(f"A decision is needed about {requests}: see the top of the page.")
    return "\n".join([*lines, f"From {target.where()}."])
