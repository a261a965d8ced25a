"""One person, planted in every place that anything of theirs can get to; then nothing is left."""

from __future__ import annotations

import dlt
import pytest

from amplemarket_source.errors import Busy
from amplemarket_source.load import follow
from amplemarket_source.run.forget import forget
from amplemarket_source.workbench import Workbench
from amplemarket_source.working_folder import WorkingFolder
from tests.privacy.people import answers, mentions, row
from tests.support.deployment import Deployment

pytestmark = pytest.mark.slow

_ADA = "ada@ada.example"
_EVERYTHING = (
    "ada@", "Byron", "in/ada-b", "CTO of Gone", "Analyst of numbers", "Girton",
    "+44 555 0100", "Rotherhithe", "said of her", "crm-of-a", "ada-person-id",
)  # fmt: skip
_PERSON = {
    "id": "ada-person-id",
    "object": "person",
    "name": "Ada Byron",
    "first_name": "Ada",
    "last_name": "Byron",
    "email": _ADA,
    "linkedin_url": "https://www.linkedin.com/in/ada-b",
    "title": "CTO of Gone",
    "about": "Analyst of numbers",
    "location": "Rotherhithe",
    "experiences": [{"title": "CTO of Gone", "company_name": "Gone"}],
    "educations": [{"school_name": "Girton"}],
    "phone_numbers": [{"number": "+44 555 0100", "type": "mobile"}],
    "undocumented": {"note": "said of her"},
    "odd": [{"name": "Ada"}],
}
_LEADS = [
    {"email": _ADA, "name": "Ada Byron", "external_id": _ADA},
    {"linkedin_url": "linkedin.com/in/ada-b", "title": "CTO of Gone", "external_id": f"of {_ADA}"},
    {"email": "Ada Byron <ada@ada.example>"},
    {"email": "bob@bob.example", "external_id": "bob"},
]  # fmt: skip


def _rows() -> list[object]:
    return [
        row(person=_PERSON, email=_ADA, name="Ada Byron", matched="said of her"),
        row(person=_PERSON, linkedin_url="linkedin.com/in/ada-b", title="CTO of Gone"),
        row(person={**_PERSON, "founded_year": "x"}, email="nobody@x.example"),
        row(person={"id": "p-bob", "name": "Bob Stays"}, email="bob@bob.example"),
    ]


@pytest.fixture
def planted(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Settings by which dlt keeps all it can, and every kind of run that leaves something."""
    for name in ("DELETE_COMPLETED_JOBS", "TRUNCATE_STAGING_DATASET"):
        monkeypatch.setenv(f"LOAD__{name}", "false")
    answers(deployment, *_rows())
    deployment.run(_LEADS, reveal_email=True, reveal_phone_numbers=True)
    # dlt's own destination goes through staging tables.
    plain = dlt.pipeline(
        "amplemarket",
        destination=dlt.destinations.duckdb(str(deployment.folder / "warehouse.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(deployment.folder / "pipelines"),
    )
    with monkeypatch.context() as patch:
        # As a process leaves it that dies right after the load.
        patch.setattr(follow._Follower, "on_end_trace_step", lambda *_: None)
        plain.run(deployment.source([*_LEADS, {"email": "ADA@ada.example", "title": "x"}]))
    # Pages of a request that was not loaded, the workbench of a run that was killed.
    deployment.buy([{"email": _ADA, "title": "CTO of Gone"}])
    folder = WorkingFolder.of(deployment.pipeline()).workbench
    with Workbench(folder) as workbench:
        workbench.execute("INSERT INTO leads (lead_id, email) VALUES ('1', 'ada@ada.example')")
        workbench.execute("CHECKPOINT")
    # As an older version kept it.
    deployment.rows(
        "UPDATE enrichment_requests SET error_detail = 'no such person: ada@ada.example'"
    )
    working = deployment.folder / "pipelines" / "amplemarket"
    exceptions = working / "load" / "loaded" / "1" / ".exceptions"
    exceptions.mkdir(parents=True)
    (exceptions / "people.exc").write_text("refused ada@ada.example")
    (working / "trace.pickle").write_text("refused ada@ada.example")
    return deployment


def test_after_an_erasure_no_table_and_no_file_says_anything_of_a_person(
    planted: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    places = {place.rpartition(": ")[0] for place in mentions(planted, *_EVERYTHING)}
    for part in (
        "amplemarket_data.people", "amplemarket_data.people__phone_numbers",
        "amplemarket_data.leads", "amplemarket_data.rejects",
        "amplemarket_data.enrichment_results", "amplemarket_data.enrichment_requests",
        "amplemarket_data_staging.people", "warehouse.duckdb", "completed_jobs", "page-00001.zst",
        "workbench", ".exceptions", "trace.pickle",
    ):  # fmt: skip
        assert any(part in place for place in places), f"nothing was planted in {part}"
    with caplog.at_level("DEBUG"):
        erasure = forget(planted.pipeline(), linkedin_url="linkedin.com/in/ada-b")
    assert erasure.found
    assert mentions(planted, *_EVERYTHING) == set()
    assert [text for text in _EVERYTHING if text.lower() in caplog.text.lower()] == []
    assert planted.rows("SELECT name FROM people") == [("Bob Stays",)]


def test_the_tables_are_as_they_were_but_for_the_person(planted: Deployment) -> None:
    planted.rows("CREATE VIEW amplemarket_data.named AS SELECT name FROM amplemarket_data.people")
    planted.rows("CREATE TABLE main.theirs (n INTEGER PRIMARY KEY)")
    planted.rows("INSERT INTO main.theirs VALUES (1)")
    tables = "SELECT schema_name, table_name, sql FROM duckdb_tables() ORDER BY ALL"
    before = planted.rows(tables), planted.rows("SELECT * FROM companies ORDER BY id")
    forget(planted.pipeline(), email=_ADA)
    assert (planted.rows(tables), planted.rows("SELECT * FROM companies ORDER BY id")) == before
    assert planted.rows("SELECT * FROM amplemarket_data.named") == [("Bob Stays",)]
    assert planted.rows("SELECT * FROM main.theirs") == [(1,)]
    planted.run([{"email": "eve@eve.example"}])


def test_a_file_that_somebody_else_has_open_is_told_of(deployment: Deployment) -> None:
    deployment.run([{"email": _ADA}])
    with (
        deployment.pipeline().sql_client(),
        pytest.raises(Busy, match="run the same command again"),
    ):
        forget(deployment.pipeline(), email=_ADA)
    assert not forget(deployment.pipeline(), email=_ADA).found
    assert mentions(deployment, _ADA) == set()
    assert list(deployment.folder.glob("*.rewritten*")) == []
