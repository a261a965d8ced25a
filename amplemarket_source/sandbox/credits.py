"""What the account pays, and the log of it.

(api-notes: credits, company-credits, email-validations)

| event | cost |
|---|---|
| a person or company found | 0.5 e-mail credit, at most once in 24 hours for each of them |
| an e-mail address revealed | 1 e-mail credit, once for ever |
| phone numbers revealed | 1 phone credit for the person, once for ever |
| an address validated | 1 e-mail credit, each time |
| not found, or removed for privacy, or a reveal by which nothing came | nothing |

The log lives in a private temporary database, so that a million leads cost disk, not memory.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

from amplemarket_source.sandbox.identity import Subject
from amplemarket_source.sandbox.options import Clock, KindName, kind_named

__all__ = ["Account", "Charge", "Prices"]

PAID_FOR = timedelta(hours=24)
_NEVER = -1.0

_SCHEMA = """
CREATE TABLE paid (seed INTEGER PRIMARY KEY, found_at REAL, email INTEGER, phone INTEGER);
CREATE TABLE charge (
    sequence INTEGER PRIMARY KEY, charged_at TEXT, kind TEXT, reason TEXT, request_id INTEGER,
    lead TEXT, entity_id TEXT, credits REAL);
"""


class Charge(NamedTuple):
    """One line of the log: credits taken for one reason, for one lead.

    ``request_id`` is None for the synchronous ``find``; ``reason`` ``phone`` takes phone credits,
    the others e-mail credits; ``lead`` is what ``lead_identity`` gives; ``entity_id`` is empty for
    an address that was validated.
    """

    sequence: int
    charged_at: str
    kind: KindName
    reason: Literal["found", "email", "phone", "validation"]
    request_id: int | None
    lead: str
    entity_id: str
    credits: float


@dataclass(frozen=True)
class Prices:
    """What one found lead costs now."""

    found: float
    email: float
    phone: float


class Account:
    """The balance of an account and everything it was ever charged.

    Args:
        clock: ``now()`` decides the 24 hours.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # An empty name is a private file that SQLite removes itself; readers are other threads.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript("PRAGMA cache_size=-32768; PRAGMA journal_mode=OFF;" + _SCHEMA)
        self.email_spent = 0.0
        self.phone_spent = 0.0

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Many charges at the speed of one transaction; one thread at a time."""
        with self._lock:
            self._database.execute("BEGIN")
            try:
                yield
            finally:
                self._database.execute("COMMIT")

    def charge(
        self,
        kind: KindName,
        subject: Subject,
        lead: str,
        request_id: int | None,
        *,
        reveal_email: bool,
        reveal_phone_numbers: bool,
        email_credits: float | None,
        phone_credits: float | None,
    ) -> bool:
        """Charge one found lead; all of it, or nothing where the balance does not reach.

        Args:
            reveal_email, reveal_phone_numbers: asked for, and something comes.
            email_credits, phone_credits: all the account ever had, None without end.

        Returns:
            False where the account cannot pay.
        """
        now = self._clock.now()
        found_at, email_paid, phone_paid = self._paid(subject)
        due = now.timestamp() - found_at >= PAID_FOR.total_seconds() or found_at == _NEVER
        prices = Prices(
            found=kind_named(kind).credits_per_found if due else 0.0,
            email=float(reveal_email and not email_paid),
            phone=float(reveal_phone_numbers and not phone_paid),
        )
        email_total = self.email_spent + prices.found + prices.email
        phone_total = self.phone_spent + prices.phone
        if (email_credits is not None and email_total > email_credits) or (
            phone_credits is not None and phone_total > phone_credits
        ):
            return False
        self.email_spent, self.phone_spent = email_total, phone_total
        self._record(kind, subject, lead, request_id, prices)
        self._database.execute(
            "INSERT OR REPLACE INTO paid VALUES (?, ?, ?, ?)",
            (
                subject.seed,
                now.timestamp() if due else found_at,
                email_paid or reveal_email,
                phone_paid or reveal_phone_numbers,
            ),
        )
        return True

    def charge_validation(
        self, email: str, request_id: int | None, email_credits: float | None
    ) -> bool:
        """Charge one validated address.

        Returns:
            False where the account cannot pay.
        """
        if email_credits is not None and self.email_spent + 1 > email_credits:
            return False
        self.email_spent += 1
        self._write("email_validations", "validation", request_id, f"email={email}", "", 1.0)
        return True

    def charges(self) -> list[Charge]:
        """The log, oldest first."""
        rows = self._database.execute("SELECT * FROM charge ORDER BY sequence")
        return [Charge(*row) for row in rows]

    def _paid(self, subject: Subject) -> tuple[float, bool, bool]:
        row = self._database.execute(
            "SELECT found_at, email, phone FROM paid WHERE seed = ?", (subject.seed,)
        ).fetchone()
        return (_NEVER, False, False) if row is None else (row[0], bool(row[1]), bool(row[2]))

    def _record(
        self,
        kind: KindName,
        subject: Subject,
        lead: str,
        request_id: int | None,
        prices: Prices,
    ) -> None:
        for reason, price in (
            ("found", prices.found),
            ("email", prices.email),
            ("phone", prices.phone),
        ):
            if price:
                self._write(kind, reason, request_id, lead, subject.entity_id, price)

    def _write(
        self,
        kind: KindName,
        reason: str,
        request_id: int | None,
        lead: str,
        entity_id: str,
        price: float,
    ) -> None:
        self._database.execute(
            "INSERT INTO charge VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (self._clock.now().isoformat(), kind, reason, request_id, lead, entity_id, price),
        )
