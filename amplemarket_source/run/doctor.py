"""Is everything there that a run needs? Tried for real; costs nothing and leaves nothing behind."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import dlt
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.clock import Clock, SystemClock
from amplemarket_source.errors import (
    AmplemarketError,
    ApiError,
    DestinationError,
    KeyRefused,
    SettingsError,
    Unavailable,
)
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import UNSETTLED
from amplemarket_source.run.purchase import client_for
from amplemarket_source.run.status import read_status
from amplemarket_source.settings import Settings, resolve_settings
from amplemarket_source.warehouse.capabilities import CHECKED, name_of, require_guarantees
from amplemarket_source.warehouse.client import Warehouse
from amplemarket_source.warehouse.place import place_of
from amplemarket_source.warehouse.refusals import translated
from amplemarket_source.warehouse.tables import has_ledger

__all__ = ["Check", "examine", "probe"]

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

    def to_dict(self) -> dict[str, Any]:
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
        yield _destination(target)
        yield _open_requests(target, clock)
    except AmplemarketError as error:
        yield _failed("destination", error)


def _destination(pipeline: dlt.Pipeline) -> Check:
    name = name_of(pipeline)
    with translated("open", "the destination", pipeline):
        require_guarantees(pipeline)
        place = place_of(pipeline)
    if place.is_missing:
        return Check("destination", "ok", f"{place.text} is not there yet: a run makes it")
    can = "written and read" if probe(pipeline) else "created"
    return Check(
        "destination",
        "ok" if name in CHECKED else "warn",
        f"{place.text}, dataset {pipeline.dataset_name} can be {can}"
        + ("" if name in CHECKED else f"; this package was not checked on {name}"),
    )


def _api(settings: Settings, clock: Clock) -> Iterator[Check]:
    try:
        # Few attempts: whoever asks for a check does not want to wait.
        with client_for(settings, clock, failure_budget=2) as client:
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
    if not has_ledger(pipeline):
        return Check("requests", "ok", "none is open")
    with Warehouse(pipeline) as warehouse:
        found = read_status(Ledger(warehouse), clock.now())
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


Client = SqlClientBase[Any]


def probe(pipeline: dlt.Pipeline) -> bool:
    """Create, fill, change, read back and drop a table, in the dataset and in its staging dataset.

    A dataset that is not there is created for it, and dropped again.

    Returns:
        Whether the dataset was there.

    Raises:
        SettingsError: a setting or a package is missing.
        Busy: another process has the DuckDB file open.
        DestinationError: says which of the steps failed, and what is missing.
    """
    with translated("open", "the destination", pipeline):
        client: Client = pipeline.sql_client()
        client.open_connection()
    try:
        was_there = _try(client)
        with client.with_staging_dataset():
            _try(client)
    finally:
        client.close_connection()
    return was_there


def _try(client: Client) -> bool:
    dataset = client.dataset_name
    with _step(f"does not say whether dataset {dataset} is there: grant the reading of its schema"):
        was_there = client.has_dataset()
    if not was_there:
        with _step(f"has no dataset {dataset} and lets us create none: create it, or grant that"):
            client.create_dataset()
    try:
        _try_table(client)
    finally:
        if not was_there:
            with _step(f"lets us drop nothing: remove the empty dataset {dataset}, or grant that"):
                _drop(client)
    return was_there


def _drop(client: Client) -> None:
    if hasattr(client, "engine"):
        client.drop_dataset()  # SQLAlchemy's dialects differ too much for a statement of ours
    else:
        # Never with what somebody else may have put there meanwhile.
        client.execute_sql(f"DROP SCHEMA {client.fully_qualified_dataset_name()} RESTRICT")


def _try_table(client: Client) -> None:
    dataset = client.dataset_name
    table = client.make_qualified_table_name(f"amplemarket_probe_{uuid4().hex[:8]}")
    with _step(f"lets us create no table in dataset {dataset}: grant that"):
        client.execute_sql(f"CREATE TABLE {table} (probe INTEGER)")
    try:
        with _step(f"lets us not write into dataset {dataset}: grant INSERT, UPDATE and DELETE"):
            client.execute_sql(f"INSERT INTO {table} (probe) VALUES (1), (2)")
            client.execute_sql(f"UPDATE {table} SET probe = 3 WHERE probe = 1")
            client.execute_sql(f"DELETE FROM {table} WHERE probe = 2")
        with _step(f"does not give back what was written into dataset {dataset}: grant SELECT"):
            found = [tuple(row) for row in client.execute_sql(f"SELECT probe FROM {table}") or ()]
            if found != [(3,)]:
                raise ValueError("other rows than were written")
    finally:
        with _step(f"lets us drop no table in dataset {dataset}: grant that"):
            client.execute_sql(f"DROP TABLE {table}")


@contextmanager
def _step(lacks: str) -> Iterator[None]:
    """What the destination refuses is said as what is missing, without its own words."""
    try:
        yield
    except Exception:
        raise DestinationError(f"The destination {lacks}.") from None
