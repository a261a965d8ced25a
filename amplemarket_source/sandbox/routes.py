"""Every endpoint of the server, in the order in which a path is looked for."""

from __future__ import annotations

from amplemarket_source.sandbox.enrichment_endpoints import ENRICHMENT_ENDPOINTS
from amplemarket_source.sandbox.search import SEARCH_ENDPOINTS
from amplemarket_source.sandbox.workspace_endpoints import WORKSPACE_ENDPOINTS

__all__ = ["ENDPOINTS"]

ENDPOINTS = (*ENRICHMENT_ENDPOINTS, *SEARCH_ENDPOINTS, *WORKSPACE_ENDPOINTS)
