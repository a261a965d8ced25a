"""Bytes of leads from a path, a URL or standard input, checked on their way to be UTF-8."""

from __future__ import annotations

import codecs
import gzip
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import fsspec

from amplemarket_source.errors import InputError

__all__ = ["FileSource", "Format", "Utf8Stream", "find_file", "shown_address"]

Format = Literal["csv", "jsonl", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_SAVE_AS_UTF8 = "Save it as UTF-8 (in Excel: 'CSV UTF-8')."
_BLOCK = 1 << 20


class Utf8Stream:
    """A binary file that hands its bytes through, without a byte order mark, and checks them.

    Args:
        raw: the file, at its start.
        source: how errors call it.

    Attributes:
        quotes: how many double quotes have passed.

    Raises:
        InputError: from ``read``, with the line, for bytes that are not UTF-8.
    """

    def __init__(self, raw: IO[bytes], source: str) -> None:
        self.quotes = 0
        self.closed = False
        self._raw = raw
        self._source = source
        self._lines = 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._at_start = True

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            line = self._lines + bytes(error.object[: error.start]).count(b"\n")
            utf16 = self._at_start and data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            raise InputError(
                "the file is UTF-16, not UTF-8" if utf16 else "bytes that are not UTF-8",
                source=self._source,
                line=line,
                advice=_SAVE_AS_UTF8,
            ) from None
        self._lines += data.count(b"\n")
        self.quotes += data.count(b'"')
        if self._at_start:
            self._at_start = False
            if data.startswith(codecs.BOM_UTF8):
                # A short read of the mark alone must not look like the end of the file.
                return data[len(codecs.BOM_UTF8) :] or self.read(size)
        return data

    def close(self) -> None:
        self.closed = True
        self._raw.close()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


@dataclass(frozen=True)
class FileSource:
    """Where the bytes are and what they are; can be opened more than once.

    Attributes:
        name: how errors and logs call it: without credentials, without a query string.
        format: csv, jsonl or parquet.
    """

    name: str
    format: Format
    _path: str
    _spooled: IO[bytes] | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The bytes, unpacked where the file is a ``.gz``.

        Raises:
            InputError: for whatever the file system says against opening or reading.
        """
        with _explained(self.name):
            if self._spooled is not None:
                self._spooled.seek(0)
                yield self._spooled
                return
            with self._opened() as file:
                yield file

    def _opened(self) -> IO[bytes]:
        packed = _without_query(self._path).lower().endswith(".gz")
        try:
            # Not fsspec.open, which takes a name with brackets or a star for a pattern and opens
            # the first of what matches.
            system, inner = fsspec.core.url_to_fs(self._path)
            file: IO[bytes] = system.open(inner, "rb", compression="gzip" if packed else None)
        except (OSError, ImportError):
            raise
        except Exception as error:
            # What a storage package raises is its own, and may quote a signed address.
            what = f"the file cannot be opened ({type(error).__name__})"
            if isinstance(error, ValueError) and "Protocol not known" in str(error):
                what = "no installed package reads this kind of address"
            raise InputError(what, source=self.name) from None
        return file

    @contextmanager
    def open_text(self) -> Iterator[Utf8Stream]:
        """The bytes, checked to be UTF-8, without a byte order mark."""
        with self.open() as file:
            yield Utf8Stream(file, self.name)


def find_file(path: str | os.PathLike[str]) -> FileSource:
    """What ``leads`` given as text or path means; nothing but standard input is read yet.

    Args:
        path: a path, a URL that fsspec knows, or ``-`` for standard input, which is copied to a
            temporary file (so that a fault can be found again by line) and is taken for JSON
            lines when it begins with ``{`` or ``[``, else for csv.

    Raises:
        InputError: a suffix that names no format.

    Example::

        >>> find_file("s3://bucket/leads.csv.gz").format
        'csv'
    """
    text = os.fspath(path)
    if text == "-":
        return _standard_input()
    name = shown_address(text)
    stem = _without_query(text).lower().removesuffix(".gz")
    packed = stem != _without_query(text).lower()
    suffix = Path(stem).suffix
    if suffix not in _SUFFIXES or (packed and suffix == ".parquet"):
        if "://" not in text and Path(text).is_dir():
            raise InputError("this is a directory", source=name, advice="Name a file in it.")
        raise InputError(
            "the file's suffix does not say what it holds",
            source=name,
            advice=f"Known are {', '.join(_SUFFIXES)}, and .gz after the text ones.",
        )
    return FileSource(name=name, format=_SUFFIXES[suffix], _path=text)


def _standard_input() -> FileSource:
    spooled = tempfile.TemporaryFile(prefix="amplemarket-leads-")  # noqa: SIM115 - lives on
    with _explained("standard input"):
        shutil.copyfileobj(sys.stdin.buffer, spooled, _BLOCK)
    spooled.seek(0)
    first = spooled.read(64).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    return FileSource(
        name="standard input",
        format="jsonl" if first in (b"{", b"[") else "csv",
        _path="-",
        _spooled=spooled,
    )


def _without_query(path: str) -> str:
    return path.split("?", 1)[0].split("#", 1)[0] if "://" in path else path


def shown_address(address: str) -> str:
    """A path or URL without what may be secret in it: user, password, signature, options.

    A password with a ``?``, ``#`` or ``/`` that should have been encoded cannot be told from what
    comes after it, so then nothing but the kind of address is shown.

    Example:
        >>> shown_address("postgresql://ada:secret@db.example/crm?sslmode=require")
        'postgresql://db.example/crm'
        >>> shown_address("postgresql://ada:se?cret@db.example/crm")
        'postgresql://...'
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    before, _, place = rest.rpartition("@")
    if any(character in before for character in "?#/"):
        return f"{scheme}://..."
    return f"{scheme}://{_without_query(f'://{place}')[3:]}"


@contextmanager
def _explained(source: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("there is no such file", source=source) from None
    except IsADirectoryError:
        raise InputError(
            "this is a directory", source=source, advice="Name a file in it."
        ) from None
    except PermissionError:
        raise InputError("no permission to read the file", source=source) from None
    except ImportError as error:
        raise InputError(
            "a package that reads this kind of address is not installed",
            source=source,
            advice=str(error).splitlines()[0],
        ) from None
    except (EOFError, zlib.error):
        raise InputError("the gzip file is damaged or cut off", source=source) from None
    except gzip.BadGzipFile:
        raise InputError("not a gzip file, as its name says it is", source=source) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError(f"the file cannot be read ({why})", source=source) from None
