"""Keeps the HTTP libraries from logging what this package promises not to log.

httpx writes the whole URL at INFO, and the query of ``/people/find`` holds an e-mail address;
httpcore writes response headers at DEBUG, and ``Location`` may repeat that query. The filters act
only inside `quiet_http_logs`, so another user of httpx in the same process keeps its log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["quiet_http_logs"]

# A filter on a parent logger does not see its children's records, so each is named.
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)
_inside: ContextVar[bool] = ContextVar("amplemarket_http_call", default=False)


def _outside_our_calls(_: logging.LogRecord) -> bool:
    return not _inside.get()


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_outside_our_calls)


@contextmanager
def quiet_http_logs() -> Iterator[None]:
    """Within the block, in this thread, httpx and httpcore log nothing."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
