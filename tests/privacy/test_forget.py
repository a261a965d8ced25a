"""Forgetting somebody: what is told, what is refused, and that nothing is made to be searched."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from amplemarket_source.destination import duckdb
from amplemarket_source.errors import ExitCode, UsageError
from amplemarket_source.privacy.keys import identifier_keys
from amplemarket_source.run.forget import forget
from tests.support.deployment import Deployment, email_leads


def _suppressed(deployment: Deployment) -> set[str]:
    rows = deployment.rows("SELECT lead_key FROM enrichment_results WHERE status = 'gdpr_removed'")
    return {row[0] for row in rows}


@pytest.mark.parametrize(
    "named",
    [
        {"email": "user2@company-002,example"},
        {"email": "a"},
        {"email": "Ada <ada@ada.example>"},
        {"linkedin_url": "https://"},
        {"linkedin_url": "two words"},
        {"linkedin_url": "ada@ada.example"},
        {"older_than": "soon"},
        {"older_than": "30d", "email": "ada@ada.example"},
        {},
    ],
)
def test_who_can_be_nobody_is_refused_and_not_suppressed(
    deployment: Deployment, named: dict[str, str]
) -> None:
    with pytest.raises(UsageError) as refused:
        forget(deployment.pipeline(), **named)  # type: ignore[arg-type]
    assert refused.value.exit_code == ExitCode.USAGE
    assert "company-002" not in str(refused.value)
    assert "ada" not in str(refused.value).lower()
    assert _suppressed(deployment) == set()


@pytest.mark.parametrize(
    "named",
    [
        {"email": "nobody@x.example"},
        {"linkedin_url": "https://www.linkedin.com/in/nobody"},
        {"person_id": "nobody"},
    ],
)
def test_finding_nobody_is_an_error_that_names_the_database_and_suppresses_all_the_same(
    deployment: Deployment, named: dict[str, str]
) -> None:
    deployment.run(email_leads("bob"))
    for _ in range(2):
        with pytest.raises(UsageError, match=r"warehouse\.duckdb, dataset amplemarket_data") as no:
            forget(deployment.pipeline(), **named)  # type: ignore[arg-type]
        assert "nobody@" not in str(no.value)
    assert len(_suppressed(deployment)) == 1
    assert deployment.rows("SELECT * FROM erasures") == []
    assert deployment.people() == 1


def test_forgetting_twice_is_no_error_and_says_that_it_was_done(deployment: Deployment) -> None:
    deployment.run(email_leads("ada"))
    first = forget(deployment.pipeline(), email="ada@ada.example")
    again = forget(deployment.pipeline(), email="ADA@ada.example")
    assert (first.found, first.leads_blanked, first.rows_removed["people"]) == (True, 1, 1)
    assert (again.found, again.leads_blanked, again.rows_removed) == (False, 0, {})
    assert again.suppressed


def test_an_erasure_is_recorded_by_hashes_with_its_reason(deployment: Deployment) -> None:
    deployment.sandbox.configure(removed_prefixes=("removed",))
    deployment.run(email_leads("ada", "removed1"))
    forget(deployment.pipeline(), email="ada@ada.example")
    found = deployment.rows("SELECT reason, key_of, erasure_key, erased_at FROM erasures")
    kinds = sorted((reason, key_of) for reason, key_of, _, _ in found)
    assert ("request", "person") in kinds
    assert ("request", "lead") in kinds
    assert ("request", "identifier") in kinds  # the URL that the API had for her
    assert ("api", "lead") in kinds
    assert all(at is not None for *_, at in found)
    assert identifier_keys("ada@ada.example", None)[0] in {row[2] for row in found}


def test_no_database_is_made_to_look_for_somebody(tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "amplemarket",
        destination=duckdb(str(tmp_path / "typo.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    before = sorted(path for path in tmp_path.rglob("*") if "pipelines" not in path.parts)
    for named in ({"email": "ada@ada.example"}, {"older_than": "30d"}):
        with pytest.raises(UsageError, match=r"no database at .*typo\.duckdb"):
            forget(pipeline, **named)  # type: ignore[arg-type]
    assert sorted(p for p in tmp_path.rglob("*") if "pipelines" not in p.parts) == before
    assert not (tmp_path / "pipelines" / ".amplemarket").exists()


def test_another_dataset_of_the_same_file_is_no_database_either(deployment: Deployment) -> None:
    pipeline = dlt.pipeline(
        "other",
        destination=duckdb(str(deployment.folder / "warehouse.duckdb")),
        dataset_name="other_data",
        pipelines_dir=str(deployment.folder / "pipelines"),
    )
    with pytest.raises(UsageError, match="dataset other_data"):
        forget(pipeline, email="ada@ada.example")
    schemas = deployment.rows("SELECT schema_name FROM information_schema.schemata")
    assert ("other_data",) not in schemas
