"""What ``information_schema`` calls the types of the contract, destination by destination."""

from __future__ import annotations

from tests.destinations.warehouses import TestedWarehouse

__all__ = ["types_of"]

_DUCKDB = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "bool": "BOOLEAN",
    "double": "DOUBLE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}

_TYPES: dict[str, dict[str, str]] = {
    "duckdb": _DUCKDB,
    "ducklake": _DUCKDB,
    "postgres": _DUCKDB | {"text": "CHARACTER VARYING", "double": "DOUBLE PRECISION"},
    "snowflake": {
        "text": "TEXT",
        "bigint": "NUMBER",
        "bool": "BOOLEAN",
        "double": "FLOAT",
        # dlt asks for TIMESTAMP_LTZ, and the emulator has one type with a time zone.
        "timestamp": "TIMESTAMP_TZ",
    },
    "bigquery": {
        "text": "STRING",
        "bigint": "INT64",
        "bool": "BOOL",
        "double": "FLOAT64",
        "timestamp": "TIMESTAMP",
    },
}


def types_of(warehouse: TestedWarehouse) -> dict[str, str]:
    """The warehouse's type by the contract's."""
    found = _TYPES[warehouse.name]
    if warehouse.name == "snowflake" and not warehouse.place:
        return found | {"timestamp": "TIMESTAMP_LTZ"}  # a real account
    return found
