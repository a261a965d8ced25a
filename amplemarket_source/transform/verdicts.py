"""Rows that are the answer themselves, in the shape of those that have it beside them.

A row about a person says ``{"id": 7, "status": "enriched", "email": ..., "result": {...}}``; one
about an address that was validated is all answer: ``{"object": "email_validation_result", "email":
..., "result": "deliverable", "catch_all": false}`` (api-notes: email-validations). What comes after
parsing knows the first shape only:

===================  ===========================================================================
``id``               that of the row, should it have one some day
``status``           ``enriched`` where there is a verdict; what redacting made of the row; else
                     null, so that the row is in ``rejects`` and its lead unanswered
``result``           all fields but ``id``, and as ``id`` the ``lead_key`` of the address
===================  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amplemarket_source.identity import address_keys
from amplemarket_source.transform.flatten import field_of
from amplemarket_source.transform.values import identity_of

__all__ = ["REDACTED", "keys_of_rows", "nested", "status_of"]

REDACTED = ("gdpr_removed", "withheld")
"""What redacting writes into a row (`amplemarket_source.privacy.redact`)."""


def nested(rows: pa.StructArray) -> pa.StructArray:
    """Rows as the strict parser gives them, in the shape of rows about people.

    Raises:
        pyarrow.ArrowInvalid: a row with a verdict names no address.
    """
    count = len(rows)
    emails, given = field_of(rows, "email"), field_of(rows, "status")
    has_verdict = pc.is_valid(field_of(rows, "result"))
    status = pc.if_else(has_verdict, "enriched", pa.scalar(None, pa.string()))
    if given is not None and pa.types.is_string(given.type):
        is_redacted = pc.is_in(given, value_set=pa.array(REDACTED))
        status = pc.if_else(is_redacted, given, status)
    keys = address_keys(emails)
    is_answer = pc.fill_null(pc.equal(status, "enriched"), False)
    if pc.any(pc.and_(is_answer, pc.is_null(keys))).as_py():
        raise pa.ArrowInvalid("a verdict about no address")
    names = [field.name for field in rows.type if field.name != "id"]
    answers = pa.StructArray.from_arrays(
        [keys, *(field_of(rows, name) for name in names)],
        ["id", *names],
        mask=pc.invert(is_answer),
    )
    row_ids = field_of(rows, "id")
    row_ids = pa.nulls(count, pa.string()) if row_ids is None else pc.cast(row_ids, pa.string())
    return pa.StructArray.from_arrays(
        [row_ids, status, emails, answers], ["id", "status", "email", "result"]
    )


def keys_of_rows(rows: Sequence[Any]) -> list[str | None]:
    """The ``lead_key`` of the address that each row names, of rows as they were decoded."""
    emails = pa.array([identity_of(row, "email") for row in rows], pa.string())
    keys: list[str | None] = address_keys(emails).to_pylist()
    return keys


def status_of(row: Mapping[str, Any]) -> str | None:
    """The same status of one row as it was decoded."""
    if row.get("status") in REDACTED:
        return str(row["status"])
    return None if row.get("result") is None else "enriched"
