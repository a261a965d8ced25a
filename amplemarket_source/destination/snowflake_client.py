"""Snowflake takes a small file in the statements that merge it."""

from __future__ import annotations

from dlt.destinations.impl.snowflake.snowflake import SnowflakeClient

from amplemarket_source.destination.inline import MergesSmallFiles

__all__ = ["InliningSnowflakeClient"]


class InliningSnowflakeClient(MergesSmallFiles, SnowflakeClient):
    """dlt's, which merges small files of our tables at once."""
