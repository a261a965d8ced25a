"""Pages on disk, from the moment they are read until the load that holds them is done.

One folder for each enrichment request: ``page-00001.zst`` ... and, once the last page is there,
``complete.json`` with a checksum of each. A folder without it, or one that is damaged, is read
again from the API: GETs are free. Compressed, readable by the user alone, removed once loaded.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from amplemarket_source.errors import AmplemarketError, LedgerError
from amplemarket_source.model import RequestRecord

__all__ = ["CompletedRequest", "Spool", "SpooledRequest", "Summary"]

_CODEC = "zstd"
_REMOVED = b"gdpr_removed"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

Redact = Callable[[bytes], bytes]
"""Takes what may not be told any more out of a page's JSON text."""


@dataclass(frozen=True)
class Summary:
    """What is known of a request once its last page is on disk.

    Attributes:
        status: the API's terminal status.
        fetched_at: when the last page arrived; the ``enriched_at`` of its rows.
        byte_count: of all its pages, as they came.
        error_code, error_detail: from ``_errors``, when the request ended with some.
    """

    status: str
    fetched_at: datetime
    page_count: int
    byte_count: int = 0
    error_code: str | None = None
    error_detail: str | None = None


class SpooledRequest:
    """The folder of one request.

    Args:
        redact: what every page passes that is read.

    Attributes:
        may_hold_removed: False where no page that was added names a removed person; of pages from
            an earlier run nobody has looked.
    """

    def __init__(self, folder: Path, redact: Redact) -> None:
        self.folder = folder
        self.may_hold_removed = True
        self._redact = redact
        self._checksums: dict[int, int] = {}

    def redact_by(self, redact: Redact) -> None:
        """Let every page that is read from now on pass ``redact`` in place of what it passed."""
        self._redact = redact

    def start(self) -> None:
        """Make the folder, empty."""
        self.remove()
        self.folder.mkdir(parents=True, mode=0o700)
        self.may_hold_removed = False

    def add(self, number: int, body: bytes) -> None:
        """Write page ``number`` (from 1)."""
        self.may_hold_removed |= _REMOVED in body
        packed: bytes = pa.Codec(_CODEC, 1).compress(body, asbytes=True)
        content = len(body).to_bytes(8, "big") + packed
        _write(self._page(number), content)
        self._checksums[number] = zlib.crc32(content)

    def complete(self, summary: Summary) -> None:
        """Declare the folder complete, after every page was added; atomic."""
        pages = range(1, summary.page_count + 1)
        fields = asdict(summary) | {
            "fetched_at": summary.fetched_at.isoformat(),
            "checksums": [self._checksums[number] for number in pages],
        }
        draft = self.folder / "complete.new"
        _write(draft, json.dumps(fields).encode())
        draft.replace(self.folder / "complete.json")

    def summary(self) -> Summary | None:
        """The summary, or None where the folder is not complete or any of it is damaged."""
        try:
            fields = json.loads((self.folder / "complete.json").read_bytes())
            checksums = fields.pop("checksums")
            fields["fetched_at"] = datetime.fromisoformat(fields["fetched_at"])
            summary = Summary(**fields)
            found = [
                zlib.crc32(self._page(number).read_bytes())
                for number in range(1, summary.page_count + 1)
            ]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return summary if found == checksums else None

    def read(self, number: int) -> bytes:
        """The body of page ``number``, redacted."""
        return self._redact(self.unredacted(number))

    def holds_something_to_redact(self) -> bool:
        """Whether redacting changes a page; True also where the pages cannot all be read."""
        summary = self.summary()
        if summary is None:
            return True
        bodies = map(self.unredacted, range(1, summary.page_count + 1))
        return any(self._redact(body) != body for body in bodies)

    def unredacted(self, number: int) -> bytes:
        """The body of page ``number`` as it came: only to find out who must not be told of."""
        content = self._page(number).read_bytes()
        size = int.from_bytes(content[:8], "big")
        body: bytes = pa.Codec(_CODEC).decompress(content[8:], size, asbytes=True)
        return body

    def second_look(self) -> SpooledRequest:
        """A place beside the pages for the same request, read once more; goes with them."""
        return SpooledRequest(self.folder / "again", self._redact)

    def take_over(self, other: SpooledRequest) -> None:
        """Hold the pages of ``other`` in place of these; before either is complete."""
        for page in self.folder.glob("page-*"):
            page.unlink()
        for page in other.folder.glob("page-*"):
            page.replace(self.folder / page.name)
        self._checksums = other._checksums
        self.may_hold_removed = other.may_hold_removed

    def remove(self) -> None:
        """Delete the folder and everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _page(self, number: int) -> Path:
        return self.folder / f"page-{number:05d}.zst"


@dataclass(frozen=True)
class CompletedRequest:
    """An enrichment request that the API has finished, with all its pages on disk.

    Attributes:
        trouble: what was odd about the answer, to be told; the pages are good.
    """

    record: RequestRecord
    pages: SpooledRequest
    summary: Summary
    trouble: AmplemarketError | None = None


class Spool:
    """All the requests whose pages are on this disk."""

    def __init__(self, folder: Path, redact: Redact = bytes) -> None:
        self._folder = folder
        self._redact = redact
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def request(self, request_key: str) -> SpooledRequest:
        """The folder of a request, whether it is there or not.

        Raises:
            LedgerError: the key is no name that we give. It comes from the warehouse, where others
                may write, and a path in its place would be a folder of the user's to remove.
        """
        if not _KEY.fullmatch(request_key):
            raise LedgerError(
                f"enrichment_requests has a request_key that is none of ours: {request_key!r:.60}. "
                "Somebody else wrote that row: remove it. Nothing was bought."
            )
        return SpooledRequest(self._folder / request_key, self._redact)

    def keys(self) -> Iterator[str]:
        """The requests that have a folder."""
        return (
            entry.name
            for entry in self._folder.iterdir()
            if entry.is_dir() and _KEY.fullmatch(entry.name)
        )

    def keep_only(self, request_keys: set[str]) -> None:
        """Remove the pages of every request that is settled."""
        for key in list(self.keys()):
            if key not in request_keys:
                self.request(key).remove()

    def scrub(self) -> None:
        """Remove the pages of every request that hold something to be redacted.

        They are read again from the API, and redacted on the way to the tables.
        """
        for key in list(self.keys()):
            request = self.request(key)
            if request.holds_something_to_redact():
                request.remove()


def _write(target: Path, content: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
