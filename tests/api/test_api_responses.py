from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amplemarket_source.api.responses import LONGEST_WAIT, parse_retry_after

NOW = datetime(2026, 10, 21, 7, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("Wed, 21 Oct 2026 07:00:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:00:30 -0000", 30.0),
        ("Wednesday, 21-Oct-26 07:00:30 GMT", 30.0),
        ("Wed Oct 21 07:00:30 2026", 30.0),
        ("Wed, 21 Oct 2026 06:00:00 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("99999999999999999999", LONGEST_WAIT),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("5, 5", None),
        ("Wed, 99 Oct 2026 07:00:30 GMT", None),
        (None, None),
    ],
)
def test_every_form_of_retry_after_is_read_as_documented(
    header: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(header, NOW) == seconds


@given(st.text())
def test_no_header_can_crash_or_exceed_the_bound(header: str) -> None:
    seconds = parse_retry_after(header, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT
