"""The threads of a run: each buys a batch, waits for it, and reads its pages.

One request's trouble is that request's: it is reported, and the others go on. Some troubles also
end the buying (nothing more is submitted, what is bought is still collected): a batch that is held,
because the next would most likely be held as well; no credits, the cap, a refusal, a ledger that
cannot be written. A key that is refused ends the waiting too: every other call would be refused.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from amplemarket_source.clock import Interrupted
from amplemarket_source.errors import (
    AmplemarketError,
    CreditCapReached,
    InsufficientCredits,
    KeyRefused,
    OutcomeUnknown,
)
from amplemarket_source.model import Batch, RequestRecord
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.report import RunReport, WhyNotBought
from amplemarket_source.requests.collect import Collector, Expired, StillRunning
from amplemarket_source.requests.submit import Submitter

__all__ = ["RequestPool"]

logger = logging.getLogger("amplemarket")

_INSUFFICIENT = "insufficient_credits"


class RequestPool:
    """Buys and collects side by side.

    Args:
        in_flight: how many requests run at once.
        stop: wakes everybody who waits; the requests stay as they are.
    """

    def __init__(
        self,
        submitter: Submitter,
        collector: Collector,
        report: RunReport,
        in_flight: int,
        stop: Callable[[], None],
    ) -> None:
        self._submitter = submitter
        self._collector = collector
        self._report = report
        self._in_flight = in_flight
        self._stop = stop
        self._lock = Lock()
        self._over: WhyNotBought | None = None

    def end_buying(self, why: WhyNotBought) -> None:
        """Submit nothing more; collect what is bought. The first reason counts."""
        with self._lock:
            self._over = self._over or why

    def completed(
        self, resumed: Sequence[RequestRecord], batches: Sequence[Batch]
    ) -> Generator[CompletedRequest, None, None]:
        """Requests as they are complete; ends when no request is under way any more."""
        done: queue.SimpleQueue[Future[CompletedRequest | None]] = queue.SimpleQueue()
        executor = ThreadPoolExecutor(self._in_flight, thread_name_prefix="amplemarket")
        try:
            futures = [executor.submit(self._collect, record) for record in resumed]
            futures += [executor.submit(self._submit, batch) for batch in batches]
            for future in futures:
                future.add_done_callback(done.put)
            for _ in futures:
                request = done.get().result()
                if request is not None:
                    yield request
        finally:
            # Also where the caller has had enough: a POST under way is waited for, and recorded.
            self.end_buying("stopped")
            self._stop()
            executor.shutdown(wait=True, cancel_futures=True)

    def _submit(self, batch: Batch) -> CompletedRequest | None:
        if self._over is not None or self._submitter.clock.is_stopping:
            self._report.not_bought(batch.lead_count, self._over or "stopped")
            return None
        whole = batch
        try:
            batch = self._submitter.within_budget(whole)
            if batch is not whole:
                self.end_buying("max_credits")
                self._report.not_bought(whole.lead_count - batch.lead_count, "max_credits")
                self._failed(batch.request_key, self._submitter.budget.reached(batch))
            submission = self._submitter.submit(batch)
        except OutcomeUnknown as error:
            self.end_buying("held")
            self._report.held(batch, error)
            logger.warning("Request %s is held: %s", batch.request_key, error)
            return None
        except Interrupted:
            self._report.not_bought(batch.lead_count, "stopped")
            return None
        except AmplemarketError as error:
            self.end_buying(_why(error))
            self._report.not_bought(batch.lead_count, _why(error))
            self._failed(batch.request_key, error)
            return None
        self._report.refused(submission.refused)
        if submission.trouble is not None:
            self.end_buying(_why(submission.trouble))
            self._failed(batch.request_key, submission.trouble)
        if submission.record is None:
            return None
        self._report.bought(submission.batch)
        return self._collect(submission.record)

    def _collect(self, record: RequestRecord) -> CompletedRequest | None:
        try:
            request = self._collector.collect(record)
        except (StillRunning, Interrupted):
            self._report.still_running(record)
        except Expired:
            self._report.expired(record)
            logger.warning("Request %s is not at the API any more.", record.request_key)
        except AmplemarketError as error:
            if isinstance(error, InsufficientCredits):
                self.end_buying("insufficient_credits")
            if isinstance(error, KeyRefused):
                self._stop()
            self._report.still_running(record)
            self._failed(record.request_key, error)
        else:
            if request.trouble is not None:
                self._failed(record.request_key, request.trouble)
            if request.summary.error_code == _INSUFFICIENT:
                self.end_buying("insufficient_credits")
                self._failed(record.request_key, _out_of_credits(record))
            return request
        return None

    def _failed(self, request_key: str, error: AmplemarketError) -> None:
        self._report.failed(error)
        logger.warning("Request %s: %s", request_key, error)


def _why(error: AmplemarketError) -> WhyNotBought:
    if isinstance(error, CreditCapReached):
        return "max_credits"
    return "insufficient_credits" if isinstance(error, InsufficientCredits) else "error"


def _out_of_credits(record: RequestRecord) -> InsufficientCredits:
    return InsufficientCredits(
        "the account ran out of credits during the request",
        method="GET",
        path=record.kind.path,
        advice="What was requested is loaded; the rest is bought by the next run.",
    )
