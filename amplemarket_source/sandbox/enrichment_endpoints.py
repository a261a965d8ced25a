"""The endpoints of enrichment and of e-mail validation: starting, reading and canceling a request,
and the one lookup."""

from __future__ import annotations

from amplemarket_source.sandbox.endpoint import Endpoint, Handler, Limit
from amplemarket_source.sandbox.enrichments import answer_for
from amplemarket_source.sandbox.exchange import Exchange, SandboxResponse, insufficient, refusal
from amplemarket_source.sandbox.identity import lead_identity, subject_of
from amplemarket_source.sandbox.options import COMPANIES, PEOPLE, VALIDATIONS, Kind
from amplemarket_source.sandbox.state import Sandbox
from amplemarket_source.sandbox.validation import (
    Paging,
    read_batch,
    read_cancel,
    read_find,
    read_page,
)

__all__ = ["ENRICHMENT_ENDPOINTS"]


def _account_info(sandbox: Sandbox, _: Exchange) -> SandboxResponse:
    options = sandbox.options
    return SandboxResponse(200, {"id": options.account_id, "name": options.account_name})


def _paging(sandbox: Sandbox, kind: Kind) -> Paging:
    size = sandbox.options.page_size
    return Paging(size, size, cursor=".+" if kind is VALIDATIONS else "[0-9]{1,18}")


def _start(kind: Kind) -> Handler:
    def start(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        batch = read_batch(kind, exchange.body, sandbox.options)
        if sandbox.is_out_of_credits(kind):
            return insufficient(sandbox.options)
        enrichment = sandbox.accept(kind, batch)
        exchange.enrichment = enrichment
        page = read_page([], _paging(sandbox, kind), sandbox.options)
        return SandboxResponse(202, enrichment.document(page), {"Location": enrichment.path})

    return start


def _read(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    if exchange.enrichment is None:
        return _no_such_request()
    paging = _paging(sandbox, exchange.enrichment.kind)
    page = read_page(exchange.query, paging, sandbox.options)
    exchange.enrichment.poll(sandbox.options)
    headers = {}
    if exchange.enrichment.is_open:
        headers["Retry-After"] = sandbox.options.retry_after_header
    else:
        exchange.rows_key = "results"
    return SandboxResponse(200, exchange.enrichment.document(page), headers)


def _cancel(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
    if exchange.enrichment is None:
        return _no_such_request()
    paging = _paging(sandbox, exchange.enrichment.kind)
    page = read_page(exchange.query, paging, sandbox.options)
    read_cancel(exchange.body)
    exchange.enrichment.cancel(sandbox.options)
    exchange.rows_key = "results"
    return SandboxResponse(200, exchange.enrichment.document(page))


def _no_such_request() -> SandboxResponse:
    return refusal(404, "not_found", "Enrichment Request Not Found")  # the code is invented


def _find(kind: Kind) -> Handler:
    def find(sandbox: Sandbox, exchange: Exchange) -> SandboxResponse:
        options = sandbox.options
        batch = read_find(kind, exchange.query, options)
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
            reveal_email=batch.reveal_email and options.variant.has_emails,
            reveal_phone_numbers=batch.reveal_phone_numbers and options.variant.has_phones,
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
            return SandboxResponse(
                202, document, {"Retry-After": sandbox.options.retry_after_header}
            )
        return SandboxResponse(200, document)

    return find


def _of_kind(kind: Kind) -> tuple[Endpoint, ...]:
    one = f"{kind.path}/{{number:path}}"
    what = "order of validations" if kind is VALIDATIONS else f"enrichment of {kind.name}"
    return (
        Endpoint("POST", kind.path, _start(kind), f"starts an {what}", kind),
        Endpoint("GET", one, _read, "reads it, and its results page by page", kind),
        Endpoint("PATCH", one, _cancel, "cancels it", kind),
    )


ENRICHMENT_ENDPOINTS = (
    Endpoint("GET", "/account-info", _account_info, "the account behind the key"),
    *_of_kind(PEOPLE),
    Endpoint("GET", "/people/find", _find(PEOPLE), "one person", limit=Limit(350)),
    *_of_kind(COMPANIES),
    Endpoint("GET", "/companies/find", _find(COMPANIES), "one company"),
    *_of_kind(VALIDATIONS),
)
