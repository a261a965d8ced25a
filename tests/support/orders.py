"""The worker's side of `tests.support.workers`; imported by programs in other environments."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["serve"]


def serve(do: Callable[..., Any]) -> None:
    """Answer each line of standard input with what ``do`` makes of it.

    Whatever else is written to standard output goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        with _environment(order.pop("environment", {})):
            answer = do(**order)
        print(json.dumps(answer), file=answers, flush=True)


@contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
