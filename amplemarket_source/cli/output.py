"""What a command says: its answer, what it says on the way, and how far it is."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from amplemarket_source.cli.asking import ask, somebody_is_there
from amplemarket_source.cli.texts import json_text, shown, write_summary
from amplemarket_source.report import RunReport
from amplemarket_source.streams.report import SyncReport

__all__ = ["Output", "Pause", "progress_line", "sync_line"]

_SECONDS_BETWEEN_LINES = 60.0


Pause = Callable[[], AbstractContextManager[None]]
"""What to wrap around something that has the terminal to itself."""

ProgressLine = Callable[[float], str]
"""How far a run is, after so many seconds."""


@dataclass(frozen=True)
class Output:
    """The answer goes to standard output, everything about it to standard error.

    Whatever text comes through here is shown, never obeyed (`amplemarket_source.cli.texts.shown`).

    Attributes:
        as_json: the answer is one JSON document.
        quiet: nothing is said but errors; a document that was asked for is no talk.
        summary_file: gets the document as well, whatever the form of the answer.
    """

    as_json: bool
    quiet: bool
    summary_file: Path | None = None

    def say(self, text: str) -> None:
        """Something on the way."""
        if not self.quiet:
            # Not by click.echo, which writes past the live line instead of above it.
            print(shown(text), file=sys.stderr, flush=True)

    def answer(self, document: Mapping[str, Any], text: str) -> None:
        """The answer, in the form that was asked for.

        Where all is to be quiet, it is told only if its ``exit_code`` is not 0.
        """
        if self.summary_file is not None:
            write_summary(self.summary_file, document)
        if self.as_json:
            click.echo(json_text(document))
        elif not self.quiet:
            click.echo(shown(text))
        elif document.get("exit_code"):
            click.echo(shown(text), err=True)

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there who sees a question and can answer it."""
        return not (self.as_json or self.quiet) and somebody_is_there()

    def ask(self, question: str, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Ask for a yes; see `amplemarket_source.cli.asking.ask`."""
        return ask(shown(question), stopped)

    @contextmanager
    def working(self) -> Iterator[None]:
        """While it lasts, whatever a library prints goes to standard error.

        Trouble with the API is told at once, and not when the patience is used up.
        """
        handler = _Teller(self)
        logger = logging.getLogger("amplemarket.api")
        logger.addHandler(handler)
        try:
            with redirect_stdout(sys.stderr):
                yield
        finally:
            logger.removeHandler(handler)

    @contextmanager
    def watching(self, line: ProgressLine) -> Iterator[Pause]:
        """`working`, and how far the run is: a live line on a terminal, else a line a minute.

        Args:
            line: says it.

        Yields:
            What to wrap around a question.
        """
        with self.working():
            if self.quiet:
                yield nullcontext
            elif sys.stderr.isatty():
                with _live(line) as pause:
                    yield pause
            else:
                with _plain(line):
                    yield nullcontext


class _Teller(logging.Handler):
    """Says warnings as the lines of the command they are."""

    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.say(record.getMessage())


def progress_line(report: RunReport, elapsed: float) -> str:
    """Requests in flight and done, leads fetched, rows loaded, credits, time, time left.

    Short enough for a terminal of 80 columns.

    Example::

        >>> progress_line(report, 12.0)
        '3 in flight, 1 done · 400/1,200 leads · 2,310 rows · 200.0 credits · 12 s · 24 s left'
    """
    wanted = report.plan.to_buy - report.leads_not_bought
    started = report.requests_bought + report.requests_resumed
    over = len(report.running_requests) + len(report.expired_requests)
    in_flight = max(0, started - report.requests_loaded - over)
    fetched = report.rows_fetched
    spent = sum(report.credits[f"{kind}_credits_estimated"] for kind in ("email", "phone"))
    parts = [
        f"{in_flight:,} in flight, {report.requests_loaded:,} done",
        f"{fetched:,}/{max(wanted, fetched):,} leads",
        f"{sum(report.rows.values()):,} rows",
        f"{spent:,.1f} credits",
        _duration(elapsed),
    ]
    left = _seconds_left(report, fetched, wanted, elapsed)
    if left is not None:
        parts.append(f"{_duration(left)} left")
    return " · ".join(parts)


def sync_line(report: SyncReport, elapsed: float) -> str:
    """The stream that is read, and pages, rows, changed rows and seconds so far.

    Example::

        >>> sync_line(report, 12.0)
        'tasks (12 of 15) · 140 pages · 2,800 rows, 31 changed · 12 s'
    """
    streams = report.streams
    done = sum(one.is_done or one.error is not None for one in streams.values())
    where = f"{report.reading} ({done + 1} of {len(streams)})" if report.reading else "loading"
    pages = sum(one.pages for one in streams.values())
    rows = sum(one.listed for one in streams.values())
    changed = sum(one.changed for one in streams.values())
    return f"{where} · {pages:,} pages · {rows:,} rows, {changed:,} changed · {_duration(elapsed)}"


def _seconds_left(report: RunReport, fetched: int, wanted: int, elapsed: float) -> float | None:
    if not 0 < fetched < wanted:
        return None
    # The rate limit says what is possible at best, the pace so far what is likely.
    share_left = 1 - fetched / wanted
    at_best = share_left * report.plan.least_seconds
    return max(at_best, elapsed * share_left / (1 - share_left))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@contextmanager
def _live(line: ProgressLine) -> Iterator[Pause]:
    started = time.monotonic()

    def render() -> Text:
        return Text(_line_or_nothing(line, started), overflow="ellipsis", no_wrap=True)

    console = Console(stderr=True)
    with Live(console=console, get_renderable=render, transient=True, refresh_per_second=2) as live:

        @contextmanager
        def pause() -> Iterator[None]:
            live.stop()
            try:
                yield
            finally:
                live.start()

        yield pause


@contextmanager
def _plain(line: ProgressLine) -> Iterator[None]:
    started = time.monotonic()
    over = threading.Event()

    def write() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            print(_line_or_nothing(line, started), file=sys.stderr, flush=True)

    thread = threading.Thread(target=write, name="amplemarket-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _line_or_nothing(line: ProgressLine, started: float) -> str:
    try:
        return line(time.monotonic() - started)
    except RuntimeError:
        # A counter grew while it was read; the next line is right again.
        return ""
