"""A question to whoever sits at the terminal, before money is spent."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable

__all__ = ["ask", "somebody_is_there"]

_YES = ("y", "yes")
_SLICE = 0.2  # seconds; how late it is noticed that the command is told to stop
_LONGEST_LINE = 4096  # bytes; what a terminal hands over at once


def somebody_is_there() -> bool:
    """Whether a question would be seen and could be answered.

    Not where standard input or standard error is no terminal, and not in continuous integration,
    which says so in ``CI`` and may well offer a terminal.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def ask(question: str, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Whether the answer is yes; Enter alone, or the end of the input, is a no.

    May be called in any thread: the one that reads is left behind where nobody answers, which is
    why it reads past Python's own buffer, whose lock would outlive it.

    Args:
        stopped: looked at while it waits.

    Raises:
        KeyboardInterrupt: ``stopped`` became true.
    """
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    descriptor = sys.stdin.fileno()

    def read() -> None:
        try:
            answers.put(os.read(descriptor, _LONGEST_LINE))
        except OSError:
            answers.put(b"")  # the terminal is gone

    threading.Thread(target=read, name="amplemarket-question", daemon=True).start()
    while True:
        if stopped():
            raise KeyboardInterrupt
        try:
            answer = answers.get(timeout=_SLICE)
        except queue.Empty:
            continue
        return answer.decode(errors="replace").strip().lower() in _YES
