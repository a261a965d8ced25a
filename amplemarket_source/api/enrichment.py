"""The endpoints of the API that this package uses, typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from amplemarket_source.api.client import ApiClient
from amplemarket_source.api.links import path_segment
from amplemarket_source.api.pages import Page, id_of_accepted, page_from
from amplemarket_source.api.responses import Response, error_about, read_json
from amplemarket_source.errors import NotFound, OutcomeUnknown, UnexpectedResponse
from amplemarket_source.kinds import COMPANIES, PEOPLE, Kind
from amplemarket_source.storable import escaped

__all__ = ["AccountInfo", "EnrichmentApi", "Found"]

_T = TypeVar("_T")
_SPARE_ROWS = 100


@dataclass(frozen=True)
class AccountInfo:
    """Whose key it is; ``""`` for what the API left out. There is no credit balance."""

    id: str
    name: str


@dataclass(frozen=True)
class Found:
    """The response of a single lookup.

    Attributes:
        kind: people or companies.
        status: 200, or 202 while a reveal is not ready.
        body: the bare Person or Company as JSON text; may be incomplete or empty while pending.
        retry_after: seconds after which to ask again, or None.
        trace_id: ``x-request-id``, to quote to the vendor.
    """

    kind: Kind
    status: int
    body: bytes = field(repr=False)
    retry_after: float | None
    trace_id: str | None

    @property
    def pending(self) -> bool:
        """Whether the same lookup has to be made again (api-notes: pending-reveal)."""
        return self.status == 202 or self.retry_after is not None


class _Account(msgspec.Struct):
    id: str | int | None = None
    name: str | None = None


class EnrichmentApi:
    """Enrichment requests and single lookups, for people and companies; orders of validations.

    Example::

        api = EnrichmentApi(client)
        request_id = api.submit(PEOPLE, [{"email": "ada@example.com"}])   # costs credits
        page = api.read(PEOPLE, request_id)
        while not page.terminal:
            client.clock.sleep(page.retry_after or 5)
            page = api.read(PEOPLE, request_id)
        for page in api.pages(page, expected_rows=1):
            page.body
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def account_info(self) -> AccountInfo:
        """GET ``/account-info``: checks the key and costs nothing (api-notes: account-info).

        Raises:
            ApiError: as `ApiClient.get`.
        """
        return self._client.get("/account-info", decode=_account)

    def submit(
        self,
        kind: Kind,
        items: Sequence[Mapping[str, str]],
        *,
        reveal_email: bool = False,
        reveal_phone_numbers: bool = False,
    ) -> str:
        """POST an enrichment request. **This is what costs credits.**

        Args:
            kind: what the items are. Only requests for people know reveals, so others have none.
            items: leads, with the keys the API takes (api-notes: lead-keys); at least one, at most
                10,000, of addresses 100,000 (api-notes: batch-size, email-validations).
            reveal_email, reveal_phone_numbers: at a price (api-notes: credits).

        Returns:
            The API's id of the request, as text. Where the body has none, the one that the
            ``Location`` header points to (api-notes: request-id).

        Raises:
            ValueError: no items; the API answers 400 to an empty batch.
            OutcomeUnknown: nobody can know whether it was taken, or it was, without an id.
            ApiError: as `ApiClient.post`; nothing was bought.
        """
        if not items:
            raise ValueError("an enrichment request needs at least one item")
        body: dict[str, object] = {kind.payload_key: items}
        if kind.has_reveals:
            body["reveal_email"] = reveal_email
            body["reveal_phone_numbers"] = reveal_phone_numbers
        response = self._client.post(kind.path, msgspec.json.encode(body))
        request_id = id_of_accepted(response, kind)
        if request_id is None:
            what = "the request was taken, and its field `id` is no usable id"
            raise error_about(response, OutcomeUnknown, what)
        return request_id

    def read(self, kind: Kind, request_id: str) -> Page:
        """GET an enrichment request: a poll, and the first page once it is terminal.

        Raises:
            NotFound: the API does not know the request (any more).
            ApiError: as `ApiClient.get`, and `page_from`.
        """
        return self._client.get(
            _path(kind, request_id),
            decode=partial(page_from, kind=kind, request_id=request_id, clock=self._client.clock),
        )

    def next_page(self, page: Page) -> Page | None:
        """The page that ``page`` links to, or None after the last.

        Raises:
            NotFound: the API does not know the request any more.
            UnexpectedResponse: the link leaves the origin, leads to something else than the
                request, or the page has no ``results``.
            ApiError: as `read`.
        """
        if page.next_link is None:
            return None
        target = self._located(page, page.next_link)
        decode = partial(
            page_from,
            kind=page.kind,
            request_id=page.request_id,
            clock=self._client.clock,
            number=page.number + 1,
            must_have_rows=page.terminal,
        )
        try:
            return self._client.get(target, decode=decode)
        except NotFound as error:
            if error.path == _path(page.kind, page.request_id):
                raise
            # It is the link that is wrong: the request itself may be read again.
            broken = UnexpectedResponse(
                "the next page is not found",
                method=error.method,
                path=error.path,
                status=error.status,
                trace_id=error.trace_id,
            )
        raise broken

    def pages(
        self,
        first: Page,
        *,
        expected_rows: int,
        following: Callable[[Page], Page | None] | None = None,
    ) -> Iterator[Page]:
        """``first`` and every page after it, in order; each is fetched when it is asked for.

        Ends with an error where the links lead in a circle, and where they never end: more rows
        than twice those expected and a hundred are not waited for, an empty page counting as one
        row. The pages before the error have been yielded and are good.

        Args:
            first: what `read` or `cancel` returned, terminal.
            expected_rows: how many items the request was made of.
            following: gets the page after another, in place of `next_page`.

        Raises:
            UnexpectedResponse: a circle, or no end.
            ApiError: as `next_page`.
        """
        following = following or self.next_page
        visited = {_path(first.kind, first.request_id)}
        allowance = 2 * expected_rows + _SPARE_ROWS
        page: Page | None = first
        while page is not None:
            yield page
            allowance -= max(page.row_count, 1)
            if page.next_link is None:
                return
            # Decoded to the end, so that one page is one member however its link is written.
            mark = unquote(self._located(page, page.next_link))
            if mark in visited:
                raise _endless(page, "the next page is one that was already read")
            if allowance <= 0:
                raise _endless(page, f"the pages do not end, {expected_rows} rows were expected")
            visited.add(mark)
            page = following(page)

    def cancel(self, kind: Kind, request_id: str) -> Page:
        """PATCH the request to ``canceled``: stops it, returns the rows so far (api-notes: cancel).

        Raises:
            ApiError: as `read`; RequestRefused where it cannot be canceled any more.
        """
        return self._client.patch(
            _path(kind, request_id),
            b'{"status":"canceled"}',
            decode=partial(page_from, kind=kind, request_id=request_id, clock=self._client.clock),
        )

    def find_person(self, params: Mapping[str, str]) -> Found:
        """GET ``/people/find`` (api-notes: find): one person, at once, for credits if found.

        A GET that charges is repeated after a failure all the same: a person is charged at most
        once per 24 hours and a reveal once ever (api-notes: credits). While ``pending``, the caller
        waits and makes the same lookup again.

        Args:
            params: ``email``, ``linkedin_url``, ``name``, ``title``, ``company_name``,
                ``company_domain``, ``reveal_email``, ``reveal_phone_numbers`` (``"true"``). The API
                refuses ``reveal_email`` beside ``email`` (api-notes: reveal-beside-email).

        Raises:
            NotFound: nobody matched; nothing was charged.
            RemovedForPrivacy: the person asked to be forgotten.
            ApiError: as `ApiClient.get`.
        """
        return self._find(PEOPLE, "/people/find", params)

    def find_company(self, params: Mapping[str, str]) -> Found:
        """GET ``/companies/find`` (api-notes: find-company), by ``domain`` or ``linkedin_url``.

        Raises:
            NotFound: no company matched.
            ApiError: as `ApiClient.get`.
        """
        return self._find(COMPANIES, "/companies/find", params)

    def _find(self, kind: Kind, path: str, params: Mapping[str, str]) -> Found:
        def found(response: Response) -> Found:
            retry_after = response.retry_after(self._client.clock.now())
            found = Found(kind, response.status, response.body, retry_after, response.trace_id)
            if response.body or not found.pending:
                _decode(response, dict[str, msgspec.Raw], dict[str, Any])
            return found

        return self._client.get(path, params, decode=found)

    def _located(self, page: Page, link: str) -> str:
        path = _path(page.kind, page.request_id)
        return self._client.locate(link, path, trace_id=page.trace_id)


def _path(kind: Kind, request_id: str) -> str:
    return f"{kind.path}/{path_segment(request_id)}"


def _account(response: Response) -> AccountInfo:
    account = _decode(response, _Account, _Account)
    return AccountInfo(
        id="" if account.id is None else escaped(str(account.id)), name=escaped(account.name or "")
    )


def _decode(response: Response, shape: type[_T], lenient_shape: type[_T]) -> _T:
    try:
        return read_json(response.body, shape, lenient_shape)
    except msgspec.ValidationError as invalid:
        what = str(invalid)
    raise error_about(response, UnexpectedResponse, what)


def _endless(page: Page, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        f"{what} (after page {page.number})",
        method="GET",
        path=_path(page.kind, page.request_id),
        trace_id=page.trace_id,
    )
