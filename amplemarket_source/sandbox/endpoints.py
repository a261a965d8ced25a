"""What each documented endpoint does, without faults, transport or authentication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amplemarket_source.model import COMPANIES, PEOPLE, Kind
from amplemarket_source.sandbox.enrichments import answer_for
from amplemarket_source.sandbox.exchange import Answer, Exchange, refusal
from amplemarket_source.sandbox.identity import lead_identity, subject_of
from amplemarket_source.sandbox.options import SandboxOptions
from amplemarket_source.sandbox.validation import read_batch, read_cancel, read_find, read_page

__all__ = ["ENDPOINTS", "Endpoint", "insufficient"]


@dataclass(frozen=True)
class Endpoint:
    """A route: ``{number}`` in the path is the id of an enrichment request of ``kind``."""

    method: str
    path: str
    handle: Callable[[Exchange], Answer]
    kind: Kind | None = None


def insufficient(options: SandboxOptions) -> Answer:
    """The account cannot pay; the HTTP status is not documented (API facts 7)."""
    return refusal(options.insufficient_status, "insufficient_credits", "Insufficient Credits")


def _account_info(exchange: Exchange) -> Answer:
    name = exchange.sandbox.options.account_name
    return Answer(200, {"id": "00000000-0000-7000-8000-000000000001", "name": name})


def _start(kind: Kind) -> Callable[[Exchange], Answer]:
    def start(exchange: Exchange) -> Answer:
        sandbox = exchange.sandbox
        batch = read_batch(kind, exchange.body, sandbox.options.max_leads)
        if sandbox.is_out_of_credits(kind):
            return insufficient(sandbox.options)
        enrichment = sandbox.accept(kind, batch)
        exchange.enrichment = enrichment
        page = read_page([], sandbox.options.page_size)
        return Answer(202, enrichment.document(page), {"Location": enrichment.path})

    return start


def _read(exchange: Exchange) -> Answer:
    if exchange.enrichment is None:
        return _no_such_request()
    page = read_page(exchange.query, exchange.sandbox.options.page_size)
    exchange.enrichment.poll(exchange.sandbox.options)
    headers = {}
    if exchange.enrichment.is_open:
        headers["Retry-After"] = exchange.sandbox.retry_after
    return Answer(200, exchange.enrichment.document(page), headers)


def _cancel(exchange: Exchange) -> Answer:
    if exchange.enrichment is None:
        return _no_such_request()
    page = read_page(exchange.query, exchange.sandbox.options.page_size)
    read_cancel(exchange.body)
    exchange.enrichment.cancel(exchange.sandbox.options)
    return Answer(200, exchange.enrichment.document(page))


def _no_such_request() -> Answer:
    return refusal(404, "not_found", "Enrichment Request Not Found")  # the code is invented


def _find(kind: Kind) -> Callable[[Exchange], Answer]:
    def find(exchange: Exchange) -> Answer:
        sandbox, options = exchange.sandbox, exchange.sandbox.options
        batch = read_find(kind, exchange.query)
        lead = batch.leads[0]
        subject = subject_of(kind.name, lead)
        outcome = subject.outcome(options.variant)
        if outcome == "gdpr_removed":
            return refusal(451, "unavailable_for_legal_reasons", "Unavailable For Legal Reasons")
        if outcome == "not_found":
            # The companies' code is invented: the docs show person_not_found only.
            what = "person" if kind is PEOPLE else "company"
            return refusal(404, f"{what}_not_found", f"{what.title()} Not Found")
        if not sandbox.account.charge(
            kind.name,
            subject,
            lead_identity(kind.name, lead),
            None,
            reveal_email=batch.reveal_email,
            reveal_phone_numbers=batch.reveal_phone_numbers,
            email_credits=options.email_credits,
            phone_credits=options.phone_credits,
        ):
            return insufficient(options)
        is_pending = (batch.reveal_email or batch.reveal_phone_numbers) and (
            sandbox.is_pending_find(exchange.query)
        )
        document = answer_for(
            kind,
            subject,
            options.variant,
            reveal_email=batch.reveal_email and not is_pending,
            reveal_phones=batch.reveal_phone_numbers and not is_pending,
        )
        if is_pending:
            return Answer(202, document, {"Retry-After": sandbox.retry_after})
        return Answer(200, document)

    return find


ENDPOINTS = (
    Endpoint("GET", "/account-info", _account_info),
    *(
        endpoint
        for kind in (PEOPLE, COMPANIES)
        for endpoint in (
            Endpoint("POST", kind.path, _start(kind), kind),
            Endpoint("GET", f"{kind.path}/{{number}}", _read, kind),
            Endpoint("PATCH", f"{kind.path}/{{number}}", _cancel, kind),
            Endpoint("GET", f"/{kind.name}/find", _find(kind), kind),
        )
    ),
)
