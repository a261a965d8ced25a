"""Reading parts of a stream side by side.

Users, lists and groups of contacts are listed one by one, and an answer takes a while: so some are
read at once, all within the one rate limit. Of a stream in one part the next page is fetched while
the last one becomes rows. No more pages wait than `_WAITING`, so memory does not grow with them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Sized
from contextlib import suppress
from dataclasses import dataclass

from amplemarket_source.api import ListPage

__all__ = ["Ended", "Part", "pages_of"]

_SIDE_BY_SIDE = 8
_WAITING = 16


@dataclass(frozen=True)
class Part:
    """A part of a stream that is read by itself: all of it, or that of one user or list.

    Attributes:
        name: what the part is known by; empty where a stream has one.
        given: our columns of its rows.
        read: gives its pages, and returns how far it was read.
    """

    name: str
    given: dict[str, str]
    read: Callable[[], Generator[ListPage, None, Ended]]


@dataclass(frozen=True)
class Ended:
    """A part was read as far as it was to be.

    Attributes:
        is_whole: every row that the part has at the API was listed, so others have left.
        state: what was known of the part when it was begun, for the next sync.
        gone: it is not there any more.
        missing: keys that were asked for and not answered.
    """

    is_whole: bool = True
    state: str | None = None
    gone: bool = False
    missing: tuple[str, ...] = ()


Event = tuple[Part, ListPage | Ended | BaseException]


def pages_of(parts: Iterable[Part]) -> Generator[Event, None, None]:
    """The pages of the parts, each part's in order, and how it ended: `Ended`, or by an error.

    Example::

        for part, event in pages_of(parts):
            if isinstance(event, ListPage):
                ...
    """
    events: queue.Queue[Event | None] = queue.Queue(_WAITING)
    waiting, lock, over = iter(parts), threading.Lock(), threading.Event()

    def put(event: Event | None) -> None:
        while not over.is_set():
            with suppress(queue.Full):
                events.put(event, timeout=0.2)
                break

    def work() -> None:
        while not over.is_set():
            with lock:
                try:
                    part = next(waiting, None)
                except BaseException as error:
                    put((_NONE, error))
                    part = None
            if part is None:
                break
            try:
                pages = part.read()
                while not over.is_set():
                    put((part, next(pages)))
            except StopIteration as end:
                put((part, end.value))
            except BaseException as error:
                put((part, error))
        put(None)

    threads = [
        threading.Thread(target=work, name="amplemarket-listing", daemon=True)
        for _ in range(
            min(_SIDE_BY_SIDE, len(parts) if isinstance(parts, Sized) else _SIDE_BY_SIDE)
        )
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            while (event := events.get()) is not None:
                yield event
    finally:
        over.set()
        for thread in threads:
            thread.join()


_NONE = Part("", {}, lambda: iter(()))  # type: ignore[arg-type, return-value]
