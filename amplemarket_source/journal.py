"""The local journal of the instants around a POST, fsynced line by line.

The ledger in the destination says that a purchase was intended; only this machine can say how far
it got. For one request the lines come in this order, each on disk before the next step:

    intended   before the ledger's own row
    posting    just before the POST may leave
    accepted   with the API's id, straight after the answer
    refused    the API said no, or the request provably never left: nothing was bought

The last line counts. A request with ``intended`` was never sent. One with ``posting`` may have
been: nobody can know. One without any line was intended by another machine.

A line that cannot be written (a full disk) raises, and what it should have preceded does not
happen: without ``posting`` no POST. A line cut by a power failure stands for a step that was not
taken, so it is cut off. The file holds keys and ids, nothing about people.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from amplemarket_source.errors import LedgerError

__all__ = ["Event", "Journal", "JournalEntry"]

Event = Literal["intended", "posting", "accepted", "refused"]
_VERSION = 1


@dataclass(frozen=True)
class JournalEntry:
    """How far one request got on this machine."""

    event: Event
    request_id: str | None = None


class Journal:
    """An append-only file; every ``write`` has reached the disk when it returns.

    Example::

        journal = Journal(path)
        journal.write("posting", "20261122-ab12-0001")
        journal.entry("20261122-ab12-0001").event    # "posting"

    Raises:
        LedgerError: the file is from a newer version or damaged before its last line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = self._read()

    def write(self, event: Event, request_key: str, request_id: str | None = None) -> None:
        """Append one line and force it to disk.

        Raises:
            LedgerError: it did not reach the disk; the file is as before.
        """
        entry = JournalEntry(event, request_id)
        with self._lock:
            try:
                self._append(_line(request_key, entry))
            except OSError as error:
                raise LedgerError(
                    f"{self._path}: the journal of purchases cannot be written "
                    f"({error.strerror}). Nothing more is bought until it can be."
                ) from error
            self._entries[request_key] = entry

    def entry(self, request_key: str) -> JournalEntry | None:
        """The last event of a request, or None if this machine knows nothing of it."""
        return self._entries.get(request_key)

    def keep_only(self, request_keys: set[str]) -> None:
        """Forget every request that is settled.

        Raises:
            LedgerError: the shorter file could not be written; the old one stays.
        """
        with self._lock:
            kept = {key: entry for key, entry in self._entries.items() if key in request_keys}
            replacement = self._path.with_suffix(".new")
            try:
                with _private(replacement, os.O_TRUNC) as file:
                    _force(file, b"".join(_line(key, entry) for key, entry in kept.items()))
                replacement.replace(self._path)
                _sync_folder(self._path.parent)
            except OSError as error:
                raise LedgerError(
                    f"{self._path}: the journal of purchases cannot be written ({error.strerror})."
                ) from error
            self._entries = kept

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        with _private(self._path, os.O_APPEND) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                _force(file, line)
            except OSError:
                # Half a line would swallow the next one.
                os.ftruncate(file.fileno(), size)
                raise
        if is_new:
            _sync_folder(self._path.parent)

    def _read(self) -> dict[str, JournalEntry]:
        if not self._path.exists():
            return {}
        entries: dict[str, JournalEntry] = {}
        *lines, last = self._path.read_bytes().split(b"\n")
        if last:
            # Power went in the middle of a line: its step had not been taken yet. Cut it off,
            # or the next line would be glued to it.
            with self._path.open("r+b") as file:
                file.truncate(sum(len(line) + 1 for line in lines))
        for number, text in enumerate(lines, start=1):
            try:
                line = json.loads(text)
                version, key, event = line["v"], line["request_key"], line["event"]
            except (ValueError, KeyError, TypeError) as error:
                raise LedgerError(
                    f"{self._path}, line {number}: the journal of purchases is damaged. Move the "
                    "file away; requests it knew about are then held until you release them."
                ) from error
            if version != _VERSION:
                raise LedgerError(
                    f"{self._path}: written by a newer version of this package. Update it, or "
                    "finish the run with the version that wrote it."
                )
            entries[key] = JournalEntry(event, line.get("request_id"))
        return entries


def _line(request_key: str, entry: JournalEntry) -> bytes:
    line: dict[str, object] = {"v": _VERSION, "event": entry.event, "request_key": request_key}
    if entry.request_id is not None:
        line["request_id"] = entry.request_id
    return f"{json.dumps(line)}\n".encode()


def _private(path: Path, flag: int) -> BinaryIO:
    # Unbuffered: nothing may be written a second time when the file is closed after an error.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    return cast(BinaryIO, os.fdopen(descriptor, "wb", buffering=0))


def _force(file: BinaryIO, content: bytes) -> None:
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # A new name is durable only once its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
