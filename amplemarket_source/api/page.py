"""A page of an enrichment request: the envelope is read, the rows stay bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from amplemarket_source.api.answers import Answer, problems_from, read_json
from amplemarket_source.api.refusals import error_about
from amplemarket_source.clock import Clock
from amplemarket_source.errors import ApiProblem, ContractBroken
from amplemarket_source.model import Kind

__all__ = ["Page", "page_from"]

_RUNNING = frozenset({"queued", "processing"})
_TERMINAL = frozenset({"completed", "canceled", "error"})


@dataclass(frozen=True)
class Page:
    """One page of an enrichment request, which is also the answer of a poll (guide, polling).

    Attributes:
        kind: people or companies.
        request_id: the API's id of the enrichment request.
        status: ``queued``, ``processing``, ``completed``, ``canceled`` or ``error``.
        body: the JSON text as it came, about 500 KB for 100 people.
        row_count: members of ``results``.
        next_link: ``_links.next.href`` as the API wrote it; None on the last page.
        retry_after: seconds the API asks to wait before the next poll (0 to 3600), not jittered;
            None where it does not say.
        problems: the parsed ``_errors``.
        number: 1 for the first page.
        answer_id: ``x-request-id`` of the answer, to quote to the vendor.
    """

    kind: Kind
    request_id: str
    status: str
    body: bytes = field(repr=False)
    row_count: int
    next_link: str | None = field(repr=False)
    retry_after: float | None
    problems: tuple[ApiProblem, ...]
    number: int
    answer_id: str | None = None

    @property
    def terminal(self) -> bool:
        """Whether the request has ended; there is no status ``failed`` (API facts 2.4)."""
        return self.status in _TERMINAL


class _Envelope(msgspec.Struct):
    """What is read of a page."""

    status: str
    id: Any = None
    results: list[Any] | None = None
    links: Any = msgspec.field(name="_links", default=None)
    errors: Any = msgspec.field(name="_errors", default=None)


class _RawEnvelope(_Envelope):
    """The same; a `msgspec.Raw` row is skipped over, not decoded."""

    results: list[msgspec.Raw] | None = None


def page_from(
    answer: Answer,
    kind: Kind,
    request_id: str,
    clock: Clock,
    *,
    number: int = 1,
    must_have_rows: bool = False,
) -> Page:
    """The page in an answer; a ``decode`` function for `ApiClient.get`.

    Args:
        answer: a 2xx answer.
        kind, request_id: what was asked for.
        clock: dates a ``Retry-After`` that is a date.
        number: of this page.
        must_have_rows: ``results`` has to be a list whatever the status says; on every page that
            a terminal one links to.

    Raises:
        UnreadableBodyError: not JSON as a whole.
        ContractBroken: JSON in another shape: an unknown status, no ``results`` although the
            request has ended, links in no known form, the ``id`` of another request: its rows
            would leave this one's leads unanswered, and they would be bought again. A request that
            ended in ``error`` and says why in ``_errors`` may leave ``results`` out.
    """
    try:
        envelope = read_json(answer.body, _RawEnvelope, _Envelope)
    except msgspec.ValidationError as invalid:  # its text names places, not values
        raise error_about(answer, ContractBroken, str(invalid)) from None
    status = envelope.status
    if status not in _RUNNING and status not in _TERMINAL:
        raise error_about(answer, ContractBroken, f"unknown status {status[:40]!r}")
    if envelope.id is not None and str(envelope.id) != request_id:
        raise error_about(answer, ContractBroken, "the answer is about another request")
    problems = problems_from(envelope.errors)
    if envelope.results is None and (must_have_rows or status in _TERMINAL):
        explained = status == "error" and problems and not must_have_rows
        if not explained:
            raise error_about(
                answer, ContractBroken, f"`results` is missing although the status is {status}"
            )
    return Page(
        kind=kind,
        request_id=request_id,
        status=status,
        body=answer.body,
        row_count=len(envelope.results or ()),
        next_link=_next_link(answer, envelope.links),
        retry_after=answer.retry_after(clock.now()),
        problems=problems,
        number=number,
        answer_id=answer.request_id,
    )


def _next_link(answer: Answer, links: object) -> str | None:
    """``href`` of the relation ``next``; None where there is no further page.

    An object keyed by relation (every example), or a list of objects with ``rel`` and ``href``
    (how the guide's table words it; API facts 2.4). Anything else might hide a page that was paid
    for, so it is an error.
    """
    if links is None:
        return None
    if isinstance(links, list):
        if not all(isinstance(link, dict) and "rel" in link for link in links):
            raise error_about(
                answer, ContractBroken, "`_links` is a list of something else than links"
            )
        links = {str(link["rel"]): link for link in links}
    if not isinstance(links, dict):
        raise error_about(answer, ContractBroken, "`_links` is neither an object nor a list")
    following = links.get("next")
    href = following.get("href") if isinstance(following, dict) else following
    if href is None or href == "":
        return None
    if not isinstance(href, str):
        raise error_about(answer, ContractBroken, "`_links.next.href` is not text")
    return href
