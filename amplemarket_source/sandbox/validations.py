"""One order of e-mail validations on the server (api-notes: email-validations)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from amplemarket_source.sandbox.collection import drawn
from amplemarket_source.sandbox.credits import Account
from amplemarket_source.sandbox.enrichments import Enrichment
from amplemarket_source.sandbox.options import VALIDATIONS, Clock, SandboxOptions
from amplemarket_source.sandbox.validation import Batch

__all__ = ["Validation", "verdict"]

_RESULTS = ("undeliverable", "risky", "unknown")


def verdict(email: str) -> dict[str, Any]:
    """What validating an address gives: ``result`` as the address begins, else deliverable;
    ``catch_all`` where its domain begins so.

    Example::

        >>> verdict("risky.one@catchall.example")
        {'result': 'risky', 'catch_all': True}
    """
    local, _, domain = email.strip().casefold().rpartition("@")
    result = next((name for name in _RESULTS if local.startswith(name)), "deliverable")
    return {"result": result, "catch_all": domain.startswith("catchall")}


class Validation(Enrichment):
    """An order that was accepted: each address once, in the order of the first.

    Args:
        number: its number on this server; clients know it by a UUID.
    """

    def __init__(
        self,
        number: int,
        batch: Batch,
        options: SandboxOptions,
        account: Account,
        clock: Clock,
    ) -> None:
        once: dict[str, dict[str, str]] = {}
        for lead in batch.leads:
            once.setdefault(lead["email"].strip().casefold(), lead)
        leads = list(once.values())
        super().__init__(number, 1, VALIDATIONS, Batch(leads), options, account, clock)
        self.public_id = str(UUID(int=drawn(number, number) << 64 | 7 << 76 | 2 << 62 | number))
        self._places = {lead["email"]: place for place, lead in enumerate(leads)}

    def _progress(self, options: SandboxOptions) -> None:
        if options.validations_per_hour is None or not self.is_open:
            super()._progress(options)
            return
        elapsed = self._clock.monotonic() - self._started
        done = int(elapsed * options.validations_per_hour / 3600)
        if done >= self.count:
            self.settle(options)
        elif done:
            self.status = "processing"
            self._process(max(self.done, done), options)

    def _is_paid(self, lead: dict[str, str], options: SandboxOptions) -> bool:
        return self._account.charge_validation(lead["email"], self.id, options.email_credits)

    def _place(self, cursor: str) -> int:
        return self._places.get(cursor, self.count)

    def _cursor(self, row: dict[str, Any]) -> str:
        return str(row["email"])

    def _rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        return [
            {"object": "email_validation_result", **lead, **verdict(lead["email"])}
            for lead in self.leads(start, stop)
        ]
