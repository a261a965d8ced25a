"""Erased means erased: from every table and file, and not to come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.kinds import PEOPLE
from amplemarket_source.privacy.erase import erase
from amplemarket_source.privacy.keys import identifier_keys
from amplemarket_source.privacy.leftovers import scrub_pages
from amplemarket_source.privacy.redact import Suppressions
from amplemarket_source.run.forget import forget as forget_person
from amplemarket_source.warehouse.client import Warehouse
from tests.support.deployment import Deployment, email_leads
from tests.support.steps import open_ledger

pytestmark = pytest.mark.slow

ADA = "ada@ada.example"


def forget(deployment: Deployment, *, email: str = ADA, linkedin_url: str | None = None) -> None:
    keys = identifier_keys(email, linkedin_url)
    with open_ledger(deployment.pipeline()) as ledger:
        people = ledger.warehouse.rows(
            f"SELECT id FROM {ledger.warehouse.name('people')} WHERE email = %s", email
        )
        erased = erase(
            ledger.warehouse,
            lead_keys=keys,
            person_ids=[row[0] for row in people],
            at=deployment.clock.now(),
        )
    scrub_pages(deployment.pipeline(), erased)


def mentions(deployment: Deployment, text: str) -> list[str]:
    """Tables and files, but the database's own, that say ``text`` anywhere."""
    found = []
    tables = deployment.rows(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE'"
    )
    with deployment.client() as client:
        for schema, table in tables:
            rows = client.execute_sql(f'SELECT * FROM "{schema}"."{table}"')
            if text in repr(rows).lower():
                found.append(f"{schema}.{table}")
    for path in deployment.folder.rglob("*"):
        if path.is_file() and not path.name.startswith("warehouse.duckdb"):
            content = path.read_bytes()
            if text.encode() in content or text.encode() in _unpacked(path):
                found.append(str(path.relative_to(deployment.folder)))
    return found


def _unpacked(path: Path) -> bytes:
    if path.suffix != ".zst":
        return b""
    import pyarrow as pa

    content = path.read_bytes()
    size = int.from_bytes(content[:8], "big")
    return bytes(pa.Codec("zstd").decompress(content[8:], size, asbytes=True))


def test_a_forgotten_person_is_in_no_table_and_no_file(
    deployment: Deployment, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        deployment.run(
            [
                {"email": ADA, "external_id": "1"},
                {"email": ADA.upper(), "name": "Ada", "company_name": "Ada Ltd"},
                {"email": ADA, "linkedin_url": "two words"},
                *email_leads("bob"),
            ],
            reveal_email=True,
            reveal_phone_numbers=True,
        )
        assert mentions(deployment, "ada@ada"), "it is there before"
        forget(deployment)
    assert mentions(deployment, "ada@ada") == []
    assert "ada@ada" not in caplog.text.lower()
    assert (
        deployment.rows("SELECT count(*), count(DISTINCT person_id) FROM people__experiences") != []
    )
    assert deployment.people() == 1
    assert deployment.rows("SELECT count(*) FROM leads WHERE email IS NOT NULL") == [(1,)]
    assert deployment.rows("SELECT count(*) FROM companies") == [(2,)], "a company is not personal"


def test_an_erased_person_is_never_bought_again_by_any_spelling(deployment: Deployment) -> None:
    leads = [{"email": ADA}]
    deployment.run(leads)
    forget(deployment)
    posts = deployment.posts()
    report = deployment.run(
        [{"email": " ADA@Ada.example"}, {"email": ADA, "title": "CTO"}], refresh_after="0s"
    )
    assert (deployment.posts(), report.plan.kinds[0].suppressed) == (posts, 2)
    assert mentions(deployment, "ada@ada") == []


def test_a_lead_that_is_in_flight_when_its_person_is_erased_does_not_bring_them_back(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada", "bob"), poll_timeout="0s")
    forget(deployment)
    deployment.run(None)
    assert deployment.outcomes()["bob"] == "enriched"
    assert deployment.people() == 1
    assert mentions(deployment, "ada@ada") == []
    posts = deployment.posts()
    deployment.run(email_leads("ada"), refresh_after="0s", retry_not_found_after="0s")
    assert deployment.posts() == posts


def test_a_lead_with_further_fields_and_no_answer_yet_is_blanked_and_suppressed(
    deployment: Deployment,
) -> None:
    deployment.run([{"email": ADA, "external_id": "1"}])
    deployment.buy([{"email": ADA, "title": "CTO", "external_id": "2"}], poll_timeout="0s")
    forget(deployment)
    assert mentions(deployment, "ada@ada") == []
    deployment.run(None)
    assert deployment.outcomes() == {"1": "gdpr_removed", "2": "gdpr_removed"}
    assert deployment.people() == 0


def test_a_person_erased_by_id_does_not_come_back_under_another_lead(
    deployment: Deployment,
) -> None:
    deployment.run([{"email": "ada.byron@site.example", "external_id": "1"}])
    deployment.buy(
        [{"name": "Ada Byron", "company_domain": "site.example", "external_id": "2"}],
        poll_timeout="0s",
    )
    forget(deployment, email="ada.byron@site.example")
    deployment.run(None)
    assert deployment.people() == 0
    assert deployment.outcomes() == {"1": "gdpr_removed", "2": "gdpr_removed"}
    assert mentions(deployment, "ada.byron") == []
    assert deployment.rows("SELECT name FROM leads WHERE name IS NOT NULL") == []


def test_pages_on_disk_that_hold_the_person_are_removed_and_read_again(
    deployment: Deployment,
) -> None:
    deployment.buy(email_leads("ada", "bob"))
    assert mentions(deployment, "ada@ada")
    forget(deployment)
    assert [place for place in mentions(deployment, "ada@ada") if "spool" in place] == []
    deployment.run(None)
    assert (deployment.people(), deployment.posts()) == (1, 1)
    assert mentions(deployment, "ada@ada") == []


def test_a_person_the_api_removes_later_is_erased_with_every_child(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "bob"))
    before = deployment.rows("SELECT count(*) FROM people__experiences")[0][0]
    deployment.sandbox.configure(removed_prefixes=("ada",))
    deployment.clock.advance(3600)
    deployment.run(email_leads("ada"), refresh_after="0s")
    assert deployment.people() == 1
    assert 0 < deployment.rows("SELECT count(*) FROM people__experiences")[0][0] < before
    assert deployment.outcomes() == {"ada": "gdpr_removed", "bob": "enriched"}
    assert mentions(deployment, "ada@ada") == []


def test_erasing_twice_changes_nothing(deployment: Deployment) -> None:
    deployment.run(email_leads("ada", "bob"))
    forget(deployment)
    once = deployment.rows("SELECT * FROM enrichment_results ORDER BY lead_key")
    forget(deployment)
    assert deployment.rows("SELECT * FROM enrichment_results ORDER BY lead_key") == once


def test_an_erasure_that_dies_half_way_is_finished_by_the_next(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.run([{"email": ADA, "external_id": "1"}, {"email": ADA, "title": "CTO"}])
    rows = Warehouse.rows
    for allowed in range(1, 30, 4):
        left = allowed

        def dying(warehouse: Warehouse, sql: str, *values: Any) -> Any:
            nonlocal left
            if sql.startswith(("UPDATE", "DELETE", "INSERT")):
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
            return rows(warehouse, sql, *values)

        with monkeypatch.context() as patch:
            patch.setattr(Warehouse, "rows", dying)
            try:
                forget(deployment)
            except KeyboardInterrupt:
                continue
    forget(deployment)
    assert mentions(deployment, "ada@ada") == []
    assert deployment.people() == 0


def test_a_row_is_redacted_by_its_lead_or_by_the_person_it_found() -> None:
    page = (
        b'{"id": 1, "status": "completed", "results": ['
        b'{"id": 1, "status": "enriched", "email": "ADA@ada.example", "result": {"id": "p1"}},'
        b'{"id": 2, "status": "enriched", "linkedin_id": "linkedin.com/in/ada",'
        b' "result": {"id": "p2"}},'
        b'{"id": 3, "status": "enriched", "name": "A", "company_name": "B",'
        b' "result": {"id": "p3", "email": "ada@ada.example"}},'
        b'{"id": 4, "status": "enriched", "email": "bob@bob.example", "result": {"id": "p4"}}]}'
    )
    keys = identifier_keys(ADA, "https://www.linkedin.com/in/ADA/")
    redacted = Suppressions(keys).redact(page)
    assert b"p4" in redacted
    assert not any(word in redacted for word in (b"p1", b"p2", b"p3"))
    assert redacted.count(b"gdpr_removed") == 3
    assert Suppressions(identifier_keys("eve@eve.example", None)).redact(page) is page
    assert Suppressions().redact(b"not json") == b"not json"
    odd = page.replace(b'"B"', b'"\\ud800\x00"')
    assert b"p1" not in Suppressions(keys).redact(odd)


def test_leads_and_rejects_that_spell_the_profile_otherwise_are_blanked_as_well(
    deployment: Deployment,
) -> None:
    url = "linkedin.com/in/ada-byron"
    deployment.run(
        [
            {"linkedin_url": url},
            {"linkedin_url": f"https://www.{url.upper()}/?trk=nav", "title": "CTO"},
            {"linkedin_url": f"http://{url}", "email": "no address"},
            {"linkedin_url": f"{url}-king"},
        ]
    )
    with open_ledger(deployment.pipeline()) as ledger:
        erase(
            ledger.warehouse,
            lead_keys=identifier_keys(None, url),
            person_ids=[],
            at=deployment.clock.now(),
        )
    assert deployment.rows("SELECT linkedin_url FROM leads WHERE linkedin_url IS NOT NULL") == [
        (f"{url}-king",)
    ]
    assert deployment.rows("SELECT raw FROM rejects") == [(None,)]
    assert deployment.people() == 1


def test_suppressing_somebody_unknown_touches_nobody_else(deployment: Deployment) -> None:
    with open_ledger(deployment.pipeline()) as ledger:
        erase(ledger.warehouse, lead_keys=[], person_ids=["nobody"], at=deployment.clock.now())
    with deployment.opened() as run:
        plan = run.prepare({PEOPLE: email_leads("ada")}).kinds[0]
    assert (plan.suppressed, plan.to_buy) == (0, 1)


@pytest.mark.parametrize("ending", ["#about", "/#about", "?trk=a/b", "/"])
def test_whoever_is_named_by_a_url_is_erased_by_every_spelling_of_it(
    deployment: Deployment, ending: str
) -> None:
    deployment.run(email_leads("ada"))
    [(url,)] = deployment.rows("SELECT linkedin_url FROM people")
    erasure = forget_person(deployment.pipeline(), linkedin_url=f"{url.rstrip('/')}{ending}")
    assert erasure.rows_removed["people"] == 1
    assert mentions(deployment, "ada@ada") == []
