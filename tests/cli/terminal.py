"""The command at a terminal: a pseudo-terminal that a test reads from and types into."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 60.0  # seconds


class Terminal:
    """A command that believes somebody sits in front of it.

    Attributes:
        shown: everything it has shown so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self.process = process
        self.shown = ""
        self._keyboard = keyboard

    def wait_for(self, text: str) -> None:
        """Read until ``text`` is shown; fails if the command ends or is silent for long."""
        until = time.monotonic() + _PATIENCE
        while text not in self.shown:
            assert time.monotonic() < until, self.shown
            if not self._read():
                raise AssertionError(self.shown)

    def type(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def ended(self) -> int:
        """The exit code, once the command has ended; ``shown`` is complete then."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        readable, _, _ = select.select([self._keyboard], [], [], _PATIENCE)
        assert readable, self.shown
        try:
            piece = os.read(self._keyboard, 4096)
        except OSError:  # what Linux says when the other side is closed
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def at_a_terminal(*arguments: str) -> Iterator[Terminal]:
    """Run the command on a terminal of its own, whose Ctrl-C reaches it."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "amplemarket_source.cli.main", *arguments],
        env={
            **{name: value for name, value in os.environ.items() if name != "CI"},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "xterm",
        },
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(screen)
    try:
        yield Terminal(process, keyboard)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
