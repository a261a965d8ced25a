"""The page: whole in one file, no script, nothing fetched, nobody on it."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from amplemarket_source.report_page import Figures, render
from amplemarket_source.report_page.charts import bar_chart, timeline
from amplemarket_source.report_page.figures import JobChanges
from amplemarket_source.report_page.page import statement_csv
from tests.report_page.datasets import NOW
from tests.report_page.personal import personal_values, said_in

PageOf = Callable[[str], str]
FiguresOf = Callable[[str], Figures]


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def assert_whole(page: str) -> None:
    """No script, nothing that is fetched, and a policy that allows the page's own style alone."""
    elements = Elements(page).found
    assert not {tag for tag, _ in elements} & {"script", "img", "link", "iframe", "object", "base"}
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert attributes.get("href", "data:").startswith("data:")
        assert "src" not in attributes
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(style) == 1
    assert not re.search(r"url\(|@import|@font-face", style[0])
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = next(a["content"] for tag, a in elements if a.get("http-equiv"))
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("name", ["empty", "first run"])
def test_the_page_is_whole_in_itself(name: str, page_of: PageOf) -> None:
    assert_whole(page_of(name))


def test_nobody_is_on_the_page_nor_among_the_figures(
    page_of: PageOf, figures_of: FiguresOf, dataset: Callable[[str], Path]
) -> None:
    values = personal_values(dataset("first run"))
    assert len(values) > 100
    text = page_of("first run") + json.dumps(figures_of("first run").to_dict(), default=str)
    assert said_in(text, values) == []


def test_a_first_run_does_not_fill_the_chart_alone(figures_of: FiguresOf) -> None:
    for unit in ("week", "month"):
        chart = bar_chart(figures_of("first run"), unit)  # type: ignore[arg-type]
        assert chart is not None
        assert len(chart.bars) == 12
        assert max(bar.width for bar in chart.bars) < chart.width / 12
        assert chart.bars[-1].email_height > 0


def test_no_bar_leaves_the_chart_and_no_dot_the_timeline(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    (one,) = found.requests
    many = replace(
        found,
        requests=tuple(
            replace(
                one,
                submitted_at=NOW - timedelta(hours=9 * n),
                label=f"label {n % 9}",
                lead_count=n,
                email_credits_max=float(n * n),
            )
            for n in range(2_000)
        ),
    )
    for unit, most in (("week", 26), ("month", 24)):
        chart = bar_chart(many, unit)  # type: ignore[arg-type]
        assert chart is not None
        assert len(chart.bars) == most
        assert all(0 <= bar.most_y <= chart.base for bar in chart.bars)
        assert all(0 <= bar.x <= bar.x + bar.width <= chart.width for bar in chart.bars)
    line = timeline(many)
    assert line is not None
    assert [name for name, _, _ in line.lanes][-1] == "other labels"
    dots = [dot for _, _, dots in line.lanes for dot in dots]
    assert len(dots) < 200
    assert all(line.left <= dot.x <= line.right for dot in dots)
    page = render(many)
    assert page.count('<tr class="people') == 100
    assert len(page) < 300_000


def test_what_needs_a_person_comes_first_with_its_command(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    (one,) = found.requests
    held = replace(one, request_key="20261124-held", status="held", is_loaded=False)
    page = render(replace(found, requests=(held, one)), arguments=" --dataset other")
    command = "amplemarket release 20261124-held --drop --dataset other"
    assert page.index("1 request waits for a decision") < page.index("Credits over time")
    assert command in page
    assert "Every lead is settled" not in page
    assert "Every lead is settled" in render(found)


def test_what_strangers_wrote_is_shown_and_not_obeyed(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    (one,) = found.requests
    odd = replace(one, label="<script>alert(1)</script>", error_code="</td><img src=x>")
    page = render(replace(found, requests=(odd,)))
    assert_whole(page)
    assert "&lt;script&gt;alert(1)" in page


def test_a_label_is_no_formula_in_the_statement(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    (one,) = found.requests
    odd = replace(found, requests=(replace(one, label='=HYPERLINK("x"),"y'),))
    (line,) = csv.DictReader(io.StringIO(statement_csv(odd)))
    assert line["label"] == '\'=HYPERLINK("x"),"y'
    assert float(line["email_credits"]) == 9.0


def test_job_changes_are_shown_by_month_where_there_are_any(figures_of: FiguresOf) -> None:
    found = figures_of("first run")
    assert "Job changes" not in render(replace(found, job_changes=()))
    changes = (JobChanges(NOW, 10, 2, 1), JobChanges(NOW - timedelta(days=1), 10, 0, 3))
    page = render(replace(found, job_changes=changes))
    section = page[page.index("Job changes") :].split("</section>")[0]
    assert re.findall(r">([\d.]+ ?%?)</td>", section) == ["20", "10.0 %", "20.0 %"]
