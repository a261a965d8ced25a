"""Writes docs/reference from the code, so that a page can not say what the code does not.

    python docs/generate.py            # writes the pages
    python docs/generate.py --check    # says which are stale, and ends with 1

Run from the top of the repository.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import click

import amplemarket_source
from amplemarket_source import errors
from amplemarket_source.cli.main import LazyCommand, program
from amplemarket_source.errors import AmplemarketError, ExitCode
from amplemarket_source.report_page import queries
from amplemarket_source.schema.streams import STREAM_TABLES
from amplemarket_source.schema.table import Table
from amplemarket_source.schema.tables import DECLARED, TABLES
from amplemarket_source.settings import Settings
from amplemarket_source.source import amplemarket

__all__ = ["PAGES", "pages"]

FOLDER = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by docs/generate.py from the code; change it there. -->\n"


def tables_page() -> str:
    """Every declared table with its columns."""
    lines = [
        "# Tables and columns",
        "",
        "Every table is there from the first load on, with every column, also when it is empty.",
        "Fields that the API sends and nobody documented become further columns of the tables",
        "marked *open*. **p** marks personal data (`x-annotation-pii` in dlt's schema).",
        "",
        "![The tables and how they refer to each other](tables.svg)",
    ]
    for table in TABLES.values():
        lines += _table(table)
    internal = ", ".join(f"`{table.name}`" for table in DECLARED if table.name not in TABLES)
    lines += ["", "## Internal", "", f"{internal}: the package's own; they may change."]
    return "\n".join(lines)


def workspace_page() -> str:
    """The tables of `amplemarket sync`."""
    lines = [
        "# Tables of the workspace",
        "",
        "What `amplemarket sync` loads: see [tables and columns](tables.md) for the marks.",
    ]
    for table in STREAM_TABLES:
        lines += _table(table)
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    lines = ["", f"## `{table.name}`", "", *_about(table), ""]
    lines += ["| column | type | | what it says |", "|---|---|---|---|"]
    for column in table.columns:
        key = "key " if column.name in table.key else ""
        marks = f"{key}{'p' if column.personal else ''}".strip()
        lines.append(f"| `{column.name}` | {column.data_type} | {marks} | {column.description} |")
    return lines


def _about(table: Table) -> Iterator[str]:
    opened = " Open." if table.open else ""
    yield f"{table.description}{opened}"
    for columns, other, theirs in table.references:
        yield f"`{', '.join(columns)}` refers to `{other}.{', '.join(theirs)}`."


# Where a table stands in the drawing: column, and place in it.
_GRID: tuple[tuple[str, ...], ...] = (
    ("leads", "rejects", "enrichment_runs", "erasures"),
    (
        "enrichment_results",
        "enrichment_requests",
        "people_history",
        "companies_history",
        "email_validations_history",
    ),
    ("people", "companies", "email_validations"),
    (),
)
_BOX, _ROW, _GAP = 232, 30, 76


def tables_svg() -> str:
    """The tables as boxes with their keys, and a line for each reference."""
    placed: dict[str, tuple[int, int]] = {}
    listed = [name for column in _GRID for name in column]
    columns = [list(column) for column in _GRID]
    columns[-1] = [name for name in TABLES if name not in listed]
    height = 0
    for place, names in enumerate(columns):
        y = 20
        for name in names:
            placed[name] = (20 + place * (_BOX + _GAP), y)
            y += _ROW * 2 + 14
        height = max(height, y)
    width = 20 + len(columns) * (_BOX + _GAP) - _GAP + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="13" role="img" '
        'aria-label="The tables and how they refer to each other">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for (left, right), via in _links().items():
        if left in placed and right in placed:
            parts.append(_line(placed[left], placed[right], via))
    for name, (x, y) in placed.items():
        key = ", ".join(TABLES[name].key)
        parts += [
            f'<rect x="{x}" y="{y}" width="{_BOX}" height="{_ROW * 2}" rx="5" fill="#f3f6fa" '
            'stroke="#5b6b7c"/>',
            f'<text x="{x + 10}" y="{y + 22}" font-weight="bold" fill="#16191d">'
            f"{escape(name)}</text>",
            f'<text x="{x + 10}" y="{y + 46}" fill="#4d5661" font-size="12">{escape(key)}</text>',
        ]
    return "\n".join([*parts, "</svg>"])


def _links() -> dict[tuple[str, str], str]:
    """Declared references, and those by the keys of the ledger."""
    links = {
        (table.name, other): ", ".join(columns)
        for table in TABLES.values()
        for columns, other, _ in table.references
    }
    links["leads", "enrichment_results"] = "kind, lead_key"
    links["enrichment_results", "enrichment_requests"] = "request_key"
    links["enrichment_requests", "enrichment_runs"] = "run_key"
    return links


def _line(start: tuple[int, int], end: tuple[int, int], via: str) -> str:
    (x1, y1), (x2, y2) = start, end
    y1, y2 = y1 + _ROW, y2 + _ROW
    if x1 == x2:
        path = f"M {x1 + 30} {y1 + _ROW} L {x2 + 30} {y2 - _ROW}"
    else:
        from_x, to_x = (x1 + _BOX, x2) if x1 < x2 else (x1, x2 + _BOX)
        middle = (from_x + to_x) / 2
        path = f"M {from_x} {y1} C {middle} {y1}, {middle} {y2}, {to_x} {y2}"
    return f'<path d="{path}" fill="none" stroke="#0b62b8"><title>{escape(via)}</title></path>'


def commands_page() -> str:
    """Every command with its own words."""
    lines = [
        "# Commands",
        "",
        "What `--help` says. Every command has a twin in Python: [Python](python.md).",
    ]
    for name, listed in sorted(program.commands.items()):
        command = listed.load() if isinstance(listed, LazyCommand) else listed
        leaves: dict[str, click.Command] = {name: command}
        if isinstance(command, click.Group):
            leaves = {f"{name} {leaf}": one for leaf, one in command.commands.items()}
        for path, leaf in leaves.items():
            lines += ["", f"## `amplemarket {path}`", "", "```text", _help(path, leaf), "```"]
    return "\n".join(lines)


def _help(path: str, command: click.Command) -> str:
    parent, _, last = f"amplemarket {path}".rpartition(" ")
    context = click.Context(command, info_name=last, parent=_named(parent), max_content_width=96)
    context.terminal_width = 96
    return command.get_help(context).strip()


def _named(path: str) -> click.Context:
    return click.Context(click.Command(None), info_name=path)


def settings_page() -> str:
    """Every setting with its default and what the source says of it."""
    said = _arguments(inspect.getdoc(amplemarket) or "")
    defaults = Settings()
    lines = [
        "# Settings",
        "",
        "Under `sources.amplemarket`, dlt's way: arguments, then the environment",
        "(`SOURCES__AMPLEMARKET__REVEAL_EMAIL=true`), then `.dlt/config.toml` and",
        "`.dlt/secrets.toml`. Ages are written `30d`, `12h`, `0s`.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name in Settings.get_resolvable_fields() | dict.fromkeys(
        ("label", "columns", "keep_columns", "encoding")
    ):
        value = getattr(defaults, name, None)
        shown = f"`{value}`".lower() if value is not None and name != "api_key" else "none"
        lines.append(f"| `{name}` | {shown} | {said.get(name, '')} |")
    return "\n".join(lines)


def _arguments(docstring: str) -> dict[str, str]:
    """What a docstring says of each argument, by its name."""
    section = re.search(r"^Args:\n(.*?)(?:\n\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    found: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\w)", "\n" + (section[1] if section else "")):
        names, _, text = entry.strip().partition(":")
        for name in names.split(","):
            found[name.strip()] = _one_line(text)
    found["schema_contract"] = (
        "what becomes of new fields: `evolve` makes columns, the others keep them in `rejects`"
    )
    return found


def errors_page() -> str:
    """The tree of errors, and what each exit code means."""
    tree = (errors.__doc__ or "").split("::\n", 1)[1].split("\n\nEach carries", 1)[0]
    lines = [
        "# Errors and exit codes",
        "",
        "| exit code | name | raised by |",
        "|---|---|---|",
    ]
    raised: dict[int, list[str]] = {}
    for name in errors.__all__:
        error = getattr(errors, name)
        if inspect.isclass(error) and issubclass(error, AmplemarketError):
            raised.setdefault(int(error.exit_code), []).append(f"`{name}`")
    for code in ExitCode:
        words = code.name.lower().replace("_", " ")
        lines.append(f"| {int(code)} | {words} | {', '.join(raised.get(int(code), []))} |")
    lines += ["", "```text", inspect.cleandoc(tree), "```"]
    for name in errors.__all__:
        error = getattr(errors, name)
        if inspect.isclass(error) and issubclass(error, AmplemarketError):
            first = (inspect.getdoc(error) or "").split("\n\n")[0]
            lines += ["", f"**`{name}`**: {_one_line(first)}"]
    return "\n".join(lines)


def python_page() -> str:
    """Every public call with its signature and its own words."""
    lines = [
        "# Python",
        "",
        "Public are these calls, the [errors](errors.md), `amplemarket_source.destination`,",
        "`amplemarket_source.dagster` and `amplemarket_source.sandbox`; all else is private.",
    ]
    for name in amplemarket_source.__all__:
        if name == "AmplemarketError":
            continue
        call: Callable[..., Any] = getattr(amplemarket_source, name)
        lines += ["", f"## `{name}`", "", "```python", _signature(name, call), "```", ""]
        lines += _as_markdown(inspect.getdoc(call) or "")
    return "\n".join(lines)


def _signature(name: str, call: Callable[..., Any]) -> str:
    signature = inspect.signature(getattr(call, "__wrapped__", call))
    arguments = [str(parameter) for parameter in signature.parameters.values()]
    inside: list[str] = []
    for parameter, text in zip(signature.parameters.values(), arguments, strict=True):
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in inside:
            inside.append("*")
        inside.append(re.sub(r"[\'\"]|typing\.|\bdlt\.pipeline\.\w+\.", "", text))
    returned = str(signature.return_annotation).replace("'", "")
    return f"{name}(\n    " + ",\n    ".join(inside) + f",\n) -> {returned}"


def _as_markdown(docstring: str) -> list[str]:
    """The sections of a docstring as Markdown."""
    out: list[str] = []
    for block in re.split(r"\n\n(?=\S)", docstring):
        title, _, body = block.partition("\n")
        if re.fullmatch(r"Example:{1,2}", title):
            code = inspect.cleandoc(body)
            out += ["```python", code, "```", ""]
        elif re.fullmatch(r"(Args|Raises|Attributes|Returns):", title):
            out += [f"**{title[:-1]}**", ""]
            entries = re.split(r"\n(?=\S)", inspect.cleandoc(body))
            for entry in entries:
                name, colon, text = entry.partition(":")
                words = f"`{name}`: {_one_line(text)}" if colon else _one_line(entry)
                out.append(f"- {words}" if title != "Returns:" else _one_line(entry))
            out.append("")
        else:
            out += [_one_line(block), ""]
    return out


def _one_line(text: str) -> str:
    """Folded, with the docstrings' double back quotes as Markdown's single ones."""
    return re.sub(r"\s+", " ", text).strip().replace("``", "`").replace("|", "\\|")


def report_page() -> str:
    """The queries of the report."""
    from datetime import datetime, timezone

    columns = {table.name: {c.name for c in table.columns} for table in DECLARED}
    columns |= {"_dlt_loads": {"load_id"}}
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    lines = [
        "# The queries of the report",
        "",
        "What `amplemarket report` asks, in DuckDB's words; dlt's dataset translates them. To ask",
        'one in Python: `pipeline.dataset().query(sql, query_dialect="duckdb")`. No query returns',
        "a column that is marked personal, or groups by one.",
    ]
    for name, sql in queries.queries(columns, at).items():
        if name != "rows":
            lines += ["", f"## {name}", "", "```sql", sql, "```"]
    return "\n".join(lines)


PAGES: dict[str, Callable[[], str]] = {
    "tables.md": tables_page,
    "tables.svg": tables_svg,
    "workspace.md": workspace_page,
    "commands.md": commands_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "python.md": python_page,
    "report.md": report_page,
}


def pages() -> dict[Path, str]:
    """What each file is to hold."""
    found: dict[Path, str] = {}
    for name, make in PAGES.items():
        text = make().rstrip() + "\n"
        found[FOLDER / name] = (_NOTE + "\n" + text) if name.endswith(".md") else text
    return found


def main() -> int:
    """Returns: 1 if a page is stale and only to be checked."""
    stale = {
        file: text
        for file, text in pages().items()
        if not file.exists() or file.read_text("utf-8") != text
    }
    if "--check" in sys.argv[1:]:
        for file in stale:
            print(f"{file} is stale: python docs/generate.py", file=sys.stderr)
        return 1 if stale else 0
    for file, text in stale.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"wrote {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
