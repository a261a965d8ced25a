"""What a sync did, stream by stream."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from amplemarket_source.api import CallStats
from amplemarket_source.errors import (
    AmplemarketError,
    ExitCode,
    KeyRefused,
    SchemaFrozen,
    Unfinished,
)

__all__ = ["StreamReport", "SyncReport"]


@dataclass
class StreamReport:
    """What a sync did with one stream.

    Attributes:
        pages: that the API was asked for and gave.
        listed: rows on them.
        changed: rows of its table that were loaded: new, changed, or back.
        deleted: rows that were marked because a whole listing had them no more.
        gone: users, lists or contacts that were not there any more when they were asked for.
        error: why it was not read to its end; what was read of it by then is loaded.
    """

    pages: int = 0
    listed: int = 0
    changed: int = 0
    deleted: int = 0
    gone: int = 0
    seconds: float = 0.0
    is_done: bool = False
    error: AmplemarketError | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        error = self.error
        return {
            "status": "failed" if error else ("done" if self.is_done else "not_reached"),
            "pages": self.pages,
            "listed": self.listed,
            "changed": self.changed,
            "deleted": self.deleted,
            "gone": self.gone,
            "seconds": round(self.seconds, 3),
            "error": None
            if error is None
            else {"error": type(error).__name__, "message": str(error)},
        }


@dataclass
class SyncReport:
    """Counts what a sync does; read it at any time, from any thread.

    Attributes:
        streams: by name, in the order in which they are read.
        rows: rows that went into each table.
        rejects: what could not be taken as it was, by reason.
        new_fields: columns that this sync met for the first time, with their type.
        seconds: of the ``total``, ``read`` and ``load``.
        errors: what ended the sync beside single streams.

    Example::

        report = sync(pipeline, ["users", "tasks"])
        report.raise_unless_done()
        report.streams["tasks"].changed
    """

    streams: dict[str, StreamReport] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    new_fields: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[AmplemarketError] = field(default_factory=list)
    reading: str = ""
    calls: CallStats | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the seconds of the block to a stage."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - started

    def loading(self, rows: Mapping[str, int], rejects: Mapping[str, int]) -> None:
        """Rows go into tables."""
        with self._lock:
            self.rows.update(rows)
            self.rejects.update(rejects)

    @property
    def failed(self) -> dict[str, AmplemarketError]:
        """The streams that were not read to their end, and why."""
        return {name: one.error for name, one in self.streams.items() if one.error is not None}

    @property
    def exit_code(self) -> int:
        """0 if every stream is in step; else the most telling reason."""
        failed = self.failed.values()
        if any(isinstance(error, SchemaFrozen) for error in self.errors):
            return ExitCode.API
        if failed and all(isinstance(error, KeyRefused) for error in failed):
            return ExitCode.KEY_REFUSED
        unfinished = failed or self.errors or not all(s.is_done for s in self.streams.values())
        return ExitCode.UNFINISHED if unfinished else ExitCode.SETTLED

    def raise_unless_done(self) -> None:
        """Return if every stream is in step.

        Raises:
            Unfinished: with the exit code; names the streams that are not, and the first reason.
        """
        if self.exit_code == ExitCode.SETTLED:
            return
        raise Unfinished(self.headline, exit_code=self.exit_code)

    @property
    def headline(self) -> str:
        """What is to be said first."""
        failed = self.failed
        left = [name for name, one in self.streams.items() if not (one.is_done or one.error)]
        reasons = [*self.errors, *failed.values()]
        if not (failed or left or reasons):
            return "Done: every stream is in step."
        parts = [
            f"{what}: {', '.join(names)}"
            for what, names in (("not read to the end", list(failed)), ("not reached", left))
            if names
        ]
        text = f"Not every stream is in step ({'; '.join(parts) or 'see below'})."
        if reasons:
            text += f" {reasons[0]}"
        return f"{text} The others are loaded; run again to go on."

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket sync --json`` prints it."""
        calls = self.calls
        return {
            "streams": {name: one.to_dict() for name, one in self.streams.items()},
            "rows": dict(self.rows),
            "rejects": dict(self.rejects),
            "new_fields": self.new_fields,
            "api": {
                "calls": dict(calls.calls) if calls else {},
                "retries": calls.retries if calls else 0,
                "throttled": calls.throttled if calls else 0,
                "pacing_seconds": round(calls.pacing_seconds, 3) if calls else 0.0,
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "errors": [
                {"error": type(error).__name__, "message": str(error)} for error in self.errors
            ],
            "exit_code": int(self.exit_code),
        }
