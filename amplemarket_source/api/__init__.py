"""The conversation with the Amplemarket API: paced, retried where safe, typed.

`ApiClient` makes the calls, `EnrichmentApi` knows the endpoints. The way of a call::

    enrichment   endpoint, body, what of the answer is read   (page)
    client       which outcome means what                     (refusals, addresses, key)
    retrying     again? after how long?                       (retry_after)
    pacing       when this process may send
    transport    one exchange over httpx                      (answers, quiet_logs)
"""

from amplemarket_source.api.answers import Answer, UnreadableBodyError
from amplemarket_source.api.client import FAILURE_BUDGET, ApiClient
from amplemarket_source.api.enrichment import AccountInfo, EnrichmentApi, Found
from amplemarket_source.api.pacing import in_turn
from amplemarket_source.api.page import Page
from amplemarket_source.api.retry_after import parse_retry_after
from amplemarket_source.api.stats import CallStats
from amplemarket_source.api.transport import Timeouts

__all__ = [
    "FAILURE_BUDGET",
    "AccountInfo",
    "Answer",
    "ApiClient",
    "CallStats",
    "EnrichmentApi",
    "Found",
    "Page",
    "Timeouts",
    "UnreadableBodyError",
    "in_turn",
    "parse_retry_after",
]
