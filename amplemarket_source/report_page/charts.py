"""Where the marks of a chart go, in the units of its drawing; the template only draws them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from amplemarket_source.report_page.figures import Figures, Request, Spent, Unit, start_of

__all__ = ["Bar", "BarChart", "Dot", "Timeline", "bar_chart", "timeline"]

_FEWEST = 12
"""Periods that a chart shows at least, so that a first run's bar does not fill it."""
_MOST = {"day": 60, "week": 26, "month": 24}
_WIDTH, _LEFT, _RIGHT = 960, 52, 8
_TOP, _HEIGHT = 8, 200
_LANES = 6


@dataclass(frozen=True)
class Bar:
    """One period: heights and places in the units of the drawing."""

    at: datetime
    spent: Spent
    x: float
    width: float
    email_y: float
    email_height: float
    phone_y: float
    phone_height: float
    most_y: float
    most_height: float
    label: str

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class BarChart:
    """Credits by period.

    Attributes:
        ticks: ``(y, value)`` of the lines across.
        left_out: periods before the first that is shown, with something bought in them.
    """

    unit: Unit
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, float], ...]
    left_out: int
    width: int = _WIDTH
    height: int = _TOP + _HEIGHT + 22
    left: int = _LEFT
    base: int = _TOP + _HEIGHT

    @property
    def right(self) -> int:
        return self.width - _RIGHT


@dataclass(frozen=True)
class Dot:
    """The requests of one period in one lane."""

    x: float
    radius: float
    state: str
    title: str


@dataclass(frozen=True)
class Timeline:
    """When what was asked for, a lane for each label.

    Attributes:
        lanes: ``(name, y, dots)``.
        ticks: ``(x, text)`` of the dates below.
    """

    unit: Unit
    lanes: tuple[tuple[str, float, tuple[Dot, ...]], ...]
    ticks: tuple[tuple[float, str], ...]
    height: int
    width: int = _WIDTH
    left: int = 150

    @property
    def right(self) -> int:
        return self.width - 24


def bar_chart(figures: Figures, unit: Unit) -> BarChart | None:
    """Credits by week or month up to now; None where nothing was spent in them."""
    by_period: dict[datetime, Spent] = defaultdict(Spent)
    for (at, _), spent in figures.statement(unit).items():
        by_period[at] += spent
    if not by_period:
        return None
    periods = _periods(unit, min(by_period), max(figures.made_at, max(by_period)))
    shown = [(at, by_period.get(at, Spent())) for at in periods]
    most = max(max(spent.credits, spent.credits_max) for _, spent in shown)
    step = _step(most)
    top = step * max(1, math.ceil(most / step))
    slot = (_WIDTH - _LEFT - _RIGHT) / len(shown)
    every = max(1, math.ceil(len(shown) * 62 / _WIDTH))

    def height(amount: float) -> float:
        return round(_HEIGHT * amount / top, 1)

    bars = []
    for place, (at, spent) in enumerate(shown):
        email, phone = height(spent.email_credits), height(spent.phone_credits)
        planned = height(spent.credits_max)
        base = _TOP + _HEIGHT
        bars.append(
            Bar(
                at=at,
                spent=spent,
                x=round(_LEFT + slot * (place + 0.17), 1),
                width=round(slot * 0.66, 1),
                email_y=round(base - email, 1),
                email_height=email,
                phone_y=round(base - email - phone, 1),
                phone_height=phone,
                most_y=round(base - planned, 1),
                most_height=planned,
                label="" if (len(shown) - 1 - place) % every else _named(unit, at),
            )
        )
    count = round(top / step)
    ticks = tuple((_TOP + _HEIGHT * (1 - n / count), step * n) for n in range(count + 1))
    left_out = sum(at < periods[0] for at in by_period)
    return BarChart(unit, tuple(bars), ticks, left_out)


def timeline(figures: Figures) -> Timeline | None:
    """Requests as dots, as large as the leads they asked for; None where none was taken."""
    taken = [request for request in figures.requests if request.submitted_at is not None]
    moments = [request.submitted_at for request in taken if request.submitted_at is not None]
    if not moments:
        return None
    now = max(figures.made_at, *moments)
    days = (now - min(moments)).days
    unit: Unit = "day" if days <= 60 else "week" if days <= 180 else "month"
    first = min(start_of(unit, min(moments)), start_of(unit, now - timedelta(days=_FEWEST)))
    span = (now - first).total_seconds()
    names = [label for label, _ in _by_leads(taken)[: _LANES - 1]]
    grouped: dict[tuple[str | None, datetime], list[Request]] = defaultdict(list)
    for request, at in zip(taken, moments, strict=True):
        lane = request.label if request.label in names else _OTHERS
        grouped[lane, start_of(unit, at)].append(request)
    most = max(sum(one.lead_count for one in group) for group in grouped.values())
    chart = Timeline(unit, (), (), 0)
    room = chart.right - chart.left
    lanes = []
    for place, lane in enumerate([*names, *({_OTHERS} & {name for name, _ in grouped})]):
        dots = tuple(
            Dot(
                x=round(
                    chart.left
                    + room * max(0.0, (_middle(group) - first).total_seconds()) / (span or 1),
                    1,
                ),
                radius=round(3 + 9 * math.sqrt(sum(g.lead_count for g in group) / (most or 1)), 1),
                state=_worst(group),
                title=_told(unit, at, group),
            )
            for (name, at), group in sorted(grouped.items(), key=lambda one: one[0][1])
            if name == lane
        )
        lanes.append((lane or "no label", 18.0 + 30 * place, dots))
    ticks = tuple(
        (round(chart.left + room * n / 4, 1), f"{first + timedelta(seconds=span * n / 4):%d %b %y}")
        for n in range(5)
    )
    return Timeline(unit, tuple(lanes), ticks, height=30 * len(lanes) + 30)


_OTHERS = "other labels"


def _by_leads(requests: Sequence[Request]) -> list[tuple[str | None, int]]:
    leads: dict[str | None, int] = defaultdict(int)
    for request in requests:
        leads[request.label] += request.lead_count
    return sorted(leads.items(), key=lambda one: -one[1])


def _middle(group: Sequence[Request]) -> datetime:
    moments = sorted(one.submitted_at for one in group if one.submitted_at is not None)
    return moments[len(moments) // 2]


def _worst(group: Sequence[Request]) -> str:
    if any(one.needs_a_person for one in group):
        return "held"
    if any(one.ended_early for one in group):
        return "early"
    return "flight" if any(one.is_in_flight for one in group) else "done"


def _told(unit: Unit, at: datetime, group: Sequence[Request]) -> str:
    requests = "1 request" if len(group) == 1 else f"{len(group):,} requests"
    leads = sum(one.lead_count for one in group)
    return f"{_named(unit, at, year=True)}: {requests}, {leads:,} leads"


def _periods(unit: Unit, first: datetime, now: datetime) -> list[datetime]:
    """The starts of the periods up to now, at least `_FEWEST` and at most `_MOST`."""
    periods = [start_of(unit, now)]
    while len(periods) < _MOST[unit] and (len(periods) < _FEWEST or periods[0] > first):
        periods.insert(0, start_of(unit, periods[0] - timedelta(days=1)))
    return periods


def _step(most: float) -> float:
    """A round number of which about four make ``most``."""
    rough = max(most, 1.0) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)


def _named(unit: Unit, at: datetime, *, year: bool = False) -> str:
    if unit == "month":
        return f"{at:%b %Y}"
    return f"{at:%d %b %Y}" if year else f"{at:%d %b}"
