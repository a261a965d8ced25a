"""The pages: their blocks run, their generated parts are current, the site builds and leads on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from cogapp import Cog

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from tests.docs.blocks import run_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Of the others, tests/schedulers runs the examples that they are about.
WITH_BLOCKS = [
    DOCS / "tutorial.md",
    DOCS / "input.md",
    *(
        DOCS / "how-to" / f"{name}.md"
        for name in (
            *("bigquery", "cap-a-month", "dagster", "dbt-model", "duckdb", "erase", "held"),
            "plain-pipeline",
            *("report", "snowflake", "test-your-pipeline", "two-accounts", "upgrade"),
            "validate-emails",
            "workspace-dbt",
        )
    ),
]


@pytest.mark.slow
@pytest.mark.xdist_group("pages")
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
    with SandboxServer(SandboxOptions(retry_after=0, requests_per_minute=None)) as server:
        for section in ("AMPLEMARKET", "EMEA"):
            monkeypatch.setenv(f"SOURCES__{section}__API_KEY", "sandbox-key")
            monkeypatch.setenv(f"SOURCES__{section}__BASE_URL", server.url)
        assert run_page(page, tmp_path, server) > 0


def test_what_is_written_from_the_code_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "RUNTIME__DLTHUB_TELEMETRY": "false"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_tables_of_what_was_measured_are_of_the_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    pages = ["README.md", "benchmarks/README.md"]
    assert Cog().main(["cog", "--check", *pages]) == 0  # else: cog -r README.md ...


def test_every_page_is_at_most_two_clicks_from_the_readme() -> None:
    pages = {page for page in DOCS.rglob("*.md") if "_build" not in page.parts}
    clicks = {ROOT / "README.md": 0}
    waiting = deque(clicks)
    while waiting:
        page = waiting.popleft()
        for target in pointed_at(page):
            if target.suffix == ".md" and target.exists() and target not in clicks:
                clicks[target] = clicks[page] + 1
                waiting.append(target)
    # A page for the site alone shows a file of the repository.
    far = {str(page.relative_to(ROOT)) for page in pages if clicks.get(page, 9) > 2}
    assert far <= {"docs/changelog.md"}


def pointed_at(page: Path) -> set[Path]:
    """The files that a page leads to, by links and by its list of pages."""
    text = page.read_text("utf-8")
    targets = set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    for listed in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
        names = [line.strip() for line in listed.splitlines()]
        targets |= {f"{name}.md" for name in names if name and not name.startswith(":")}
    return {(page.parent / target).resolve() for target in targets}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.stem
)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    missing = [path for path in pointed_at(page) if not path.exists()]
    assert missing == []


class Fetched(HTMLParser):
    """What a page makes a browser fetch from elsewhere, its anchors, and where it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.foreign: list[str] = []
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        wanted = given.get("src") or (given.get("href") if tag == "link" else None) or ""
        if re.match(r"(https?:)?//", wanted):
            self.foreign.append(wanted)
        self.anchors.update(filter(None, (given.get("id"), given.get("name"))))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")


def links_within(pages: dict[Path, Fetched]) -> list[tuple[Path, str]]:
    """Every link of the site to the site, as ``page, href``."""
    return [
        (page, link)
        for page, read in pages.items()
        for link in read.links
        if not re.match(r"[a-z]+:|//", link)
    ]


def leads_somewhere(page: Path, link: str, pages: dict[Path, Fetched]) -> bool:
    """Whether the file that a link names is there, and in it the anchor."""
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if target not in pages:
        return target.exists()
    return anchor in ("", "top", *pages[target].anchors)


@pytest.mark.slow
@pytest.mark.xdist_group("pages")
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", str(DOCS), "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = {page.resolve(): Fetched(page.read_text("utf-8")) for page in tmp_path.rglob("*.html")}
    assert len(pages) > 30
    assert [url for page in pages.values() for url in page.foreign] == []
    assert [link for link in links_within(pages) if not leads_somewhere(*link, pages)] == []
    styles = [file.read_text("utf-8") for file in tmp_path.rglob("*.css")]
    assert [text for text in styles if re.search(r"url\([\"']?(https?:)?//", text)] == []


def test_the_notebook_brings_its_own_requirements() -> None:
    notebook = (ROOT / "pipelines" / "marimo_report.py").read_text("utf-8")
    header = re.search(r"^# /// script\n(.*?)^# ///$", notebook, re.MULTILINE | re.DOTALL)
    assert header is not None
    wanted = tomllib.loads(re.sub(r"^# ?", "", header[1], flags=re.MULTILINE))["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = str([project["dependencies"], project["optional-dependencies"]])
    assert "dlt-source-amplemarket" in wanted
    assert [one for one in wanted if one.startswith(("marimo", "altair"))] == wanted[:2]
    assert not re.search(r"marimo|altair", ours)
    compile(notebook, "marimo_report.py", "exec")
