"""Bytes of leads from a path, a URL or standard input, on their way decoded and checked."""

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

Format = Literal["csv", "jsonl", "json", "parquet", "excel"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "excel",
}
_PACKED_ITSELF = (".parquet", ".xlsx")
_SAVE_AS_UTF8 = "Save it as UTF-8 (in Excel: 'CSV UTF-8'), or say --encoding (cp1252, latin-1)."
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_BLOCK = 1 << 20


class Utf8Stream:
    """A binary file that hands its text through as UTF-8, without a byte order mark.

    Args:
        raw: the file, at its start.
        source: how errors call it.
        encoding: of its text; a mark at its start says more.

    Attributes:
        quotes: how many double quotes have passed.

    Raises:
        InputError: from ``read``, with the line, for bytes that are no text.
    """

    def __init__(self, raw: IO[bytes], source: str, encoding: str = "utf-8") -> None:
        self.quotes = 0
        self.closed = False
        self._raw = raw
        self._source = source
        self._encoding = encoding
        self._lines = 1
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        if self._decoder is None:
            data = self._begin(data, size)
        assert self._decoder is not None  # noqa: S101 - `_begin` makes it
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = bytes(error.object[: error.start]).decode(self._encoding, "ignore")
            line = self._lines + before.count("\n")
            raise InputError(
                f"bytes that are not {self._encoding.upper()}",
                source=self._source,
                line=line,
                advice=_SAVE_AS_UTF8,
            ) from None
        if self._encoding != "utf-8":
            if data and not text:
                # Half of a character is not the end of the file.
                return self.read(size)
            data = text.encode()
        self._lines += data.count(b"\n")
        self.quotes += data.count(b'"')
        return data

    def _begin(self, data: bytes, size: int) -> bytes:
        """What is left of the first bytes without a mark, which says how to decode them."""
        while 0 < len(data) < len(codecs.BOM_UTF8) and (more := self._raw.read(1)):
            data += more
        if data.startswith(codecs.BOM_UTF8):
            self._encoding = "utf-8"
            # A short read of the mark alone must not look like the end of the file.
            data = data[len(codecs.BOM_UTF8) :] or self._raw.read(size)
        for mark, encoding in _MARKS.items():
            if data.startswith(mark):
                self._encoding = encoding
                data = data[len(mark) :] or self._raw.read(size)
                break
        self._decoder = codecs.getincrementaldecoder(self._encoding)("strict")
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
        format: csv, jsonl, json, parquet or excel.
        encoding: of text, where it says nothing of itself.
    """

    name: str
    format: Format
    _path: str
    encoding: str = "utf-8"
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
        """The text as UTF-8, without a byte order mark."""
        with self.open() as file:
            yield Utf8Stream(file, self.name, self.encoding)


def find_file(path: str | os.PathLike[str], encoding: str | None = None) -> FileSource:
    """What ``leads`` given as text or path means; nothing but standard input is read yet.

    Args:
        path: a path, a URL that fsspec knows, or ``-`` for standard input, which is copied to a
            temporary file (so that a fault can be found again by line) and is taken for JSON
            lines when it begins with ``{``, for a JSON list when with ``[``, else for csv.
        encoding: of its text, as Python calls it; UTF-8, or what a mark at its start says.

    Raises:
        InputError: a suffix that names no format; an encoding that nobody knows.

    Example::

        >>> find_file("s3://bucket/leads.csv.gz").format
        'csv'
    """
    text = os.fspath(path)
    encoding = _known_encoding(encoding or "utf-8")
    if text == "-":
        return _standard_input(encoding)
    name = shown_address(text)
    stem = _without_query(text).lower().removesuffix(".gz")
    packed = stem != _without_query(text).lower()
    suffix = Path(stem).suffix
    if suffix not in _SUFFIXES or (packed and suffix in _PACKED_ITSELF):
        if "://" not in text and Path(text).is_dir():
            raise InputError("this is a directory", source=name, advice="Name a file in it.")
        raise InputError(
            "the file's suffix does not say what it holds",
            source=name,
            advice=f"Known are {', '.join(_SUFFIXES)}, and .gz after the text ones.",
        )
    return FileSource(name=name, format=_SUFFIXES[suffix], _path=text, encoding=encoding)


def _known_encoding(name: str) -> str:
    try:
        # Of Python's codecs some, such as hex, are no encodings of text.
        "".encode(name)
    except LookupError:
        raise InputError(
            f"there is no encoding {name!r}",
            source="--encoding",
            advice="Name one such as utf-8, cp1252, latin-1, utf-16 or shift_jis.",
        ) from None
    return codecs.lookup(name).name


def _standard_input(encoding: str) -> FileSource:
    spooled = tempfile.TemporaryFile(prefix="amplemarket-leads-")  # noqa: SIM115 - lives on
    with _explained("standard input"):
        shutil.copyfileobj(sys.stdin.buffer, spooled, _BLOCK)
    spooled.seek(0)
    first = spooled.read(64).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    formats: dict[bytes, Format] = {b"{": "jsonl", b"[": "json"}
    return FileSource(
        name="standard input",
        format=formats.get(first, "csv"),
        _path="-",
        encoding=encoding,
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
