"""The state of one sandbox: account, requests, faults, and the log of what was asked of it."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from amplemarket_source.sandbox.credits import Account, Charge
from amplemarket_source.sandbox.enrichments import Enrichment
from amplemarket_source.sandbox.faults import FaultBook, FaultLike
from amplemarket_source.sandbox.identity import lead_identity
from amplemarket_source.sandbox.options import (
    KINDS,
    VALIDATIONS,
    Clock,
    Kind,
    KindName,
    SandboxOptions,
    SystemClock,
    changed,
    kind_named,
)
from amplemarket_source.sandbox.validation import Batch
from amplemarket_source.sandbox.validations import Validation
from amplemarket_source.sandbox.workspace import Workspace

__all__ = ["Call", "Sandbox"]


class Call(NamedTuple):
    """One call that reached the server; ``status`` is None where no whole answer was sent."""

    method: str
    path: str
    query: str
    status: int | None


class Sandbox:
    """Everything the server knows. Readable and settable from another thread while it serves.

    Args:
        options: settings; see ``SandboxOptions``.
        faults: switches that are on from the start, as ``Fault`` or by name.
        clock: time for the 24-hour rule, the rate limit and ``seconds_until_done``.

    Attributes:
        workspace: users, tasks, calls and the rest, and how they are changed.

    Example::

        with SandboxServer(SandboxOptions(polls_until_done=1)) as server:
            server.sandbox.set_faults("poll_503")
            ...
            assert server.sandbox.submitted("people")["email=ada@site.example"] == 1
    """

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        faults: Iterable[FaultLike] = (),
        clock: Clock | None = None,
    ) -> None:
        self.options: SandboxOptions = options or SandboxOptions()
        self.clock = clock or SystemClock()
        self.faults = FaultBook(faults)
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}
        self.account = Account(self.clock)
        self._forget_everything()

    def _forget_everything(self) -> None:
        self.workspace = Workspace(lambda: self.options, self.clock)
        self.requests: dict[int, Enrichment] = {}
        self.calls: list[Call] = []
        self._next_row = 1
        self._answered: defaultdict[str, deque[float]] = defaultdict(deque)
        self._finds: Counter[tuple[tuple[str, str], ...]] = Counter()

    # What a test or a user does with it.

    def configure(self, **changes: Any) -> None:
        """Change options by name; the fields of the variant (``children="none"``) and of the
        workspace (``calls=10``) count as options. Another ``seed`` makes the workspace anew.

        Raises:
            ValueError: there is no such option, or the value has another type.
        """
        self.options = changed(self.options, changes)
        if self.options.workspace.seed != self.workspace.seed:
            self.workspace = Workspace(lambda: self.options, self.clock)

    def set_faults(self, *faults: FaultLike) -> None:
        """Make these the switches that are on; without any, all are off."""
        self.faults.set(faults)

    def reset(self) -> None:
        """Forget requests, charges, calls and what was changed in the workspace, switch all
        faults off; the options stay."""
        self.account.close()
        self.account = Account(self.clock)
        self.faults.set(())
        self._forget_everything()

    def settle(self) -> None:
        """Run every accepted request to its end, as the vendor would without being polled."""
        for enrichment in list(self.requests.values()):
            enrichment.settle(self.options)

    @property
    def charges(self) -> list[Charge]:
        """The charge log, oldest first."""
        return self.account.charges()

    def submitted(self, kind: KindName) -> Counter[str]:
        """How often each lead was accepted, by what ``lead_identity`` calls it."""
        return Counter(
            lead_identity(kind, lead)
            for enrichment in list(self.requests.values())
            if enrichment.kind is kind_named(kind)
            for lead in enrichment.leads()
        )

    def log(self, *, with_leads: bool = True) -> dict[str, Any]:
        """The log as ``GET /_sandbox/log`` shows it."""
        posts = [
            {
                "id": enrichment.id,
                "kind": enrichment.kind.name,
                "status": enrichment.status,
                "leads": enrichment.count,
                "done": enrichment.done,
                "reveal_email": enrichment.reveal_email,
                "reveal_phone_numbers": enrichment.reveal_phone_numbers,
            }
            for enrichment in list(self.requests.values())
        ]
        totals = {
            "posts": len(posts),
            "leads": sum(enrichment.count for enrichment in list(self.requests.values())),
            "email_credits": self.account.email_spent,
            "phone_credits": self.account.phone_spent,
        }
        if not with_leads:
            return {"totals": totals, "posts": posts}
        charges = self.charges
        return {
            "totals": totals,
            "posts": posts,
            "submitted": {kind.name: self.submitted(kind.name) for kind in KINDS},
            "charged": {
                reason: Counter(charge.lead for charge in charges if charge.reason == reason)
                for reason in ("found", "email", "phone", "validation")
            },
            "charges": [charge._asdict() for charge in charges],
        }

    # What the endpoints ask of it.

    def accept(self, kind: Kind, batch: Batch) -> Enrichment:
        """Take a valid batch in; from here on it is a request that will be charged."""
        number = len(self.requests) + 1
        enrichment: Enrichment
        if kind is VALIDATIONS:
            enrichment = Validation(number, batch, self.options, self.account, self.clock)
        else:
            enrichment = Enrichment(
                number, self._next_row, kind, batch, self.options, self.account, self.clock
            )
        self._next_row += enrichment.count
        self.requests[number] = enrichment
        return enrichment

    def request(self, public_id: str) -> Enrichment | None:
        """The request that clients know by this id."""
        if re.fullmatch(r"[0-9]{1,9}", public_id):
            return self.requests.get(int(public_id))
        named = (one for one in list(self.requests.values()) if one.public_id == public_id)
        return next(named, None)

    def is_out_of_credits(self, kind: Kind) -> bool:
        """Not even one found entity could be paid."""
        most = self.options.email_credits
        return most is not None and most - self.account.email_spent < kind.credits_per_found

    def is_pending_find(self, query: list[tuple[str, str]]) -> bool:
        """Whether this same lookup was asked too few times for its reveal to be ready."""
        key = tuple(sorted(query))
        self._finds[key] += 1
        return self._finds[key] <= self.options.pending_finds

    def wait_for_rate(self, endpoint: str, calls: int | None, minutes: int) -> int | None:
        """None where the call is within the limits, else whole seconds until one is.

        Args:
            endpoint: whose own limit is meant, ``calls`` in so many ``minutes``, if it has one.
        """
        everything = self.options.requests_per_minute
        if everything is None:
            return None
        now = self.clock.monotonic()
        limits = [("", everything, 1)] + ([(endpoint, calls, minutes)] if calls else [])
        for name, most, length in limits:
            answered = self._answered[name]
            until = now - self.options.window_seconds * length
            while answered and answered[0] <= until:
                answered.popleft()
            if len(answered) >= most:
                return max(1, math.ceil(answered[0] - until))
        for name, *_ in limits:
            self._answered[name].append(now)
        return None
