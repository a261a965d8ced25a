"""One enrichment request on the server: its leads, its progress, its rows and pages."""

from __future__ import annotations

import zlib
from typing import Any, Literal
from urllib.parse import quote

import orjson

from amplemarket_source.sandbox.credits import Account
from amplemarket_source.sandbox.identity import Subject, lead_identity, subject_of
from amplemarket_source.sandbox.options import Clock, Kind, SandboxOptions, Variant
from amplemarket_source.sandbox.people import company, person
from amplemarket_source.sandbox.validation import Batch, Page

__all__ = ["OBJECTS", "Enrichment", "answer_for", "problem"]

OBJECTS = {
    "people": "person_enrichment",
    "companies": "company_enrichment",
    "email_validations": "email_validation",
}
_CHUNK = 100

Status = Literal["queued", "processing", "completed", "canceled", "error"]


def problem(status: int, code: str, title: str) -> dict[str, Any]:
    """One member of ``_errors``."""
    return {"status": str(status), "code": code, "title": title}


def answer_for(
    kind: Kind, subject: Subject, variant: Variant, *, reveal_email: bool, reveal_phones: bool
) -> dict[str, Any]:
    """The Person or Company object of a subject."""
    if kind.name == "companies":
        return company(subject, variant)
    return person(subject, variant, reveal_email=reveal_email, reveal_phone_numbers=reveal_phones)


class Enrichment:
    """A request that was accepted. Leads are kept compressed, rows are made when asked for.

    Args:
        number: the request's id.
        first_row: the id of its first row; row ids count on through all requests.

    Attributes:
        public_id: what clients are told, and ask by; the number, unless a fault has changed it.
    """

    def __init__(
        self,
        number: int,
        first_row: int,
        kind: Kind,
        batch: Batch,
        options: SandboxOptions,
        account: Account,
        clock: Clock,
    ) -> None:
        self.id = number
        self.public_id: int | str = number
        self.first_row = first_row
        self.kind = kind
        self.count = len(batch.leads)
        self.reveal_email = batch.reveal_email
        self.reveal_phone_numbers = batch.reveal_phone_numbers
        self.status: Status = "queued"
        self.done = 0
        self.polls = 0
        self.problems: list[dict[str, Any]] = []
        self._variant = options.variant
        self._omits_known_email = options.batch_with_known_email == "omitted"
        self._account = account
        self._clock = clock
        self._started = clock.monotonic()
        self._chunks = [
            zlib.compress(orjson.dumps(batch.leads[start : start + _CHUNK]), 1)
            for start in range(0, self.count, _CHUNK)
        ]

    @property
    def path(self) -> str:
        segment = quote(str(self.public_id), safe="")
        return f"{self.kind.path}/{segment if segment.strip('.') else segment.replace('.', '%2E')}"

    @property
    def is_open(self) -> bool:
        return self.status in ("queued", "processing")

    def leads(self, start: int = 0, stop: int | None = None) -> list[dict[str, str]]:
        """The leads from ``start`` up to ``stop``, as they were sent."""
        stop = self.count if stop is None else stop
        found: list[dict[str, str]] = []
        for number in range(start // _CHUNK, -(-stop // _CHUNK)):
            chunk = orjson.loads(zlib.decompress(self._chunks[number]))
            found += chunk[max(0, start - number * _CHUNK) : stop - number * _CHUNK]
        return found

    def poll(self, options: SandboxOptions) -> None:
        """Somebody asked: go on as far as the polls (or the time) so far allow."""
        self.polls += 1
        self._progress(options)

    def cancel(self, options: SandboxOptions) -> None:
        """Stop where it is; a request that has ended stays as it ended."""
        self._progress(options)
        if self.is_open:
            self.status = "canceled"

    def end(
        self, options: SandboxOptions, status: Status, problems: list[dict[str, Any]] | None = None
    ) -> None:
        """End with half of the rows done (or more, where more are done already)."""
        self._process(max(self.done, (self.count + 1) // 2), options)
        if self.is_open:
            self.status = status
            self.problems = problems or []

    def settle(self, options: SandboxOptions) -> None:
        """Run to the end, as the vendor's server would without any poll."""
        if self.is_open:
            self._process(self.count, options)
        if self.is_open:
            self.status = "completed"

    def _progress(self, options: SandboxOptions) -> None:
        if not self.is_open:
            return
        if options.seconds_until_done is None:
            share = self.polls / max(1, options.polls_until_done)
        else:
            elapsed = self._clock.monotonic() - self._started
            share = elapsed / options.seconds_until_done if options.seconds_until_done else 1.0
        if share >= 1:
            self.settle(options)
        elif share >= 0.5:
            self.status = "processing"
            self._process(max(self.done, int(self.count * share)), options)

    def _process(self, stop: int, options: SandboxOptions) -> None:
        with self._account.batch():
            for lead in self.leads(self.done, stop):
                if not self._is_paid(lead, options):
                    self.status = "error"
                    status = options.insufficient_status
                    title = "Insufficient Credits"
                    self.problems = [problem(status, "insufficient_credits", title)]
                    return
                self.done += 1

    def _is_paid(self, lead: dict[str, str], options: SandboxOptions) -> bool:
        subject = subject_of(self.kind.name, lead)
        return subject.outcome(self._variant) != "enriched" or self._account.charge(
            self.kind.name,
            subject,
            lead_identity(self.kind.name, lead),
            self.id,
            reveal_email=self._reveals_email(lead) and self._variant.has_emails,
            reveal_phone_numbers=self.reveal_phone_numbers and self._variant.has_phones,
            email_credits=options.email_credits,
            phone_credits=options.phone_credits,
        )

    def _reveals_email(self, lead: dict[str, str]) -> bool:
        return self.reveal_email and not (self._omits_known_email and "email" in lead)

    def document(self, page: Page) -> dict[str, Any]:
        """The request object (api-notes: request-object), with a page of results once ended."""
        links: dict[str, Any] = {"self": {"href": self.path}}
        rows: list[dict[str, Any]] = []
        if not self.is_open:
            start, stop = self._bounds(page)
            rows = self._rows(start, stop)
            href = f"{self.path}?page[size]={page.size}"
            if rows and stop < self.done:
                links["next"] = {"href": f"{href}&page[after]={self._cursor(rows[-1])}"}
            if rows and start > 0:
                links["prev"] = {"href": f"{href}&page[before]={self._cursor(rows[0])}"}
        document: dict[str, Any] = {
            "id": self.public_id,
            "object": OBJECTS[self.kind.name],
            "status": self.status,
            "results": rows,
            "_links": links,
        }
        if self.problems:
            document["_errors"] = self.problems
        return document

    def _bounds(self, page: Page) -> tuple[int, int]:
        if page.before is not None:
            stop = min(self.done, max(0, self._place(page.before)))
            return max(0, stop - page.size), stop
        after = -1 if page.after is None else self._place(page.after)
        start = min(self.done, max(0, after + 1))
        return start, min(self.done, start + page.size)

    def _place(self, cursor: str) -> int:
        """Where the row of a cursor is among the rows."""
        return int(cursor) - self.first_row

    def _cursor(self, row: dict[str, Any]) -> str:
        return str(row["id"])

    def _rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for number, lead in enumerate(self.leads(start, stop), start=self.first_row + start):
            subject = subject_of(self.kind.name, lead)
            outcome = subject.outcome(self._variant)
            result = None
            if outcome == "enriched":
                result = answer_for(
                    self.kind,
                    subject,
                    self._variant,
                    reveal_email=self._reveals_email(lead),
                    reveal_phones=self.reveal_phone_numbers,
                )
            row = {"id": number, "status": outcome, "result": result, **lead}
            if result is None and self._variant.missing_result == "absent":
                del row["result"]
            rows.append(row)
        return rows
