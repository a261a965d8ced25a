"""A server that does not outlive the tests: it ends when its standard input does."""

from __future__ import annotations

import os
import sys
import threading

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """From now on, exit as soon as the process that holds the other end of our input is gone."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
