"""Private. The conversation with the Amplemarket API: paced, retried where safe, typed.

`ApiClient` makes the calls, `EnrichmentApi` knows the endpoints. The way of a call::

    enrichment   endpoint, body                               (pages)
    listing      the lists of the workspace                   (pages)
    client       which outcome means what                     (responses, links)
    pacing       when this process may send, and whether again
    transport    one exchange over httpx                      (responses, links)

Each module imports only from those below it.
"""

from amplemarket_source.api.client import FAILURE_BUDGET, ApiClient, CallStats
from amplemarket_source.api.enrichment import AccountInfo, EnrichmentApi, Found
from amplemarket_source.api.links import path_segment
from amplemarket_source.api.listing import ListPage, list_pages
from amplemarket_source.api.pacing import in_turn
from amplemarket_source.api.pages import Page
from amplemarket_source.api.responses import Response, UnreadableBodyError
from amplemarket_source.api.search import DEEPEST_SEARCH, FILTERS, search_pages
from amplemarket_source.api.transport import Timeouts

__all__ = [
    "DEEPEST_SEARCH",
    "FAILURE_BUDGET",
    "FILTERS",
    "AccountInfo",
    "ApiClient",
    "CallStats",
    "EnrichmentApi",
    "Found",
    "ListPage",
    "Page",
    "Response",
    "Timeouts",
    "UnreadableBodyError",
    "in_turn",
    "list_pages",
    "path_segment",
    "search_pages",
]
