"""Is everything there that a run needs? Costs nothing."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import dlt

from amplemarket_source.api import ApiClient
from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.destinations import CHECKED, name_of
from amplemarket_source.errors import (
    AmplemarketError,
    ApiError,
    KeyRefused,
    SettingsError,
    Unavailable,
)
from amplemarket_source.manage.probe import probe
from amplemarket_source.manage.status import read_status
from amplemarket_source.purchase.ledger import Ledger
from amplemarket_source.purchase.records import UNSETTLED
from amplemarket_source.settings import Settings, resolve_settings

__all__ = ["Check", "examine"]

_PACKAGES = ("dlt", "duckdb", "sqlglot", "pyarrow")
_MOST_SKEW_SECONDS = 300.0


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        state: ``ok``, ``warn`` (a run works all the same) or ``fail``.
        text: what was found, or what to do.
        exit_code: of the command, where this is the first failure; 0 unless ``fail``.
    """

    name: str
    state: str
    text: str
    exit_code: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def examine(
    pipeline: Callable[[], dlt.Pipeline],
    options: Mapping[str, Any],
    clock: Clock | None = None,
) -> Iterator[Check]:
    """Check versions, settings, key with API and clock, destination, and open requests.

    Args:
        pipeline: makes the pipeline; may raise `AmplemarketError`.
        options: settings given on the command line.
    """
    clock = clock or SystemClock()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    yield Check("versions", "ok", f"Python {platform.python_version()}, {versions}")
    try:
        settings = resolve_settings(**options)
    except SettingsError as error:
        yield _failed("settings", error)
    else:
        yield Check("settings", "ok", f"API at {settings.base_url}")
        yield from _api(settings, clock)
    try:
        target = pipeline()
        was_there = probe(target)
    except AmplemarketError as error:
        yield _failed("destination", error)
        return
    name = name_of(target)
    yield Check(
        "destination",
        "ok" if name in CHECKED else "warn",
        f"dataset {target.dataset_name} can be {'written and read' if was_there else 'created'}"
        + ("" if name in CHECKED else f"; this package was not checked on {name}"),
    )
    if was_there:
        yield _open_requests(target, clock)
    else:
        yield Check("requests", "ok", "none is open")


def _api(settings: Settings, clock: Clock) -> Iterator[Check]:
    try:
        # Few attempts: whoever asks for a check does not want to wait.
        with ApiClient(
            settings.api_key, settings.base_url, clock=clock, failure_budget=2
        ) as client:
            answer = client.get("/account-info")
    except KeyRefused as error:
        yield _failed("key", error)
        return
    except AmplemarketError as error:
        # Also where the address is wrong: for a person the API is not to be reached.
        code = Unavailable.exit_code if isinstance(error, ApiError) else error.exit_code
        yield Check("api", "fail", str(error), code)
        return
    yield Check("api", "ok", f"answered in {answer.elapsed:.2f} s and takes the key")
    yield _clock(answer.headers.get("date"), clock.now())


def _clock(date: str | None, now: datetime) -> Check:
    try:
        skew = (now - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError):
        return Check("clock", "ok", "the API does not say what time it is")
    if abs(skew) <= _MOST_SKEW_SECONDS:
        return Check("clock", "ok", f"{abs(skew):.0f} s apart from the API's")
    direction = "ahead of" if skew > 0 else "behind"
    return Check(
        "clock",
        "warn",
        f"{abs(skew):,.0f} s {direction} the API's: set this machine's clock, or ages such as "
        "refresh_after are wrong by as much.",
    )


def _open_requests(pipeline: dlt.Pipeline, clock: Clock) -> Check:
    with Ledger(pipeline) as ledger:
        found = read_status(ledger, clock.now())
    waiting = sum(request.record.status in UNSETTLED for request in found.open)
    if waiting:
        return Check(
            "requests", "warn", f"{waiting:,} wait for your decision: see `amplemarket status`."
        )
    if found.open:
        return Check("requests", "ok", f"{len(found.open):,} in flight: `amplemarket resume`")
    return Check("requests", "ok", "none is open")


def _failed(name: str, error: AmplemarketError) -> Check:
    return Check(name, "fail", str(error), error.exit_code)
