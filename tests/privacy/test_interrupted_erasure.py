"""An erasure that dies anywhere is finished by the same command, or by the next of anybody."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.errors import UsageError
from amplemarket_source.run.forget import forget
from amplemarket_source.warehouse.client import Warehouse
from tests.privacy.people import answers, mentions, row
from tests.support.deployment import Deployment

pytestmark = pytest.mark.slow

_TOLD = ("ada@", "lady-a", "Ada Gone", "in/ada")
_CHANGES = ("UPDATE", "DELETE", "INSERT")


class _Died(BaseException):
    """A process that ends between two statements, as far as one process can tell."""


@pytest.fixture
def known(deployment: Deployment) -> Deployment:
    """One human with two ids, of which only an address leads to the second, and refused rows."""
    first = {"id": "p1", "email": "ada@home.example", "linkedin_url": "linkedin.com/in/ada-1"}
    second = {"id": "p2", "email": "ada@home.example", "linkedin_url": "linkedin.com/in/lady-a"}
    answers(
        deployment,
        row(person={**first, "name": "Ada Gone"}, linkedin_url="linkedin.com/in/ada-1"),
        row(person={**second, "name": "Ada Gone"}, name="Ada Gone", company_name="Gone"),
    )
    deployment.run(
        [
            {"linkedin_url": "linkedin.com/in/ada-1", "external_id": "ada@home.example"},
            {"name": "Ada Gone", "company_name": "Gone"},
            {"email": "Ada <ada@home.example>"},
        ]
    )
    deployment.buy([{"email": "ada@home.example", "title": "CTO"}], poll_timeout="0s")
    assert mentions(deployment, *_TOLD)
    return deployment


def _forget_and_die_at(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment, place: int, **named: str
) -> bool:
    """Whether it died; it did not where there are not so many statements."""
    named = named or {"linkedin_url": "linkedin.com/in/ada-1"}
    rows, left = Warehouse.rows, place

    def dying(warehouse: Warehouse, sql: str, *values: Any) -> Any:
        nonlocal left
        if sql.startswith(_CHANGES):
            left -= 1
            if left < 0:
                raise _Died
        return rows(warehouse, sql, *values)

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "rows", dying)
        try:
            forget(deployment.pipeline(), **named)  # type: ignore[arg-type]
        except _Died:
            return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("again", ["the same", "of somebody else", "a run"])
def test_an_erasure_is_finished_wherever_it_died(
    known: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, again: str
) -> None:
    before = tmp_path / "before"
    shutil.copytree(known.folder, before)
    # Whoever comes next finishes it by the same means, so there fewer places say it all.
    place, step = (0, 2) if again == "the same" else (1, 7)
    while _forget_and_die_at(monkeypatch, known, place):
        # Until the first change nothing says that there is an erasure at all.
        if again == "the same":
            forget(known.pipeline(), linkedin_url="linkedin.com/in/ada-1")
        elif again == "a run":
            known.run([{"email": "not an address"}], max_invalid=1.0)
        else:
            with pytest.raises(UsageError):
                forget(known.pipeline(), email="eve@eve.example")
        told = mentions(known, *_TOLD)
        if again == "a run":
            # The file is written anew by whoever asks to forget (`privacy.leftovers`).
            told = {one for one in told if not one.startswith("warehouse.duckdb")}
        assert told == set(), f"died at change {place}"
        assert known.people() == 0
        assert known.rows("SELECT DISTINCT reason, erased_at IS NULL FROM erasures") == [
            ("request", False)
        ]
        shutil.rmtree(known.folder)
        shutil.copytree(before, known.folder)
        place += step
    assert place > 10


@pytest.mark.parametrize("place", [1, 4])
def test_a_person_whom_no_lead_has_found_is_finished_by_the_next_as_well(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    stranger = row(person={"id": "p3", "name": "Ada Gone"}, title="nobody asked")
    answers(
        deployment, row(person={"id": "p4", "name": "Bob Stays"}, email="b@b.example"), stranger
    )
    deployment.run([{"email": "b@b.example"}])
    assert deployment.people() == 2
    assert _forget_and_die_at(monkeypatch, deployment, place, person_id="p3")
    with pytest.raises(UsageError):
        forget(deployment.pipeline(), email="eve@eve.example")
    assert deployment.rows("SELECT name FROM people") == [("Bob Stays",)]


def test_a_repeated_erasure_changes_nothing(known: Deployment) -> None:
    forget(known.pipeline(), linkedin_url="linkedin.com/in/ada-1")
    tables = ("enrichment_results", "leads", "erasures", "rejects")
    once = [known.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables]
    assert not forget(known.pipeline(), linkedin_url="linkedin.com/in/ada-1").found
    assert [known.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables] == once
