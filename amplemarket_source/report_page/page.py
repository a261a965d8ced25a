"""The page: one HTML file without a script, a request, or a person.

It is read where it lies, forwarded, printed and archived, so nothing in it is fetched. The content
security policy allows the page's own style alone, by its hash. What comes from strangers (labels,
the API's codes, names of fields) is escaped by the template engine.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import urllib.parse
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from amplemarket_source.kinds import EMAILS
from amplemarket_source.report_page.charts import bar_chart, timeline
from amplemarket_source.report_page.figures import Figures, JobChanges, Request, Spent, start_of

__all__ = ["render", "statement_csv"]

_SHOWN = 25
_KEPT = 100
"""Requests in the page: the latest, of which `_SHOWN` are seen at first."""
_STATUSES = ("enriched", "not_found", "gdpr_removed", "unanswered")


def render(figures: Figures, *, arguments: str = "") -> str:
    """The whole page.

    Args:
        arguments: what to add to the commands it shows, so that they work on the same tables; with
            a leading space.

    Example::

        Path("report.html").write_text(render(figures(pipeline)), encoding="utf-8")
    """
    style = _text("style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    month_ago = figures.made_at - timedelta(days=30)
    by_label = figures.spent()
    weeks, months = bar_chart(figures, "week"), bar_chart(figures, "month")
    page = (
        _environment()
        .get_template("page.html")
        .render(
            figures=figures,
            arguments=arguments,
            style=style,
            style_hash=f"sha256-{digest}",
            all_time=sum(by_label.values(), Spent()),
            last_month=sum(figures.spent(month_ago).values(), Spent()),
            by_label=by_label,
            charts=[chart for chart in (weeks, months) if chart],
            begins_with_months=bool(weeks and weeks.left_out),
            timeline=timeline(figures),
            funnel=_funnel(figures),
            inputs={kind: figures.leads_by_input(kind) for kind in ("people", "companies")},
            found=_share_found(figures),
            requests=_requests(figures),
            kept=_KEPT,
            most_seconds=_most_seconds(figures),
            job_changes=_by_month(figures.job_changes or ()),
            csv_link="data:text/csv;charset=utf-8," + urllib.parse.quote(statement_csv(figures)),
            statuses=_STATUSES,
        )
    )
    return page.lstrip()


def statement_csv(figures: Figures) -> str:
    """The statement by month and label, as a table for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = list(Spent.__dataclass_fields__)
    writer.writerow(["month", "label", *names])
    for (at, label), spent in figures.statement("month").items():
        values = [getattr(spent, name) for name in names]
        writer.writerow([f"{at:%Y-%m}", _no_formula(label or ""), *values])
    return out.getvalue()


def _no_formula(text: str) -> str:
    """A text that a spreadsheet takes for one."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=_number, percent=_percent, moment=_moment, day=_day, span=_span
    )
    return environment


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _percent(part: float, whole: float = 1.0) -> str:
    """A share; one that is not all and not nothing is not rounded to it."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{min(share, 99.9) if part < whole else share:.1f} %"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "–"


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "–"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _funnel(figures: Figures) -> list[tuple[str, int]]:
    """From an input row of people to a person, step by step."""
    outcomes = figures.leads_by_input("people").values()
    answered = sum(sum(one.values()) for one in outcomes)
    found = sum(one.get("enriched", 0) for one in outcomes)
    filled = {(one.table, one.column): one.filled for one in figures.fill}
    return [
        ("Rows that identify someone", figures.input_rows.get("people", 0)),
        ("Distinct leads", figures.distinct_leads.get("people", 0)),
        ("Leads answered", answered),
        ("Leads found", found),
        ("People", figures.rows.get("people", 0)),
        ("People with an e-mail", filled.get(("people", "email"), 0)),
        ("People with a phone number", figures.people_with_phone),
    ]


def _share_found(figures: Figures) -> tuple[int, int]:
    """A verdict comes on every address, so validations are left out."""
    asked = [one for one in figures.outcomes if one.kind != EMAILS.name]
    found = sum(one.leads for one in asked if one.status == "enriched")
    return found, sum(one.leads for one in asked)


def _requests(figures: Figures) -> list[tuple[Request, bool]]:
    """The latest, and older ones that need a look; and of each whether it is seen at first."""
    latest = list(figures.requests[:_KEPT])
    older = [one for one in figures.requests[_KEPT:] if _needs_a_look(one)]
    return [(request, place >= _SHOWN) for place, request in enumerate([*latest, *older[:_KEPT]])]


def _needs_a_look(request: Request) -> bool:
    return request.needs_a_person or request.is_in_flight or request.ended_early


def _most_seconds(figures: Figures) -> float:
    spans = [
        (request.loaded_at - request.submitted_at).total_seconds()
        for request, _ in _requests(figures)
        if request.loaded_at and request.submitted_at
    ]
    return max([*spans, 1.0])


def _by_month(changes: Sequence[JobChanges]) -> dict[datetime, JobChanges]:
    found: dict[datetime, JobChanges] = {}
    for one in sorted(changes, key=lambda change: change.at, reverse=True):
        at = start_of("month", one.at)
        before = found.get(at, JobChanges(at, 0, 0, 0))
        found[at] = JobChanges(
            at,
            before.seen_again + one.seen_again,
            before.new_company + one.new_company,
            before.new_title + one.new_title,
        )
    return found
