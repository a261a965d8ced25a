"""Can the destination be used? Tried for real, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.destinations.sql_client import SqlClientBase

from amplemarket_source.destinations import name_of, require_guarantees
from amplemarket_source.errors import Busy, DestinationError
from amplemarket_source.purchase.warehouse import translated

__all__ = ["probe"]

Client = SqlClientBase[Any]


def probe(pipeline: dlt.Pipeline) -> bool:
    """Create, fill, change, read back and drop a table, in the dataset and in its staging dataset.

    A dataset that is not there is created for it, and dropped again.

    Returns:
        Whether the dataset was there.

    Raises:
        SettingsError: the destination cannot hold the guarantees.
        Busy: another process has the DuckDB file open.
        DestinationError: says which of the steps failed, and what is missing.
    """
    name = name_of(pipeline)
    require_guarantees(pipeline)
    with _step(
        f"cannot be opened. Check [destination.{name}.credentials] in .dlt/secrets.toml, or the "
        f"environment (DESTINATION__{name.upper()}__CREDENTIALS...)"
    ):
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
        with translated("probe", "the dataset"):
            yield
    except Busy:
        raise
    except (DestinationError, ConfigurationException) as error:
        raise DestinationError(
            f"The destination {lacks} ({type(error.__cause__ or error).__name__})."
        ) from error
