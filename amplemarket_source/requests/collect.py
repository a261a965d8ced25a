"""Waiting for a request the API has taken, and reading its pages onto the disk.

Everything here can be done again: polls and pages are free. What the API says is believed when it
says it consistently, because a lead that seems to have no answer would be paid for again:

========================================  ======================================================
the API                                   is taken at its word
========================================  ======================================================
says on a page that the request runs      never, once it said that it had ended: that page is
(again), or has ended otherwise           asked for again until it agrees with the first
has fewer rows than leads were asked for  when it has no more after a pause; a reading with more
                                          rows counts, one with fewer is an error
sends a page twice                        as a page with no rows
does not know the request (404, 410)      when it said so three times, ten minutes after the
                                          request was bought at the earliest: a server that lags
                                          behind does not know it yet
========================================  ======================================================

A request is left ``submitted`` by whatever else goes wrong, and the next run goes on with it.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from amplemarket_source.api import EnrichmentApi, Page, in_turn
from amplemarket_source.clock import StoppableClock
from amplemarket_source.errors import (
    AmplemarketError,
    DestinationError,
    NotFound,
    UnexpectedResponse,
)
from amplemarket_source.ledger import Ledger
from amplemarket_source.model import RequestRecord
from amplemarket_source.pages import CompletedRequest, Spool, SpooledRequest, Summary

__all__ = ["Collector", "Expired", "StillRunning"]

logger = logging.getLogger("amplemarket")

_MOST_LOOKS = 4
_PAUSE_BETWEEN_LOOKS = 2.0
_MOST_CONTRADICTIONS = 5
_UNKNOWN_TIMES = 3
_PAUSE_WHILE_UNKNOWN = 10.0
_YOUNG = timedelta(minutes=10)


class StillRunning(Exception):
    """The API had not finished the request when ``poll_timeout`` was over."""


class Expired(Exception):
    """The API does not know the request any more (404 or 410): its answers are lost
    (api-notes: retention)."""


@dataclass(frozen=True)
class _Reading:
    """All pages of a request, read once.

    Attributes:
        row_count: without the rows of pages that came twice.
    """

    first: Page
    pages: SpooledRequest
    page_count: int
    byte_count: int
    row_count: int


@dataclass(frozen=True)
class Collector:
    """Polls and reads requests.

    Attributes:
        poll_seconds: how long one request may be waited for in this run.
        on_rows: called with the number of rows of each page that reached the disk.
        work_seconds: by kind, how long the API needs at least for all that this run waits for. So
            much longer is waited, unless nothing is to be waited for at all.
    """

    api: EnrichmentApi
    ledger: Ledger
    spool: Spool
    clock: StoppableClock
    poll_seconds: float
    on_rows: Callable[[int], None]
    work_seconds: Mapping[str, float] = field(default_factory=dict)
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
        deadline = self.clock.monotonic() + self._patience(record)
        times = 1
        while (completed := self._attempt(record, pages, deadline, times)) is None:
            times += 1
        return completed

    def _attempt(
        self, record: RequestRecord, pages: SpooledRequest, deadline: float, times: int
    ) -> CompletedRequest | None:
        try:
            return self._complete(record, pages, deadline)
        except NotFound as error:
            self._bear(record, error, times, deadline)
        return None

    def _bear(self, record: RequestRecord, error: NotFound, times: int, deadline: float) -> None:
        """Wait after a 404, until there are enough of them to believe it."""
        now = self.clock.now()
        is_young = now - (record.submitted_at or now - _YOUNG) < _YOUNG
        if times >= _UNKNOWN_TIMES and not is_young:
            self.ledger.update(
                record.request_key,
                status="expired",
                request_id=record.request_id,
                error_code=(error.problems[0].plain_code if error.problems else "") or "not_found",
                error_detail=error.what,
            )
            raise Expired(str(error)) from error
        if is_young and self.clock.monotonic() >= deadline:
            raise StillRunning from error
        self.clock.sleep(_PAUSE_WHILE_UNKNOWN)

    def _patience(self, record: RequestRecord) -> float:
        working = self.work_seconds.get(record.kind.name, 0.0)
        return self.poll_seconds and self.poll_seconds + working

    def _complete(
        self, record: RequestRecord, pages: SpooledRequest, deadline: float
    ) -> CompletedRequest:
        reading = self._look(record, pages, deadline)
        reading, trouble = self._look_again(record, reading, deadline)
        problem = reading.first.problems[0] if reading.first.problems else None
        summary = Summary(
            status=reading.first.status,
            fetched_at=self.clock.now(),
            page_count=reading.page_count,
            byte_count=reading.byte_count,
            error_code=problem.plain_code or None if problem else None,
            error_detail=str(problem) if problem else None,
        )
        with _disk():
            pages.complete(summary)
        return CompletedRequest(record, pages, summary, trouble)

    def _look_again(
        self, record: RequestRecord, reading: _Reading, deadline: float
    ) -> tuple[_Reading, AmplemarketError | None]:
        """The same request, read until it has a row for each lead or no more than before."""
        for _ in range(_MOST_LOOKS - 1):
            if reading.first.status != "completed" or reading.row_count >= record.lead_count:
                break
            self.clock.sleep(_PAUSE_BETWEEN_LOOKS)
            again = self._look(record, reading.pages.second_look(), deadline)
            if again.row_count < reading.row_count:
                what = f"the request has {again.row_count:,} rows, and had {reading.row_count:,}"
                return reading, _contradiction(again.first, what)
            if again.row_count == reading.row_count:
                logger.warning(
                    "Request %s: %s leads have no row in a completed answer. They count as not "
                    "found, and are asked for again after retry_not_found_after.",
                    record.request_key,
                    f"{record.lead_count - reading.row_count:,}",
                )
                break
            with _disk():
                reading.pages.take_over(again.pages)
            reading = _Reading(
                again.first, reading.pages, again.page_count, again.byte_count, again.row_count
            )
        return reading, None

    def _look(self, record: RequestRecord, pages: SpooledRequest, deadline: float) -> _Reading:
        """Read every page of a request that has ended into ``pages``."""
        first = self._wait(record, deadline)
        count = size = rows = 0
        first_rows: set[int] = set()
        with _disk():
            pages.start()
        with in_turn(next(self._turns)):
            for page in self.api.pages(
                first,
                expected_rows=record.lead_count,
                following=lambda page: self._following(first, page, deadline),
            ):
                self.clock.check()
                count += 1
                size += len(page.body)
                with _disk():
                    pages.add(count, page.body)
                if page.first_row is not None and page.first_row not in first_rows:
                    first_rows.add(page.first_row)
                    rows += page.row_count
                self.on_rows(page.row_count)
        return _Reading(first, pages, count, size, rows)

    def _wait(self, record: RequestRecord, deadline: float) -> Page:
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
            self._pause(page, deadline)

    def _following(self, first: Page, page: Page, deadline: float) -> Page | None:
        """The page after ``page``, once it says of the request what the first page said.

        Raises:
            StillRunning: it goes on saying that the request runs.
            UnexpectedResponse: it goes on saying that the request has ended otherwise.
        """
        contradictions = 0
        while (following := self.api.next_page(page)) is not None:
            if following.status == first.status:
                return following
            contradictions += following.terminal
            if contradictions > _MOST_CONTRADICTIONS:
                what = f"page {following.number} says {following.status}, the first {first.status}"
                raise _contradiction(following, what)
            self._pause(following, deadline)
        return None

    def _pause(self, page: Page, deadline: float) -> None:
        now = self.clock.monotonic()
        if now >= deadline:
            raise StillRunning
        told = page.kind.poll_seconds if page.retry_after is None else page.retry_after
        self.clock.check()
        self.clock.sleep(min(told, deadline - now))


def _contradiction(page: Page, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        what,
        method="GET",
        path=f"{page.kind.path}/{page.request_id}",
        trace_id=page.trace_id,
        advice="What was read is kept, and nothing is bought again.",
    )


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DestinationError(
            f"The answers cannot be kept on this disk ({error.strerror}). They stay at the API: "
            "make room and run again; nothing is bought again."
        ) from error
