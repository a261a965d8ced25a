"""Where a pipeline's tables are, in words for a person, and whether they can be there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt

from amplemarket_source.warehouse.capabilities import name_of

__all__ = ["database_file", "described"]


def database_file(pipeline: dlt.Pipeline) -> Path | None:
    """The DuckDB file of a pipeline; None for any other destination, and for one in memory."""
    if name_of(pipeline) != "duckdb":
        return None
    client: Any = pipeline.destination_client()
    path = str(client.config.credentials.database)
    return None if path.startswith((":", "md:")) else Path(path).absolute()


def described(pipeline: dlt.Pipeline) -> str:
    """The database and the dataset, as a message names them.

    Example::

        described(pipeline)    # "duckdb:////data/amplemarket.duckdb, dataset amplemarket_data"
    """
    file = database_file(pipeline)
    database = name_of(pipeline) if file is None else f"duckdb:///{file}"
    return f"{database}, dataset {pipeline.dataset_name}"
