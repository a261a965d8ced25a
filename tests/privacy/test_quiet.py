"""Messages, logs, traces and what is kept of an error name positions and kinds, never values."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import dlt
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from amplemarket_source.destination import duckdb_client
from amplemarket_source.errors import ApiProblem, DestinationError, InputError
from amplemarket_source.headers import Header
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.files import shown_address
from amplemarket_source.leads.read import read_leads
from amplemarket_source.load.waves import load_pending
from amplemarket_source.run.forget import forget
from amplemarket_source.sandbox import Fault
from tests.privacy.people import mentions
from tests.support.deployment import Deployment, email_leads

_VALUES = ("ada", "acme", "555", "byron")


@pytest.mark.parametrize(
    "content",
    [
        "Ada,Byron,ada@ada.example,Acme Ltd,+1 555 0100\nBob,B,b@b.example,B Ltd,1\n",
        "Ada Byron,Acme\nBob,B\n",
        "https://linkedin.com/in/ada;ada byron\nx;y\n",
    ],
)
def test_a_file_without_a_header_is_refused_without_its_first_row(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=r"may be values, not names") as refused:
        list(read_leads(str(file), PEOPLE))
    assert [value for value in _VALUES if value in str(refused.value).lower()] == []


def test_a_header_is_told_as_it_is() -> None:
    header = Header(PEOPLE, "a.csv")
    header.columns_at(["Primary state", "phoneNumber", "Ada", "account_id"])
    with pytest.raises(InputError, match="found Primary state, phoneNumber, account_id and 1 that"):
        header.check()


def test_a_key_that_is_a_value_is_not_named_among_the_columns_that_are_not_read() -> None:
    header = Header(PEOPLE, "a.jsonl")
    header.columns_at(["email", "ada@ada.example", "https://linkedin.com/in/ada", "shoe size"])
    header.places(["+1 555 010 0123"])
    assert header.ignored == ("(a name that may be a value)", "shoe size")


def test_an_api_problem_is_told_by_its_code_and_its_place_alone() -> None:
    quoting = ApiProblem(title="ada@ada.example is odd", detail="Ada", pointer="/leads/3/email")
    assert str(quoting) == "error without a code at /leads/3/email"
    assert str(ApiProblem(code="ada@ada.example", pointer="/ada@ada.example")) == (
        "error without a code"
    )
    assert str(ApiProblem(code="unsupported_value", pointer="/leads")) == (
        "unsupported_value at /leads"
    )


def test_what_the_api_says_of_a_request_is_kept_without_its_words(deployment: Deployment) -> None:
    said = {"title": "ada@ada.example", "detail": "Ada", "source": {"pointer": "/leads/0/email"}}
    deployment.sandbox.set_faults(Fault("page_set", {"status": "error", "_errors": [said]}))
    deployment.run(email_leads("bob"))
    rows = deployment.rows("SELECT error_code, error_detail FROM enrichment_requests")
    assert rows == [(None, "error without a code at /leads/0/email")]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ada:se?cret@db.example/crm", "postgresql://..."),
        ("postgresql://ada:se/cret@db.example/crm", "postgresql://..."),
        ("https://files.example/a.csv?sig=a@b", "https://..."),
        ("s3://key:secret@bucket/a.csv", "s3://bucket/a.csv"),
        ("https://files.example/a.csv?sig=secret#x", "https://files.example/a.csv"),
        ("folder/a?b.csv", "folder/a?b.csv"),
    ],
)
def test_an_address_is_shown_without_any_part_of_a_password(address: str, shown: str) -> None:
    assert shown_address(address) == shown


@pytest.fixture
def said_by_dlt() -> Iterator[io.StringIO]:
    """What dlt logs at any level."""
    dlt.pipeline("any")  # dlt makes its logger with the first pipeline
    logger, text = logging.getLogger("dlt"), io.StringIO()
    handler, level = logging.StreamHandler(text), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A destination that refuses people, and quotes one of them."""
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "1")
    statements = duckdb_client.statements

    def quoting(table: dict[str, str], *rest: object, **how: bool) -> tuple[str, ...]:
        if table["name"] == "people":
            return ("SELECT CAST('ada@ada.example' AS INTEGER)",)
        return statements(table, *rest, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(duckdb_client, "statements", quoting)
    return lambda: monkeypatch.setattr(duckdb_client, "statements", statements)


def test_a_destination_that_quotes_a_row_is_cut_everywhere(
    deployment: Deployment, refusing: Callable[[], None], said_by_dlt: io.StringIO
) -> None:
    with pytest.raises(DestinationError) as failed:
        deployment.run(email_leads("bob"))
    assert "ada@" not in "".join(traceback.format_exception(failed.value))
    assert "people." in said_by_dlt.getvalue(), "that a job failed is told"
    assert "ada@" not in said_by_dlt.getvalue()
    assert mentions(deployment, "ada@ada") == set()


def test_a_plain_run_that_fails_logs_no_row(
    deployment: Deployment, refusing: Callable[[], None], said_by_dlt: io.StringIO
) -> None:
    with pytest.raises(PipelineStepFailed):
        deployment.pipeline().run(deployment.source(email_leads("bob")))
    assert "people." in said_by_dlt.getvalue()
    assert "ada@" not in said_by_dlt.getvalue()


def test_nothing_of_a_failed_load_outlives_an_erasure(
    deployment: Deployment, refusing: Callable[[], None]
) -> None:
    with pytest.raises(PipelineStepFailed):
        deployment.pipeline().run(deployment.source(email_leads("ada")))
    assert any("exceptions" in place for place in mentions(deployment, "ada@ada"))
    refusing()
    load_pending(deployment.pipeline())
    assert forget(deployment.pipeline(), email="ada@ada.example").found
    assert mentions(deployment, "ada@ada") == set()


def test_dlts_working_folders_are_for_their_owner_alone(deployment: Deployment) -> None:
    deployment.run(email_leads("bob"))
    for name in ("amplemarket", "amplemarket_ledger", ".amplemarket"):
        folders = [deployment.folder / "pipelines" / name]
        folders = list(folders[0].iterdir()) if name.startswith(".") else folders
        assert {oct(folder.stat().st_mode & 0o077) for folder in folders} == {"0o0"}, name
