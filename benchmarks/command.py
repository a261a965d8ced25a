"""The command as a user calls it, in this process, so that what is measured is what is used."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["KEY", "leads", "plan_people", "run_people", "write_leads"]

KEY = "sandbox-key"


def leads(count: int, first: int = 0) -> Iterator[dict[str, str]]:
    """Invented leads from number ``first`` on; one company for each ten people."""
    numbers = range(first, first + count)
    return ({"email": f"jane.doe{i}@acme{i // 10}.example"} for i in numbers)


def write_leads(file: Path, count: int, first: int = 0) -> None:
    """A CSV of invented leads with a key of the user's own."""
    with file.open("w") as stream:
        stream.write("email,external_id\n")
        stream.writelines(
            f"{lead['email']},crm-{i}\n" for i, lead in enumerate(leads(count, first), first)
        )


def run_people(url: str, folder: Path, *options: str) -> dict[str, Any]:
    """``amplemarket run people leads.csv --json`` in ``folder``, for good; its document.

    Raises:
        RuntimeError: it ended with another exit code than 0.
    """
    os.environ["SOURCES__AMPLEMARKET__API_KEY"] = KEY
    os.environ["SOURCES__AMPLEMARKET__BASE_URL"] = url
    return _document(folder, "run", "people", "leads.csv", "--reveal-phone-numbers", *options)


def plan_people(folder: Path) -> dict[str, Any]:
    """``amplemarket plan people leads.csv --json`` in ``folder``; its document.

    Raises:
        RuntimeError: it ended with another exit code than 0.
    """
    return _document(folder, "plan", "people", "leads.csv")


def _document(folder: Path, *arguments: str) -> dict[str, Any]:
    from amplemarket_source.cli.main import program

    printed = io.StringIO()
    os.chdir(folder)
    with contextlib.redirect_stdout(printed):
        exit_code = program(args=[*arguments, "--json", "--quiet"], standalone_mode=False)
    if exit_code:
        raise RuntimeError(f"exit code {exit_code}: {printed.getvalue()[-2000:]}")
    document: dict[str, Any] = json.loads(printed.getvalue())
    return document
