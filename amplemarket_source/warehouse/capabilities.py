"""Which destinations can hold the guarantees, by what dlt says they can do.

The record of purchases lives at the destination (INSERT, UPDATE), each table merges by deleting and
inserting, and erasure is a DELETE. A destination without these is refused before anything is
bought; one that has them is taken, whether it was tried or not (api-notes: dlt-merge-strategies).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import dlt
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset

from amplemarket_source.errors import SettingsError
from amplemarket_source.schema.registry import MOST_COLUMNS, Limits
from amplemarket_source.warehouse.place import place_of

__all__ = ["CHECKED", "disable_adbc", "limits_of", "name_of", "require_guarantees"]

CHECKED = ("duckdb", "bigquery", "snowflake", "postgres", "ducklake")
"""Destinations that the conformance suite runs on (``tests/destinations``)."""

_NARROW = {"postgres": 300, "mssql": 300}
"""Most columns where a row is in a block of 8 kB, in which a text may take 24 bytes however it is
stored (api-notes: column-limits)."""
_STRATEGY = "delete-insert"
_INSTEAD = "Take one with SQL tables; ducklake keeps Parquet files on a disk or in a bucket"


def name_of(pipeline: dlt.Pipeline) -> str:
    """What dlt calls the kind of the pipeline's destination, such as ``bigquery``."""
    return _of(pipeline).destination_type.rpartition(".")[2]


def require_guarantees(pipeline: dlt.Pipeline) -> None:
    """Refuse a destination on which a guarantee would not hold.

    Example::

        require_guarantees(dlt.pipeline("p", destination="filesystem"))  # SettingsError

    Raises:
        SettingsError: says why, and what to take instead; also where a DuckDB file is none, or
            cannot be made.
    """
    destination, name = _of(pipeline), name_of(pipeline)
    if _STRATEGY not in _merge_strategies(destination):
        raise SettingsError(
            f"Destination {name!r} only adds files or rows: an answer cannot be replaced and a "
            f"person cannot be erased. {_INSTEAD}."
        )
    if not issubclass(destination.client_class, SqlJobClientWithStagingDataset):
        raise SettingsError(
            f"Destination {name!r} takes no SQL statements, which the record of purchases needs. "
            f"{_INSTEAD}."
        )
    if name == "ducklake" and _catalog(pipeline) == "duckdb":  # (api-notes: ducklake-catalog)
        raise SettingsError(
            "A DuckLake whose catalog is a DuckDB file takes one connection at a time, and a run "
            "needs two. Take a SQLite catalog, which is dlt's default, or PostgreSQL."
        )
    _require_usable_folders(pipeline)
    if name == "postgres":
        disable_adbc()


def disable_adbc() -> None:
    """Let dlt write INSERT statements for PostgreSQL from now on.

    Its Arrow job fails on a table without rows: "Must pass schema, or at least one RecordBatch"
    (api-notes: dlt-postgres-arrow). To be called before a run, which may begin with a package that
    an earlier one left.
    """
    if find_spec("adbc_driver_manager"):
        dlt.config["disable_adbc_detection"] = True


def limits_of(pipeline: dlt.Pipeline) -> Limits:
    """What one table of the pipeline's destination can hold."""
    capabilities = _of(pipeline).capabilities()
    return Limits(
        columns=_NARROW.get(name_of(pipeline), MOST_COLUMNS),
        text_bytes=capabilities.max_text_data_type_length,
    )


def _require_usable_folders(pipeline: dlt.Pipeline) -> None:
    place = place_of(pipeline)
    place.refuse_unusable()
    database = place.file.name.lstrip(".").partition(".")[0] if place.file else ""
    if database.lower() == (pipeline.dataset_name or "").lower():
        # It would take the name for the catalogue's and find no table
        # (api-notes: duckdb-name-clash).
        raise SettingsError(
            f"DuckDB cannot tell the dataset {pipeline.dataset_name} from the database in "
            f"{place.file}, which it calls by the same name. Give another --dataset or file."
        )
    for character, library in (("%", "dlt"), ("?", "DuckDB")):
        if character in pipeline.pipelines_dir:  # (api-notes: dlt-file-names, duckdb-any-file)
            raise SettingsError(
                f"{library} cannot work below a folder with a {character} in its name, and the "
                f"pipeline works in {pipeline.pipelines_dir}: give another pipelines_dir "
                "(--pipelines-dir)."
            )


def _of(pipeline: dlt.Pipeline) -> Destination[Any, Any]:
    if pipeline.destination is None:
        raise SettingsError("The pipeline has no destination: dlt.pipeline(..., destination=...).")
    return pipeline.destination


def _merge_strategies(destination: Destination[Any, Any]) -> list[str]:
    """As dlt itself resolves them, for tables without a table format."""
    capabilities = destination.capabilities()
    strategies: list[Any] = list(capabilities.supported_merge_strategies or ())
    choose = capabilities.merge_strategies_selector
    return list(choose(strategies, table_schema={"name": "people"}) if choose else strategies)


def _catalog(pipeline: dlt.Pipeline) -> str | None:
    """The kind of database that holds a DuckLake's catalog."""
    try:
        configuration: Any = pipeline.destination_client().config
    except DestinationException:
        return None  # opening it says what is wrong
    catalog = configuration.credentials.catalog
    return str(catalog.drivername) if catalog else None
