"""Every error this package raises, in one tree.

::

    AmplemarketError                      exit 1
    ├── UsageError                        exit 2   fix a setting or the command
    │   ├── SettingsError                          a setting is missing or cannot be
    │   └── InputError                             the list of leads cannot be read
    ├── ApiError                          exit 6   the API's side of the conversation
    │   ├── KeyRefused                    exit 3   401 or 403
    │   ├── InsufficientCredits           exit 4   the account cannot pay
    │   ├── RequestRefused                         400, 409, 422: nothing was bought
    │   ├── NotFound                               404 or 410 with ``_errors``: the thing is gone
    │   ├── RemovedForPrivacy                      451: the person asked to be forgotten
    │   ├── NoSuchRoute                            404 of the gateway: a wrong address
    │   ├── NotSent                       exit 5   the request provably never left
    │   ├── OutcomeUnknown                exit 5   a paid request may or may not have arrived
    │   ├── Unavailable                   exit 5   retries used up; try again later
    │   └── UnexpectedResponse                     an answer that is not what the API documents
    ├── CreditCapReached                  exit 4   ``max_credits`` would be exceeded
    ├── Busy                              exit 5   another run holds the lock
    ├── Unfinished                        exit 5   leads are not settled: run again, or decide
    ├── LedgerError                       exit 5   the record of purchases needs a person
    ├── SchemaFrozen                      exit 6   fields that a frozen schema has no columns for
    └── DestinationError                  exit 7   the warehouse refused

Each carries what a person needs next: the endpoint, the request, the credits at stake, and what
to do. No message holds a key, a query string, a body or a person's data.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

_FIELDS_SHOWN = 8
_PLAIN_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_PLAIN_POINTER = re.compile(r"(/[A-Za-z0-9_-]{0,64}){1,8}", re.ASCII)

__all__ = [
    "DISK_FULL",
    "AmplemarketError",
    "ApiError",
    "ApiProblem",
    "Busy",
    "CreditCapReached",
    "DestinationError",
    "ExitCode",
    "InputError",
    "InsufficientCredits",
    "KeyRefused",
    "LedgerError",
    "NoSuchRoute",
    "NotFound",
    "NotSent",
    "OutcomeUnknown",
    "RemovedForPrivacy",
    "RequestRefused",
    "SchemaFrozen",
    "SettingsError",
    "Unavailable",
    "UnexpectedResponse",
    "Unfinished",
    "UsageError",
    "causes",
    "how_to_install",
    "is_disk_full",
]


class ExitCode(IntEnum):
    """What the command ends with; schedulers read it."""

    SETTLED = 0
    UNEXPECTED = 1
    USAGE = 2
    KEY_REFUSED = 3
    CREDITS = 4
    UNFINISHED = 5
    API = 6
    DESTINATION = 7
    INTERRUPTED = 130


class AmplemarketError(Exception):
    """Base of the tree; catch it to catch everything this package raises on purpose.

    Example::

        try:
            pipeline.run(amplemarket(leads="leads.csv"))
        except AmplemarketError as error:
            sys.exit(error.exit_code)
    """

    exit_code: int = ExitCode.UNEXPECTED


class UsageError(AmplemarketError):
    """The command, a setting or the input has to be changed; nothing was sent."""

    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A setting is missing or has a value it cannot have; the text names the setting."""


class InputError(UsageError):
    """The list of leads cannot be read.

    Args:
        what: one clause that says what is wrong.
        source: the file or URL, or ``"standard input"``.
        line: line in the file, counted from 1, where it is known.
        column: the column's name, where one is to blame.
        advice: what to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        source: str,
        line: int | None = None,
        column: str | None = None,
        advice: str = "",
    ) -> None:
        where = source
        if line is not None:
            where += f", line {line}"
        if column is not None:
            where += f", column {column!r}"
        super().__init__(f"{where}: {what}." + (f" {advice}" if advice else ""))
        self.source = source
        self.line = line
        self.column = column


@dataclass(frozen=True)
class ApiProblem:
    """One member of the API's ``_errors`` list (all of them optional, says the API reference).

    ``{"code": "unsupported_value", "detail": "...", "source": {"pointer": "/leads"}}`` becomes
    ``ApiProblem(code="unsupported_value", detail="...", pointer="/leads")``.
    """

    code: str = ""
    title: str = ""
    detail: str = ""
    pointer: str = ""
    status: str = ""

    def __str__(self) -> str:
        # Titles and details may quote what was sent.
        text = self.plain_code or "error without a code"
        return f"{text} at {self.pointer}" if _PLAIN_POINTER.fullmatch(self.pointer) else text

    @property
    def plain_code(self) -> str:
        """The code, if it is written like one; empty otherwise."""
        return self.code if _PLAIN_CODE.fullmatch(self.code) else ""


class ApiError(AmplemarketError):
    """Something went wrong between this process and the API.

    Args:
        what: one clause that says what happened.
        method, path: the endpoint; the path has no query string.
        status: HTTP status, or None where no answer came.
        trace_id: the API's ``x-request-id``, to quote to the vendor (api-notes: trace-id).
        problems: the parsed ``_errors`` of the answer.
        advice: what to do next.
    """

    exit_code = ExitCode.API

    def __init__(
        self,
        what: str,
        *,
        method: str,
        path: str,
        status: int | None = None,
        trace_id: str | None = None,
        problems: tuple[ApiProblem, ...] = (),
        advice: str = "",
    ) -> None:
        parts = [f"{method} {path}: {what}"]
        if status is not None:
            parts.append(f"HTTP {status}")
        if problems:
            parts.append("; ".join(str(problem) for problem in problems))
        if trace_id:
            # By the header's name as well: it is what the vendor knows it by.
            parts.append(f"trace id {trace_id} (x-request-id)")
        super().__init__(", ".join(parts) + "." + (f" {advice}" if advice else ""))
        self.what = what
        self.method = method
        self.path = path
        self.status = status
        self.trace_id = trace_id
        self.problems = problems
        self.advice = advice


class KeyRefused(ApiError):
    """401 or 403: the key is wrong, revoked, or not allowed to do this."""

    exit_code = ExitCode.KEY_REFUSED


class InsufficientCredits(ApiError):
    """The account cannot pay (code ``insufficient_credits``, whatever the HTTP status)."""

    exit_code = ExitCode.CREDITS


class RequestRefused(ApiError):
    """The API understood the request and refused it; nothing was bought."""


class NotFound(ApiError):
    """404 or 410 with a body in the API's own shape: the thing asked for is not there."""


class RemovedForPrivacy(ApiError):
    """451: the person matched and was removed for privacy reasons."""


class NoSuchRoute(ApiError):
    """404 in the gateway's shape (``message``, no ``_errors``): the address is wrong."""


class NotSent(ApiError):
    """No connection could be made, so the request provably never left this machine."""

    exit_code = ExitCode.UNFINISHED


class OutcomeUnknown(ApiError):
    """A POST left, and nobody can know whether the API took it. Never sent again by itself."""

    exit_code = ExitCode.UNFINISHED


class Unavailable(ApiError):
    """The budget of consecutive failures is used up; the same call can be made later."""

    exit_code = ExitCode.UNFINISHED


class UnexpectedResponse(ApiError):
    """An answer that is not what the API documents: not JSON, a missing key, a foreign link."""


class CreditCapReached(AmplemarketError):
    """The next POST could exceed ``max_credits``; it was not sent."""

    exit_code = ExitCode.CREDITS


class Busy(AmplemarketError):
    """Another run works on the same destination; two at once could buy a lead twice."""

    exit_code = ExitCode.UNFINISHED


class Unfinished(AmplemarketError):
    """Leads are not settled: requests run, wait for a person, or were stopped.

    Args:
        what: what is unfinished, and what to do.
        exit_code: of the run that it tells of.
        needs_a_person: a request is held or expired: time alone settles nothing.
    """

    exit_code = ExitCode.UNFINISHED

    def __init__(
        self, what: str, *, exit_code: int = ExitCode.UNFINISHED, needs_a_person: bool = False
    ) -> None:
        super().__init__(what)
        self.exit_code = ExitCode(exit_code)
        self.needs_a_person = needs_a_person


class LedgerError(AmplemarketError):
    """The record of purchases is damaged or from a newer version; nothing was bought."""

    exit_code = ExitCode.UNFINISHED


class SchemaFrozen(AmplemarketError):
    """The API sent fields that a frozen schema has no columns for; everything else is loaded.

    Args:
        fields: ``table.column`` of each.
    """

    exit_code = ExitCode.API

    def __init__(self, fields: Sequence[str]) -> None:
        shown = ", ".join(fields[:_FIELDS_SHOWN])
        more = f" and {len(fields) - _FIELDS_SHOWN:,} more" if len(fields) > _FIELDS_SHOWN else ""
        super().__init__(
            f"schema_contract is freeze, and the API sent fields without a column: {shown}{more}. "
            "Their values are in rejects and everything else is loaded: let one run evolve to take "
            "them as columns, or use discard_value to go on without them."
        )
        self.fields = tuple(fields)


class DestinationError(AmplemarketError):
    """The warehouse refused; what was paid for is on disk and loads with the next run."""

    exit_code = ExitCode.DESTINATION


def causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what it came of, the origin last."""
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


DISK_FULL = "the disk is full; make room and run again"


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` came of a disk, or a quota, without room; DuckDB says so in text alone."""
    return any(
        getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        or "no space left on device" in str(cause).lower()
        for cause in causes(error)
    )


def how_to_install(*packages: str) -> str:
    """The command that installs packages beside this one, wherever that came from."""
    return "python -m pip install " + " ".join(f"'{package}'" for package in packages)
