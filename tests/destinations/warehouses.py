"""The destinations under test: how each is opened, and what it was checked against.

A warehouse is described by two strings, so that a process of its own can open it as well.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb

from amplemarket_source import destination
from tests.destinations.environments import ENVIRONMENTS
from tests.destinations.servers import (
    PROJECT,
    bigquery_server,
    postgres_server,
    postgres_version,
    snowflake_server,
)

__all__ = [
    "ALL_WAREHOUSES",
    "OF_DLT",
    "REAL",
    "WAREHOUSES",
    "TestedWarehouse",
    "opened",
    "version_of",
]

OF_DLT = "postgres of dlt"
"""In place of ``postgres``, what a user has who names it to dlt: merges pass through staging."""
REAL = "AMPLEMARKET_REAL_{}"
"""Set for a warehouse, its real account is used, with credentials from dlt's own settings."""

WAREHOUSES = ("duckdb", "snowflake", "bigquery")


@dataclass(frozen=True)
class TestedWarehouse:
    """One destination.

    Attributes:
        name: dlt's name of it.
        place: where it is: a URL, or empty for what dlt's own settings say, or a folder's.
    """

    name: str
    place: str

    def destination(self, folder: Path) -> Any:
        """The dlt destination; ``folder`` is for those that keep their files on this disk."""
        return _DESTINATIONS[self.name](self.place, folder)


def _duckdb(_: str, folder: Path) -> Any:
    return destination.duckdb(str(folder / "warehouse.duckdb"))


_connect = duckdb.connect


def _trusting(database: str = ":memory:", *, config: Any = None, **how: Any) -> Any:
    """`duckdb.connect`, which takes the extensions without reading 70 MB to check their signatures.

    dlt opens a connection for each job of a DuckLake, which is a minute of the suite's time.
    """
    trust = {"allow_unsigned_extensions": True, "threads": 1} if database == ":memory:" else {}
    return _connect(database, config={**(config or {}), **trust}, **how)


def _ducklake(_: str, folder: Path) -> Any:
    from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

    catalog, files = f"sqlite:///{folder / 'lake.sqlite'}", str(folder / "lake")
    duckdb.connect = _trusting  # type: ignore[assignment]
    return dlt.destinations.ducklake(DuckLakeCredentials("lake", catalog=catalog, storage=files))


def _postgres(place: str, _: Path) -> Any:
    return destination.postgres(place)


def _postgres_of_dlt(place: str, _: Path) -> Any:
    return dlt.destinations.postgres(place)


def _snowflake(place: str, _: Path) -> Any:
    return destination.snowflake(place) if place else destination.snowflake()


def _bigquery(place: str, _: Path) -> Any:
    if not place:
        return destination.bigquery()
    from google.oauth2.credentials import Credentials

    os.environ["BIGQUERY_EMULATOR_HOST"] = place  # read by Google's own client
    # A token without an end is never refreshed, so nothing leaves this machine.
    return destination.bigquery(
        Credentials(token="emulator"),  # type: ignore[no-untyped-call,arg-type]
        project_id=PROJECT,
        location="US",
        retry_deadline=5.0,
    )


_DESTINATIONS: dict[str, Callable[[str, Path], Any]] = {
    "duckdb": _duckdb,
    "ducklake": _ducklake,
    "postgres": _postgres,
    OF_DLT: _postgres_of_dlt,
    "snowflake": _snowflake,
    "bigquery": _bigquery,
}


@contextmanager
def _in_a_folder(*extensions: str) -> Iterator[str]:
    for name in extensions:
        _install_extension(name)
    yield ""


_SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "duckdb": _in_a_folder,
    "ducklake": lambda: _in_a_folder("ducklake", "sqlite_scanner"),
    "postgres": postgres_server,
    "snowflake": snowflake_server,
    "bigquery": bigquery_server,
}

ALL_WAREHOUSES = tuple(_SERVERS)


@contextmanager
def opened(name: str) -> Iterator[TestedWarehouse]:
    """A destination, for as long as the block lasts.

    Raises:
        Missing: it cannot be had on this machine.
    """
    if REAL.format(name.upper()) in os.environ:
        yield TestedWarehouse(name, "")
        return
    try:
        with _SERVERS[name]() as place:
            yield TestedWarehouse(name, place)
    finally:
        duckdb.connect = _connect


def version_of(name: str) -> str:
    """What answers when tests open a destination by that name."""
    if REAL.format(name.upper()) in os.environ:
        return "a real account"
    if name in ENVIRONMENTS:
        return f"emulator {ENVIRONMENTS[name].version}"
    if name == "postgres":
        return postgres_version()
    return f"DuckDB {duckdb.__version__}"


def _install_extension(name: str) -> None:
    """From its package, since DuckDB's own server cannot be reached everywhere."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert package is not None, f"duckdb-extension-{name} is in the extra 'dev'"
    assert package.origin is not None
    (file,) = Path(package.origin).parent.rglob("*.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"INSTALL '{file}'")
