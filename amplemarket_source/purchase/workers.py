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
from threading import Event, Lock

from amplemarket_source.errors import (
    AmplemarketError,
    InsufficientCredits,
    KeyRefused,
    OutcomeUnknown,
)
from amplemarket_source.purchase.buy import Buyer
from amplemarket_source.purchase.collect import Answer, Collector, Expired, StillRunning
from amplemarket_source.purchase.records import Batch, RequestRecord
from amplemarket_source.purchase.stopping import Interrupted
from amplemarket_source.report import Report

__all__ = ["Workers"]

logger = logging.getLogger("amplemarket")

_INSUFFICIENT = "insufficient_credits"


class Workers:
    """Buys and collects side by side.

    Args:
        in_flight: how many requests run at once.
        stop: wakes everybody who waits; the requests stay as they are.
    """

    def __init__(
        self,
        buyer: Buyer,
        collector: Collector,
        report: Report,
        in_flight: int,
        stop: Callable[[], None],
    ) -> None:
        self._buyer = buyer
        self._collector = collector
        self._report = report
        self._in_flight = in_flight
        self._stop = stop
        self._buying_is_over = Event()
        self._lock = Lock()

    def end_buying(self) -> None:
        """Submit nothing more; collect what is bought."""
        self._buying_is_over.set()

    def answers(
        self, resumed: Sequence[RequestRecord], batches: Sequence[Batch]
    ) -> Generator[Answer, None, None]:
        """The answers as they are complete; ends when no request is under way any more."""
        done: queue.SimpleQueue[Future[Answer | None]] = queue.SimpleQueue()
        executor = ThreadPoolExecutor(self._in_flight, thread_name_prefix="amplemarket")
        try:
            futures = [executor.submit(self._collect, record) for record in resumed]
            futures += [executor.submit(self._buy, batch) for batch in batches]
            for future in futures:
                future.add_done_callback(done.put)
            for _ in futures:
                answer = done.get().result()
                if answer is not None:
                    yield answer
        finally:
            # Also where the caller has had enough: a POST under way is waited for, and recorded.
            self.end_buying()
            self._stop()
            executor.shutdown(wait=True, cancel_futures=True)

    def _buy(self, batch: Batch) -> Answer | None:
        if self._buying_is_over.is_set() or self._buyer.clock.is_stopping:
            self._report.not_bought(batch)
            return None
        try:
            bought = self._buyer.buy(batch)
        except OutcomeUnknown as error:
            self.end_buying()
            self._report.held(batch, error)
            logger.warning("Request %s is held: %s", batch.request_key, error)
            return None
        except Interrupted:
            self._report.not_bought(batch)
            return None
        except AmplemarketError as error:
            self.end_buying()
            self._report.not_bought(batch)
            self._failed(batch.request_key, error)
            return None
        with self._lock:
            self._report.rejects.update(bought.refused)
        if bought.trouble is not None:
            self.end_buying()
            self._failed(batch.request_key, bought.trouble)
        if bought.record is None:
            return None
        self._report.bought(bought.batch)
        return self._collect(bought.record)

    def _collect(self, record: RequestRecord) -> Answer | None:
        try:
            answer = self._collector.collect(record)
        except (StillRunning, Interrupted):
            self._report.still_running(record)
        except Expired:
            self._report.expired(record)
            logger.warning("Request %s is not at the API any more.", record.request_key)
        except AmplemarketError as error:
            if isinstance(error, InsufficientCredits):
                self.end_buying()
            if isinstance(error, KeyRefused):
                self._stop()
            self._report.still_running(record)
            self._failed(record.request_key, error)
        else:
            if answer.summary.error_code == _INSUFFICIENT:
                self.end_buying()
                self._failed(record.request_key, _out_of_credits(record))
            return answer
        return None

    def _failed(self, request_key: str, error: AmplemarketError) -> None:
        self._report.failed(error)
        logger.warning("Request %s: %s", request_key, error)


def _out_of_credits(record: RequestRecord) -> InsufficientCredits:
    return InsufficientCredits(
        "the account ran out of credits during the request",
        method="GET",
        path=record.kind.path,
        advice="What was answered is loaded; the rest is bought by the next run.",
    )
