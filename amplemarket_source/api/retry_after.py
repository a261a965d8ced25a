"""``Retry-After``, in every form a server has been seen to write it."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST_WAIT", "parse_retry_after"]

LONGEST_WAIT = 3600.0
"""No header makes this process wait longer than this many seconds at once."""

_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, between 0 and `LONGEST_WAIT`, or None where the header says nothing usable.

    RFC 9110 10.2.3 allows whole seconds and an HTTP date. Fractions are accepted because servers
    send them. A date in the past is a wait that is over (0); a negative number or nonsense is a
    header that might as well be missing (None), so that the caller's own default applies.

    Args:
        value: the header as it came, or None where there was none.
        now: the wall clock, aware; the reference of the date form.

    Example::

        parse_retry_after("1.5", now)                            # 1.5
        parse_retry_after("Wed, 21 Oct 2026 07:28:00 GMT", now)  # seconds until then
        parse_retry_after("-3", now)                             # None
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        # "-0000" means UTC of unknown origin (RFC 5322 3.3); HTTP dates are always UTC.
        moment = moment.replace(tzinfo=timezone.utc)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_WAIT)
