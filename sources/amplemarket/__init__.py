"""Buys enrichment of leads from Amplemarket, each lead once: typed people and companies tables"""

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.sources import SourceReference

from amplemarket_source import amplemarket

__all__ = ["amplemarket"]


@configspec
class AskedFor(BaseConfiguration):
    """What `dlt init` makes a place for in secrets.toml; the source reads it itself."""

    api_key: TSecretStrValue = None


SourceReference.register(
    SourceReference("amplemarket.amplemarket", AskedFor, amplemarket, "amplemarket", "amplemarket")
)
