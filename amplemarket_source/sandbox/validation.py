"""What the API refuses, and how it says so (api-notes: lead-keys, batch-size, cancel, error-codes).

The guide and the newer schema differ; of a body the stricter side is taken: no keys beside the
listed ones anywhere, ``linkedin_url`` and not ``linkedin_id``, at most 10,000 items. What public
clients send and get an answer to is answered, unless an option says otherwise: a page size above
100, query parameters that mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from amplemarket_source.sandbox.identity import odd_fields
from amplemarket_source.sandbox.options import VALIDATIONS, Kind, KindName, SandboxOptions

__all__ = [
    "BadRequest",
    "Batch",
    "Page",
    "Paging",
    "json_object",
    "missing",
    "read_batch",
    "read_cancel",
    "read_find",
    "read_page",
    "unknown_parameters",
    "unsupported",
]

REPORTED = 100
"""Problems named in one answer; a body of 10,000 bad leads needs no longer list."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_REVEALS = ("reveal_email", "reveal_phone_numbers")


class BadRequest(Exception):
    """A request that the API refuses with 400.

    Attributes:
        problems: members of ``_errors``, each with code, title, detail and where it can be known
            a ``source``.
    """

    def __init__(self, problems: Iterable[dict[str, Any]]) -> None:
        super().__init__()
        self.problems = list(problems)[:REPORTED]


@dataclass(frozen=True)
class Batch:
    """An accepted POST body."""

    leads: list[dict[str, str]]
    reveal_email: bool = False
    reveal_phone_numbers: bool = False


@dataclass(frozen=True)
class Page:
    """The paging parameters: at most ``size`` rows after (or before) a cursor, exclusive."""

    size: int
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True)
class Paging:
    """How an endpoint pages.

    Attributes:
        default: rows of a page that does not ask for a number.
        most: rows of the largest page.
        size_name: the parameter that asks for a number.
        cursor: what a cursor looks like.
    """

    default: int
    most: int
    size_name: str = "page[size]"
    cursor: str = ".+"

    def is_paging(self, name: str) -> bool:
        """Whether a query parameter belongs to paging, rightly or not."""
        return name == "page" or name.startswith("page[") or name == self.size_name


def _problem(code: str, title: str, detail: str, **source: str) -> dict[str, Any]:
    problem: dict[str, Any] = {"status": "400", "code": code, "title": title, "detail": detail}
    return {**problem, "source": source} if source else problem


def unsupported(detail: str, **source: str) -> dict[str, Any]:
    """A problem with a value; ``source`` is a ``pointer`` or a ``parameter``."""
    return _problem("unsupported_value", "Unsupported Value", detail, **source)


def missing(detail: str, **source: str) -> dict[str, Any]:
    """A problem with a value that was not sent."""
    return _problem("missing_field", "Missing Field", detail, **source)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _extra_keys(given: Mapping[str, Any], known: Iterable[str], at: str) -> list[dict[str, Any]]:
    return [
        unsupported("Property is not allowed here", pointer=f"{at}/{_escaped(key)}")
        for key in given.keys() - set(known)
    ]


def json_object(body: bytes) -> dict[str, Any]:
    """A body that is an object.

    Raises:
        BadRequest: it is anything else.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest([unsupported("Body is not valid JSON")]) from None
    if not isinstance(document, dict):
        raise BadRequest([unsupported("Body must be an object", pointer="")])
    return document


def read_batch(kind: Kind, body: bytes, options: SandboxOptions) -> Batch:
    """The body of ``POST .../enrichment-requests``.

    Raises:
        BadRequest: with a JSON pointer such as ``/leads/3/email`` for each problem.
    """
    document = json_object(body)
    key = kind.payload_key
    reveals = _REVEALS if kind.name == "people" else ()
    problems = _extra_keys(document, (key, *reveals), "")
    problems += [
        unsupported("Must be a boolean", pointer=f"/{name}")
        for name in reveals
        if not isinstance(document.get(name, False), bool)
    ]
    most = options.max_emails if kind is VALIDATIONS else options.max_leads
    items = document.get(key)
    if key not in document:
        problems.append(missing(f"{key} is required", pointer=f"/{key}"))
    elif not isinstance(items, list):
        problems.append(unsupported("Must be an array", pointer=f"/{key}"))
    elif not items:
        problems.append(unsupported(f"{key} must not be empty", pointer=f"/{key}"))
    elif len(items) > most:
        detail = f"Number of {key} exceeds {most} limit"
        problems.append(unsupported(detail, pointer=f"/{key}"))
    else:
        for index, item in enumerate(items):
            problems += _item_problems(kind, item, f"/{key}/{index}", options)
    if options.batch_with_known_email == "refused" and not problems:
        problems += _known_emails(items or [], document, pointer="/reveal_email")
    if problems:
        raise BadRequest(problems)
    return Batch(items or [], **{name: document.get(name, False) for name in reveals})


def _known_emails(
    leads: Iterable[Mapping[str, str]], given: Mapping[str, Any], **source: str
) -> list[dict[str, Any]]:
    """An address that a lead has is nothing to reveal (api-notes: known-email)."""
    if not given.get("reveal_email") or not any("email" in lead for lead in leads):
        return []
    return [unsupported("Nothing to reveal: the e-mail address was given", **source)]


def _item_problems(kind: Kind, item: Any, at: str, options: SandboxOptions) -> list[dict[str, Any]]:
    if not isinstance(item, dict):
        return [unsupported("Must be an object", pointer=at)]
    known = frozenset(kind.identifying)
    problems = [] if known.issuperset(item) else _extra_keys(item, known, at)
    problems += [
        unsupported("Must be a string", pointer=f"{at}/{field}")
        for field, value in item.items()
        if field in kind.identifying and not isinstance(value, str)
    ]
    email = item.get("email")
    if isinstance(email, str) and not _EMAIL.fullmatch(email.strip()):
        problems.append(unsupported("Must be an e-mail address", pointer=f"{at}/email"))
    if not problems and not _identifies(kind, item):
        problems.append(missing(_NEEDED[kind.name], pointer=at))
    if not problems and options.variant.odd_identifiers == "refused":
        problems += [
            unsupported("Must be a domain, or the URL of a profile", pointer=f"{at}/{field}")
            for field in odd_fields(kind.name, item)
        ]
    return problems


_NEEDED: dict[KindName, str] = {
    "people": "Needs email, or linkedin_url, or name or title with company_domain or company_name",
    "companies": "Needs domain or linkedin_url",
    "email_validations": "Needs email",
}


def _identifies(kind: Kind, item: Mapping[str, str]) -> bool:
    given = {field for field, value in item.items() if value.strip()}
    if kind.name != "people":
        return bool(given)
    return bool(
        given & {"email", "linkedin_url"}
        or (given & {"name", "title"} and given & {"company_domain", "company_name"})
    )


def read_cancel(body: bytes) -> None:
    """The body of PATCH, which can only be ``{"status": "canceled"}``.

    Raises:
        BadRequest: it is anything else.
    """
    document = json_object(body)
    problems = _extra_keys(document, ("status",), "")
    if "status" not in document:
        problems.append(missing("status is required", pointer="/status"))
    elif document["status"] != "canceled":
        problems.append(unsupported('Only "canceled" is supported', pointer="/status"))
    if problems:
        raise BadRequest(problems)


def read_page(query: Iterable[tuple[str, str]], paging: Paging, options: SandboxOptions) -> Page:
    """The paging parameters of a query.

    Raises:
        BadRequest: with the name of the parameter.
    """
    given: dict[str, str] = {}
    problems = []
    for name, value in query:
        if not paging.is_paging(name):
            continue
        is_size = name in ("page[size]", paging.size_name)
        if not is_size and name not in ("page[after]", "page[before]"):
            problems.append(unsupported("Unknown paging parameter", parameter=name))
        elif not re.fullmatch("[0-9]{1,18}" if is_size else paging.cursor, value, re.DOTALL):
            what = "Must be a whole number" if is_size else "Is no cursor of this list"
            problems.append(unsupported(what, parameter=name))
        else:
            given["page[size]" if is_size else name] = value
    size = int(given.get("page[size]", paging.default))
    if size < 1 or (size > paging.most and options.large_pages == "refused"):
        detail = f"Must be from 1 to {paging.most}"
        problems.append(unsupported(detail, parameter=paging.size_name))
    if "page[after]" in given and "page[before]" in given:
        problems.append(unsupported("Not together with page[after]", parameter="page[before]"))
    if problems:
        raise BadRequest(problems)
    if options.large_pages != "full":
        size = min(size, paging.most)
    return Page(size, given.get("page[after]"), given.get("page[before]"))


def unknown_parameters(
    query: Iterable[tuple[str, str]], known: Iterable[str], options: SandboxOptions
) -> list[dict[str, Any]]:
    """The query parameters that mean nothing, where they are refused; paging is not looked at."""
    if options.unknown_parameters == "ignored":
        return []
    allowed = set(known)
    return [
        unsupported("Unknown parameter", parameter=name)
        for name, _ in query
        if name not in allowed and name not in ("page", "size") and not name.startswith("page[")
    ]


def read_find(kind: Kind, query: Iterable[tuple[str, str]], options: SandboxOptions) -> Batch:
    """The query of ``GET /people/find`` or ``/companies/find``, as a batch of one.

    Raises:
        BadRequest: with the name of the parameter.
    """
    query = list(query)
    reveal_names = _REVEALS if kind.name == "people" else ()
    problems = unknown_parameters(query, [*kind.identifying, *reveal_names], options)
    given = {name: text for name, text in query if name in kind.identifying}
    reveals = {name: text for name, text in query if name in reveal_names}
    problems += [
        unsupported("Must be true or false", parameter=name)
        for name, value in reveals.items()
        if value not in ("true", "false")
    ]
    for problem in _item_problems(kind, given, "", options):
        pointer = problem["source"]["pointer"].removeprefix("/")
        source = {"source": {"parameter": pointer}} if pointer else {}
        problems.append({key: problem[key] for key in problem if key != "source"} | source)
    asked = {name: value == "true" for name, value in reveals.items()}
    if not options.find_reveals_known_email:
        problems += _known_emails([given], asked, parameter="reveal_email")
    if problems:
        raise BadRequest(problems)
    return Batch([given], **asked)
