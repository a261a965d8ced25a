"""Work in a thread of its own, while the main thread listens for Ctrl-C and shows progress.

dlt takes over the signals of the main thread for the time of a load. In another thread it leaves
them alone, and a load that has begun is never torn by an impatient key.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

__all__ = ["in_background"]

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def in_background(work: Callable[[], _T], *, on_stop: Callable[[], None]) -> _T:
    """Do ``work`` and return what it returns, or raise what it raises.

    Outside the main thread, where nobody can listen to signals, it is simply done.

    Args:
        work: runs in another thread.
        on_stop: called at the first SIGINT or SIGTERM; it makes ``work`` end soon. The second
            ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    worker = threading.Thread(target=run, name="amplemarket-run", daemon=True)
    stops = 0

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stops
        stops += 1
        if stops > 1:
            os._exit(128 + number)
        print(
            "Stopping: nothing more is sent, what is complete gets loaded. Again: leave at once.",
            file=sys.stderr,
            flush=True,
        )
        on_stop()

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        worker.start()
        while worker.is_alive():
            # With a time limit, because a wait without one keeps Windows from seeing signals.
            worker.join(1.0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]
    return results[0]
