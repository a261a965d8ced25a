"""Waiting for a request the API has taken, and reading its pages onto the disk.

Everything here can be done again: polls and pages are free. A request is left ``submitted`` by
whatever goes wrong, and the next run goes on with it; only a 404 or 410 ends it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from amplemarket_source.api import EnrichmentApi, Page, in_turn
from amplemarket_source.clock import StoppableClock
from amplemarket_source.errors import DestinationError, NotFound
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import RequestRecord
from amplemarket_source.pages import CompletedRequest, Spool, SpooledRequest, Summary

__all__ = ["Collector", "Expired", "StillRunning"]

_DEFAULT_POLL_SECONDS = 5.0  # where Retry-After is missing (api-notes: poll-interval)


class StillRunning(Exception):
    """The API had not finished the request when ``poll_timeout`` was over."""


class Expired(Exception):
    """The API does not know the request any more (404 or 410): its answers are lost
    (api-notes: retention)."""


@dataclass(frozen=True)
class Collector:
    """Polls and reads requests.

    Attributes:
        poll_seconds: how long one request may be waited for in this run.
        on_rows: called with the number of rows of each page that reached the disk.
    """

    api: EnrichmentApi
    ledger: Ledger
    spool: Spool
    clock: StoppableClock
    poll_seconds: float
    on_rows: Callable[[int], None]
    _turns: Iterator[int] = field(default_factory=partial(itertools.count, 1), repr=False)

    def collect(self, record: RequestRecord) -> CompletedRequest:
        """Everything the API answers to one request.

        Raises:
            StillRunning, Interrupted: the next run goes on with the request.
            Expired: the request is recorded as ``expired``; its leads are not bought again until
                a person releases it.
            ApiError, DestinationError: the request stays open.
        """
        pages = self.spool.request(record.request_key)
        try:
            return self._read(record, pages, self._wait(record))
        except NotFound as error:
            self.ledger.update(
                record.request_key,
                status="expired",
                request_id=record.request_id,
                error_code=error.problems[0].code if error.problems else "not_found",
                error_detail=error.what,
            )
            raise Expired(str(error)) from error

    def _wait(self, record: RequestRecord) -> Page:
        deadline = self.clock.monotonic() + self.poll_seconds
        status: str = record.status
        while True:
            page = self.api.read(record.kind, record.request_id or "")
            if page.terminal:
                return page
            if page.status != status:
                status = page.status
                # News for who reads the table meanwhile; the load writes the row anyway. With the
                # id, in case the ledger could not be told it when the request was bought.
                with contextlib.suppress(DestinationError):
                    self.ledger.update(
                        record.request_key, status=status, request_id=record.request_id
                    )
            now = self.clock.monotonic()
            if now >= deadline:
                raise StillRunning
            told = _DEFAULT_POLL_SECONDS if page.retry_after is None else page.retry_after
            self.clock.check()
            self.clock.sleep(min(told, deadline - now))

    def _read(self, record: RequestRecord, pages: SpooledRequest, first: Page) -> CompletedRequest:
        count = size = 0
        with _disk():
            pages.start()
        with in_turn(next(self._turns)):
            for page in self.api.pages(first, expected_rows=record.lead_count):
                self.clock.check()
                count += 1
                size += len(page.body)
                with _disk():
                    pages.add(count, page.body)
                self.on_rows(page.row_count)
        problem = first.problems[0] if first.problems else None
        summary = Summary(
            status=first.status,
            fetched_at=self.clock.now(),
            page_count=count,
            byte_count=size,
            error_code=problem.code if problem else None,
            error_detail=(problem.detail or problem.title) if problem else None,
        )
        with _disk():
            pages.complete(summary)
        return CompletedRequest(record, pages, summary)


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DestinationError(
            f"The answers cannot be kept on this disk ({error.strerror}). They stay at the API: "
            "make room and run again; nothing is bought again."
        ) from error
