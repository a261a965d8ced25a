"""Exports of CRMs and of tools around LinkedIn, read as they are: nothing mapped by hand.

The files are in ``exports``; its README says whose each is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.intake import ingest
from amplemarket_source.workbench import Workbench

from .conftest import SEEN_AT
from .wanted import Export
from .wanted_companies import EXPORTS_OF_COMPANIES
from .wanted_people import EXPORTS_OF_PEOPLE

FOLDER = Path(__file__).parent / "exports"
EXPORTS = EXPORTS_OF_PEOPLE | EXPORTS_OF_COMPANIES


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_it_is(
    name: str, work: Workbench, rows: Callable[..., list[tuple[Any, ...]]]
) -> None:
    wanted = EXPORTS[name]
    intake = ingest(
        work,
        FOLDER / name,
        wanted.kind,
        seen_at=SEEN_AT,
        encoding=wanted.encoding,
    )

    host = "company_domain" if wanted.kind == PEOPLE else "domain"
    fields = wanted.kind.identifying
    first = dict(zip(fields, rows("leads", ", ".join(fields))[0], strict=True))
    rejects = rows("lead_rejects", "stage, reason, line")
    assert wanted == Export(
        wanted.kind,
        read=intake.read,
        invalid=intake.invalid,
        unique=intake.unique,
        columns={name: names[0] for name, names in intake.columns.items()},
        leads=tuple(rows("leads", f"external_id, input_kind, {host}")),
        first={field: value for field, value in first.items() if value is not None},
        rejects=tuple(sorted(rejects, key=lambda reject: reject[2])),
        encoding=wanted.encoding,
    )


def test_every_export_has_an_expectation_and_every_expectation_an_export() -> None:
    there = {path.name for path in FOLDER.iterdir()} - {"README.md", ".gitattributes"}
    assert there == set(EXPORTS)
