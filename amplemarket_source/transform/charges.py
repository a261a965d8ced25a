"""What requests cost by the vendor's rules, so that the ledger says what the account was charged.

Found costs, at most once in 24 hours for a person or company; an address or phone numbers, if they
were asked for and came, once for ever (api-notes: credits, company-credits); an address that is
validated each time (api-notes: email-validations). So an estimate needs
to know what was charged before, by whatever request and for whatever lead: the table `CHARGES` has
the last charge of each sort. The 24 hours are between charges: what was found for nothing in
between does not count.

The time when a request was taken stands for the time of its charges, which the API does not tell:
its answers may be read days later. A load that comes again, because it was not finished, finds its
own charges at the destination and counts them, and so comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from amplemarket_source.kinds import kind_named
from amplemarket_source.ledger import Ledger
from amplemarket_source.pages import CompletedRequest
from amplemarket_source.schema.bookkeeping import CHARGES, ENRICHMENT_REQUESTS
from amplemarket_source.workbench import Workbench

__all__ = ["note_found", "priced"]

_FEW = 500
"""So many are looked for at once, without asking first whether there is any charge."""

# No id: what was charged for stays when the person is erased. What costs each time is compared with
# nothing.
_CHARGE_KEY = "CASE WHEN NOT $charges_each THEN left(sha256($kind || chr(30) || entity_id), 32) END"

_DUE = {
    # Requests may be priced in another order than they were answered in.
    "found": "NOT EXISTS (FROM charges c WHERE c.charge_key = f.charge_key "
    "AND c.reason = 'found' AND abs(epoch(f.found_at) - epoch(c.charged_at)) < 24 * 3600)",
    "email": "f.email AND NOT EXISTS "
    "(FROM charges c WHERE c.charge_key = f.charge_key AND c.reason = 'email')",
    "phone": "f.phone AND NOT EXISTS "
    "(FROM charges c WHERE c.charge_key = f.charge_key AND c.reason = 'phone')",
}
"""When somebody found is charged for, by reason."""

_DUE_ROWS = "SELECT charge_key, '{}' AS reason, request_key, found_at AS charged_at FROM found f"

_CHARGED = " UNION ALL ".join(
    [
        # Whom the load found once, whatever the order; of the others nothing is due any more.
        *(
            f"{_DUE_ROWS.format(reason)} WHERE list_contains($keys, request_key) AND {due}"
            for reason, due in _DUE.items()
        ),
        "SELECT * FROM charges WHERE list_contains($keys, request_key)",
    ]
)
"""All that the requests ``$keys`` are charged for, once `_charge_those_found_again` has been."""


_ROWS_AT_ONCE = 25_000
"""Four megabytes, as other batches have."""


def note_found(answer: CompletedRequest, found: pa.Table, workbench: Workbench) -> None:
    """Note in ``found`` whom a request found and what it revealed of them.

    Args:
        found: ``entity_id, position, has_email, has_phone``; without an id, each is another.
    """
    record = answer.record
    with workbench.view("found_rows", found):
        workbench.execute(
            f"""
            INSERT INTO found SELECT $request_key, {_CHARGE_KEY}, $at,
                $reveal_email AND bool_or(has_email), $reveal_phone_numbers AND bool_or(has_phone)
            FROM found_rows GROUP BY entity_id, CASE WHEN entity_id IS NULL THEN position END
            """,
            {
                "request_key": record.request_key,
                "kind": record.kind.name,
                "charges_each": record.kind.charges_each,
                "at": record.submitted_at or answer.summary.fetched_at,
                "reveal_email": record.reveal_email,
                "reveal_phone_numbers": record.reveal_phone_numbers,
            },
        )


def priced(
    ledger: Ledger, workbench: Workbench, load_id: str, batches: Iterable[Mapping[str, pa.Table]]
) -> Iterator[dict[str, pa.Table]]:
    """The batches of a load, its requests last and with their estimates, and `CHARGES`.

    Raises:
        DestinationError: what was charged before cannot be read.
    """
    requests: list[pa.Table] = []
    for batch in batches:
        others = dict(batch)
        if ENRICHMENT_REQUESTS.name in others:
            rows = others.pop(ENRICHMENT_REQUESTS.name)
            requests += [rows.slice(number, 1) for number in range(rows.num_rows)]
        yield others
    if not requests:
        return
    _read_charges(ledger, workbench)
    # In the order in which the vendor charges: who was found twice has cost the first request.
    requests.sort(key=_time_of)
    keys = [request.column("request_key")[0].as_py() for request in requests]
    _charge_those_found_again(keys, workbench)
    counts: dict[str, Counter[str]] = {key: Counter() for key in keys}
    for key, reason, count in workbench.rows(
        f"SELECT request_key, reason, count(*) FROM ({_CHARGED}) GROUP BY ALL", {"keys": keys}
    ):
        counts[key][reason] = count
    for key, request in zip(keys, requests, strict=True):
        yield {ENRICHMENT_REQUESTS.name: _with_estimates(request, counts[key])}
    for rows in _charges_of(keys, workbench, load_id):
        yield {CHARGES.name: rows}


def _time_of(request: pa.Table) -> datetime:
    completed_at: datetime = request.column("completed_at")[0].as_py()
    return request.column("submitted_at")[0].as_py() or completed_at


def _read_charges(ledger: Ledger, workbench: Workbench) -> None:
    """Fill ``charges`` with what requests were charged for the same before."""
    workbench.clear("charges")
    found = workbench.table("SELECT DISTINCT charge_key FROM found WHERE charge_key IS NOT NULL")
    keys = found.column("charge_key")
    if len(keys) > _FEW and not ledger.has_charges():
        return
    if len(keys):
        for chunk in ledger.charges(keys):
            workbench.append("charges", chunk)


def _charge_those_found_again(request_keys: Sequence[str], workbench: Workbench) -> None:
    """Add to ``charges`` what the requests, in their order, are charged for whom several found."""
    workbench.clear("found_again")
    workbench.execute(
        "INSERT INTO found_again SELECT charge_key FROM found "
        "WHERE charge_key IS NOT NULL GROUP BY charge_key HAVING count(*) > 1"
    )
    if not workbench.rows("FROM found_again LIMIT 1"):
        return
    for key in request_keys:
        for reason, due in _DUE.items():
            workbench.execute(
                f"INSERT INTO charges {_DUE_ROWS.format(reason)} WHERE request_key = ? "
                f"AND f.charge_key IN (FROM found_again) AND {due}",
                [key],
            )


def _with_estimates(request: pa.Table, counts: Mapping[str, int]) -> pa.Table:
    """The row of ``enrichment_requests`` with what it came to.

    Args:
        counts: charges by reason.
    """
    kind = kind_named(request.column("kind")[0].as_py())
    found = counts.get("found", 0) * kind.credits_per_found
    for name, estimate in {
        "email_credits_estimated": found + counts.get("email", 0),
        "phone_credits_estimated": float(counts.get("phone", 0)),
    }.items():
        place = request.schema.get_field_index(name)
        field = request.schema.field(place)
        request = request.set_column(place, field, pa.array([estimate], field.type))
    return request


def _charges_of(
    request_keys: Sequence[str], workbench: Workbench, load_id: str
) -> Iterator[pa.Table]:
    """Rows of `CHARGES`: what the requests were charged, unless a later charge is known."""
    for rows in workbench.batches(
        f"""
        SELECT charge_key, reason, request_key, charged_at, $load_id AS _dlt_load_id,
            charge_key || ':' || reason AS _dlt_id
        FROM ({_CHARGED}) AS c WHERE charge_key IS NOT NULL
        AND NOT EXISTS (FROM charges later WHERE later.charge_key = c.charge_key
            AND later.reason = c.reason AND later.charged_at > c.charged_at)
        """,
        {"keys": list(request_keys), "load_id": load_id},
        rows_at_once=_ROWS_AT_ONCE,
    ):
        yield rows.select(CHARGES.arrow_schema.names).cast(CHARGES.arrow_schema)
