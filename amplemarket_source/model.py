"""The things that pass through a run, and the words for them.

=====================  ============================================================================
`KindPlan`, `Plan`     what a run would buy, of one kind and in all, and its price
`Cap`                  the most credits of a run, or of its day or month
`Batch`                leads that one POST will carry; nothing has been sent
`RequestRecord`        an enrichment request as the ledger knows it
=====================  ============================================================================

An *enrichment request* has two names: ``request_key`` is ours and made before anything is sent,
``request_id`` is the API's and known once it took the request. The id of one HTTP call, which the
API gives in ``x-request-id``, is a ``trace_id``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from amplemarket_source.kinds import Kind

__all__ = [
    "DEFAULT_BASE_URL",
    "NOBODY",
    "NO_API_KEY",
    "TERMINAL",
    "UNSETTLED",
    "Batch",
    "Buyer",
    "Cap",
    "KindPlan",
    "Period",
    "Plan",
    "RequestRecord",
    "RunMark",
    "Status",
]

DEFAULT_BASE_URL = "https://api.amplemarket.com"

NO_API_KEY = (
    "No API key. Set sources.amplemarket.api_key: in the environment as"
    " SOURCES__AMPLEMARKET__API_KEY, or in .dlt/secrets.toml under [sources.amplemarket]"
    ' as api_key = "...". Keys are made in the dashboard, Settings > API.'
)

Status = Literal[
    "intended",
    "submitted",
    "queued",
    "processing",
    "completed",
    "canceled",
    "error",
    "expired",
    "held",
    "dropped",
]

TERMINAL: frozenset[str] = frozenset({"completed", "canceled", "error"})
"""The API finished the request; its rows can be read (api-notes: request-status)."""

UNSETTLED: frozenset[str] = frozenset({"held", "expired"})
"""Nobody can know what became of the money; a person decides (``amplemarket release``)."""


@dataclass(frozen=True)
class Batch:
    """Leads that one POST will carry; nothing has been sent.

    Attributes:
        request_key: ours, made before the request is sent.
        reveal_email, reveal_phone_numbers: what is asked for beside the person.
        positions: of its first and its last lead in the input; others may stand between them.
    """

    request_key: str
    kind: Kind
    lead_count: int
    reveal_email: bool
    reveal_phone_numbers: bool
    positions: tuple[int, int]

    # All prices are whole halves, which floating point holds exactly (api-notes: credits).

    @property
    def email_credits(self) -> float:
        """The most the batch can cost: every lead found, every address revealed."""
        return self.lead_count * (self.kind.credits_per_found + self.reveal_email)

    @property
    def phone_credits(self) -> float:
        """The most the batch can cost: every lead found with a phone number."""
        return self.lead_count * float(self.reveal_phone_numbers)

    @property
    def credits_at_stake(self) -> float:
        return self.email_credits + self.phone_credits

    @property
    def credits_per_lead(self) -> float:
        """The most that one lead can cost."""
        return self.kind.credits_per_found + self.reveal_email + self.reveal_phone_numbers

    def without(self, leads: int) -> Batch:
        """The batch with fewer leads, and the worst case of those that are left."""
        return replace(self, lead_count=self.lead_count - leads)


@dataclass(frozen=True)
class Buyer:
    """Whose request it is: another account, or another API, knows nothing of it.

    Attributes:
        account_id: as the API calls the account; None where nobody knows.
        origin: of the API, such as ``https://api.amplemarket.com``; None where nobody knows.
    """

    account_id: str | None
    origin: str | None

    def __str__(self) -> str:
        return f"account {self.account_id or 'unknown'} at {self.origin or 'an unknown address'}"

    def may_be(self, other: Buyer) -> bool:
        """Whether both can be one; what is not known contradicts nothing."""
        pairs = ((self.account_id, other.account_id), (self.origin, other.origin))
        return all(None in pair or pair[0] == pair[1] for pair in pairs)


NOBODY = Buyer(None, None)
"""Of a request that was recorded before buyers were."""


@dataclass(frozen=True)
class RunMark:
    """Which run something belongs to.

    Attributes:
        run_key: made when the run starts.
        label: who or what it is for, as the user says; None where nobody said.
    """

    run_key: str
    label: str | None = None


@dataclass(frozen=True)
class RequestRecord:
    """A row of ``enrichment_requests``, as far as a run needs it.

    Attributes:
        buyer: who alone can ask for its answers.
        run: that bought it; None of one that was recorded before runs were.
    """

    request_key: str
    kind: Kind
    status: Status
    request_id: str | None
    lead_count: int
    email_credits: float
    phone_credits: float
    submitted_at: datetime | None = None
    reveal_email: bool = False
    reveal_phone_numbers: bool = False
    buyer: Buyer = NOBODY
    run: RunMark | None = None

    @property
    def credits_at_stake(self) -> float:
        return self.email_credits + self.phone_credits

    @property
    def is_resumable(self) -> bool:
        """Whether the API can be asked about it."""
        return self.request_id is not None and self.status not in UNSETTLED


_ROWS_PER_PAGE = 100  # the API's default and largest documented page (api-notes: page-size)
_POLLS = 2


@dataclass(frozen=True)
class KindPlan:
    """What a run would buy of one kind, and what that costs.

    Attributes:
        read: input rows.
        invalid: rows that went to ``rejects``.
        duplicate: valid rows whose lead was already in the input.
        fresh: leads with an outcome that is young enough.
        suppressed: leads that were erased and are never sent.
        in_flight: leads that an unfinished request already asks for; ``held`` of them wait for
            a decision (``amplemarket release``).
        to_buy: leads that would be sent.
        hit_rate: share of the leads asked for so far that were found; None before the first, and
            where nothing is to buy.
        incomplete: valid rows of which some field cannot be sent; it is in ``rejects``.
        blank: rows that were passed over, as they say nothing to ask with.
        columns: what was taken for what: our name of a column, and the input's.
        ignored_columns: columns of the input that are not read.
    """

    kind: str
    read: int
    invalid: int
    duplicate: int
    fresh: int
    suppressed: int
    in_flight: int
    held: int
    to_buy: int
    requests_per_minute: float
    hit_rate: float | None = None
    incomplete: int = 0
    blank: int = 0
    columns: dict[str, list[str]] = field(default_factory=dict)
    ignored_columns: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = field(default=(), repr=False)

    @property
    def email_credits_max(self) -> float:
        """Email credits if every lead is found and every address revealed."""
        return sum(batch.email_credits for batch in self.batches)

    @property
    def phone_credits_max(self) -> float:
        """Phone credits if every lead is found with a phone number."""
        return sum(batch.phone_credits for batch in self.batches)

    @property
    def email_credits_estimated(self) -> float | None:
        """What the worst case comes to if as many are found as so far."""
        return self._estimated(self.email_credits_max)

    @property
    def phone_credits_estimated(self) -> float | None:
        """What the worst case comes to if as many are found as so far."""
        return self._estimated(self.phone_credits_max)

    def _estimated(self, most: float) -> float | None:
        if not self.batches:
            return 0.0
        return None if self.hit_rate is None else most * self.hit_rate

    @property
    def least_seconds(self) -> float:
        """Least time at the rate limit: one POST, two polls and the pages of each request.

        Of what the API itself works off at a rate, at least that.
        """
        calls = sum(
            1 + _POLLS + max(0, -(-batch.lead_count // _ROWS_PER_PAGE) - 1)
            for batch in self.batches
        )
        working = sum(batch.kind.seconds_for(batch.lead_count) for batch in self.batches)
        return max(calls * 60 / self.requests_per_minute, working)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for ``--json``."""
        fields = asdict(self)
        del fields["batches"]
        return {
            **fields,
            "ignored_columns": list(self.ignored_columns),
            "requests": len(self.batches),
            "email_credits_max": self.email_credits_max,
            "phone_credits_max": self.phone_credits_max,
            "email_credits_estimated": self.email_credits_estimated,
            "phone_credits_estimated": self.phone_credits_estimated,
            "least_seconds": round(self.least_seconds, 1),
        }


Period = Literal["run", "day", "month"]
"""What a cap on credits holds for; days and months are those of UTC."""


@dataclass(frozen=True)
class Cap:
    """The most credits that may be committed in a period.

    Attributes:
        credits: e-mail and phone credits together.
        committed: what earlier requests of the period have cost, or can still cost.
    """

    credits: float
    per: Period
    committed: float = 0.0

    def leads_paid_for(self, batches: Iterable[Batch]) -> int:
        """How many leads of the batches, in order, the cap pays for at the worst case."""
        room, paid_for = self.credits - self.committed, 0
        for batch in batches:
            leads = max(0, min(batch.lead_count, int(room // batch.credits_per_lead)))
            paid_for += leads
            if leads < batch.lead_count:
                break
            room -= batch.credits_at_stake
        return paid_for


@dataclass(frozen=True)
class Plan:
    """What a run would do and cost, before anything is sent.

    Attributes:
        kinds: one for each kind of input.
        cap: on the credits of the run, or of its day or month; None where there is none.

    Example::

        plan = amplemarket_source.plan(pipeline, leads="leads.csv", reveal_email=True)
        plan.to_buy, plan.email_credits_max     # (400, 600.0)
    """

    kinds: tuple[KindPlan, ...] = ()
    cap: Cap | None = None

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Every POST that the run would make, in order."""
        return tuple(batch for kind in self.kinds for batch in kind.batches)

    @property
    def to_buy(self) -> int:
        """Leads that would be sent."""
        return sum(kind.to_buy for kind in self.kinds)

    @property
    def leads_beyond_cap(self) -> int:
        """Leads that would not be sent because ``max_credits`` does not pay for them."""
        return 0 if self.cap is None else self.to_buy - self.cap.leads_paid_for(self.batches)

    @property
    def email_credits_max(self) -> float:
        """Email credits if every lead is found and every address revealed."""
        return sum(kind.email_credits_max for kind in self.kinds)

    @property
    def phone_credits_max(self) -> float:
        """Phone credits if every lead is found with a phone number."""
        return sum(kind.phone_credits_max for kind in self.kinds)

    @property
    def least_seconds(self) -> float:
        """Least time at the rate limit."""
        return sum(kind.least_seconds for kind in self.kinds)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``amplemarket plan --json`` prints it."""
        cap = None
        if self.cap is not None:
            cap = {
                "max_credits": self.cap.credits,
                "max_credits_per": self.cap.per,
                "committed": self.cap.committed,
                "leads_beyond": self.leads_beyond_cap,
            }
        return {"plans": [kind.to_dict() for kind in self.kinds], "cap": cap}
