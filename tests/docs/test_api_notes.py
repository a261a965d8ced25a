"""Every fact the code cites is in ``docs/api-notes.md``, and every fact there is cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTES = ROOT / "docs" / "api-notes.md"
CITING = ("amplemarket_source", "tests", "benchmarks", "pipelines")
SAYING = (*CITING, "docs", "README.md", "CHANGELOG.md")

# (api-notes: credits), (api-notes: credits, page-size); it may be wrapped, in a comment too.
_CITED = re.compile(r"\(api-notes:([^)]*)\)")
_LINKED = re.compile(r"api-notes\.md#([a-z0-9-]+)")
_ANCHOR = re.compile(r'<a id="([a-z0-9-]+)"></a>\n### ([a-z0-9-]+): ')
# References to texts that are not here.
_ELSEWHERE = re.compile(
    r"(?i)\b(?:API|dlt) facts\b|\(facts [A-Z0-9]|\bcontract,? section|\(guide[,:)]|, guide\)"
)


def texts(*places: str) -> Iterator[tuple[Path, str]]:
    for place in places:
        found = ROOT / place
        for file in [found] if found.is_file() else sorted(found.rglob("*")):
            if file.suffix in (".py", ".md") and file != Path(__file__).resolve():
                yield file.relative_to(ROOT), file.read_text("utf-8")


def cited_in(text: str) -> set[str]:
    """The anchors that a text cites; an ill-formed one is in it as it stands."""
    parts = [part for listed in _CITED.findall(text) for part in listed.split(",")]
    return {part.strip(" \n#") for part in parts} | set(_LINKED.findall(text))


def anchors() -> list[str]:
    return [name for name, _ in _ANCHOR.findall(NOTES.read_text("utf-8"))]


def test_what_is_cited_is_in_the_notes() -> None:
    known = set(anchors())
    missing = {
        (str(file), name)
        for file, text in texts(*CITING, "README.md", "docs/architecture.md")
        for name in cited_in(text) - known
    }
    assert missing == set()


def test_a_citation_has_the_form_that_is_looked_for() -> None:
    odd = [
        f"{file}: {line.strip()}"
        for file, text in texts(*CITING)
        for line in text.splitlines()
        if "api-notes:" in line and "(api-notes:" not in line
    ]
    assert odd == []


def test_what_is_in_the_notes_is_cited() -> None:
    cited = {name for _, text in texts(*CITING) for name in cited_in(text)}
    assert [name for name in anchors() if name not in cited] == []


def test_every_heading_has_its_own_anchor_and_there_are_no_two() -> None:
    text = NOTES.read_text("utf-8")
    assert [name for name, heading in _ANCHOR.findall(text) if name != heading] == []
    assert len(anchors()) == text.count("\n### ") == text.count("<a id=") == len(set(anchors()))


def test_nothing_refers_to_a_text_that_is_not_here() -> None:
    found = [
        f"{file}: {match[0]}"
        for file, text in texts(*SAYING)
        for match in _ELSEWHERE.finditer(text)
    ]
    assert found == []
