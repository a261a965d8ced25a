"""The main job against the bundled server: leads in, tables out, by a plain ``pipeline.run``."""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import dlt
import pytest

from amplemarket_source import amplemarket
from amplemarket_source.destination import duckdb
from amplemarket_source.sandbox import SandboxOptions, SandboxServer
from amplemarket_source.schema.tables import TABLES
from amplemarket_source.settings import Settings
from tests.support.deployment import COUNTS

KEY = "sandbox-key"
Counts = dict[str, int]


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(retry_after=0)) as running:
        yield running


@pytest.fixture
def pipeline(tmp_path: Path, request: pytest.FixtureRequest) -> dlt.Pipeline:
    """With our destination; or with dlt's own, whose merge goes through staging tables."""
    of = dlt.destinations.duckdb if getattr(request, "param", "") == "dlt's own" else duckdb
    return dlt.pipeline(
        "amplemarket",
        destination=of(str(tmp_path / "amplemarket.duckdb")),
        dataset_name="amplemarket_data",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


@pytest.fixture
def source(server: SandboxServer) -> Callable[..., Any]:
    def make(**arguments: Any) -> Any:
        defaults: dict[str, Any] = {
            "api_key": KEY,
            "base_url": server.url,
            "requests_per_minute": 600_000,
        }
        return amplemarket(**{**defaults, **arguments})

    return make


def rows(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(sql) or []]


def counts(pipeline: dlt.Pipeline) -> Counts:
    return dict(rows(pipeline, COUNTS))


def posts(server: SandboxServer) -> int:
    return sum(call.method == "POST" for call in server.sandbox.calls)


def five_thousand() -> list[dict[str, str]]:
    spellings = (
        "https://www.linkedin.com/in/{}",
        "http://linkedin.com/in/{}/",
        "linkedin.com/in/{}",
        "LinkedIn.com/in/{}?trk=nav",
        "https://linkedin.com/in/{}#about",
        " WWW.LINKEDIN.COM/in/{} ",
    )
    bought = [
        {"email": f"grace.hopper{i}@company{i % 90}.example", "external_id": f"e{i}"}
        for i in range(2500)
    ]
    one_purchase_each = [
        {"linkedin_url": spelling.format(f"ada-{i}"), "external_id": spelling}
        for i in range(200)
        for spelling in spellings
    ]
    by_name = [
        {"name": f"Alan  Turing {i}", "company_name": f"Bletchley {i % 40}"} for i in range(700)
    ]
    repeated = [{"email": f" Grace.Hopper{i}@Company{i % 90}.Example "} for i in range(300)]
    missed = [{"email": f"notfound{i}@nowhere.example"} for i in range(150)]
    removed = [{"email": f"removed{i}@gone.example"} for i in range(50)]
    invalid = [{"name": f"Nobody {i}"} for i in range(100)]
    return bought + one_purchase_each + by_name + repeated + missed + removed + invalid


def handed_out(server: SandboxServer, requests: list[str]) -> tuple[Counts, Counter[str]]:
    """What the server answers to ``requests``, counted from the raw JSON, newest person last."""
    people: dict[str, Any] = {}
    companies: dict[str, Any] = {}
    statuses: Counter[str] = Counter()
    for request in requests:
        link: str | None = f"/people/enrichment-requests/{request}"
        while link:
            call = Request(server.url + link, headers={"Authorization": f"Bearer {KEY}"})
            with urlopen(call) as answer:
                page = json.load(answer)
            for row in page["results"]:
                statuses[row["status"]] += 1
                if row["status"] == "enriched":
                    person = row["result"]
                    people[person["id"]] = person
                    companies[person["company"]["id"]] = person["company"]
            link = page["_links"].get("next", {}).get("href")
    expected: Counts = {"people": len(people), "companies": len(companies)}
    for name, table in TABLES.items():
        if table.child is not None:
            parents = people if table.child.parent == "people" else companies
            expected[name] = sum(len(parent[table.child.path]) for parent in parents.values())
    return expected, statuses


@pytest.mark.parametrize("pipeline", ["dlt's own"], indirect=True)
def test_every_table_holds_what_the_server_handed_out_and_nothing_is_bought_again(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    leads = five_thousand()
    assert len(leads) == 5000
    pipeline.run(source(leads=leads, leads_per_request=1000))

    requests = [r[0] for r in rows(pipeline, "SELECT request_id FROM enrichment_requests")]
    expected, statuses = handed_out(server, requests)
    found = counts(pipeline)
    assert {name: found[name] for name in expected} == expected
    assert statuses == {"enriched": 3400, "not_found": 150, "gdpr_removed": 50}
    outcomes = dict(rows(pipeline, "SELECT status, count(*) FROM enrichment_results GROUP BY 1"))
    assert outcomes["enriched"] == 3400
    assert outcomes["not_found"] == 150
    # One key for each erased lead, and one for its identifier alone, which here is the same.
    assert outcomes["gdpr_removed"] == 50
    assert rows(pipeline, "SELECT reason, count(*) FROM rejects GROUP BY 1") == [
        ("not_enough_to_identify", 100)
    ]
    # Every valid input row, told apart by the user's own key: 300 repeat an e-mail without one.
    assert found["leads"] == 4900
    assert found["enrichment_results"] == 3600

    sent = posts(server)
    pipeline.run(source(leads=leads, leads_per_request=1000))
    assert posts(server) == sent
    assert counts(pipeline) == found | {"enrichment_runs": 2}


@pytest.mark.slow
def test_children_follow_the_latest_answer_also_to_none(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    leads = [{"email": f"ada{i}@initech.example"} for i in range(7)]
    seen = []
    for children in ("full", "fewer", "none", "full"):
        server.sandbox.configure(children=children)
        pipeline.run(source(leads=leads, refresh_after="0s", reveal_phone_numbers=True))
        requests = [
            r[0] for r in rows(pipeline, "SELECT max(request_id::INT) FROM enrichment_requests")
        ]
        expected, _ = handed_out(server, requests)
        found = counts(pipeline)
        assert {name: found[name] for name in expected} == expected
        seen.append(found["people__experiences"])
    assert seen[0] == seen[3] > seen[1] > seen[2] == 0


def test_every_table_and_column_exists_after_a_first_load_of_nulls(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    server.sandbox.configure(children="none", nulls=True)
    pipeline.run(source(leads=[{"email": "ada@initech.example"}]))
    types = {"text": "VARCHAR", "bigint": "BIGINT", "bool": "BOOLEAN", "double": "DOUBLE"}
    for name, table in TABLES.items():
        found = dict(
            rows(
                pipeline,
                "SELECT column_name, data_type FROM information_schema.columns "
                f"WHERE table_schema = 'amplemarket_data' AND table_name = '{name}'",
            )
        )
        declared = {
            c.name: types.get(c.data_type, "TIMESTAMP WITH TIME ZONE") for c in table.columns
        }
        assert found == declared, name


def test_companies_by_domain_and_from_people_share_their_tables(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    pipeline.run(
        source(
            leads=[{"email": "ada@initech.example"}],
            companies=[
                {"domain": "https://www.initech.example/about"},
                {"domain": "hooli.example"},
            ],
        )
    )
    found = rows(pipeline, "SELECT website, count(*) FROM companies GROUP BY 1 ORDER BY 1")
    assert len(found) == 2
    assert {row[1] for row in found} == {1}
    kinds = rows(pipeline, "SELECT kind, count(*) FROM enrichment_results GROUP BY 1 ORDER BY 1")
    assert kinds == [("companies", 2), ("people", 1)]


@pytest.mark.slow
def test_a_lead_is_bought_again_only_when_its_outcome_is_not_fresh(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    expected = 0
    for settings, buys in (
        ({}, True),
        ({}, False),
        ({"refresh_after": "30d"}, False),
        ({"refresh_after": "0s"}, True),
        ({"reveal_email": True}, True),
        ({}, False),
        ({"reveal_email": True, "reveal_phone_numbers": True}, True),
        ({"reveal_phone_numbers": True}, False),
    ):
        pipeline.run(source(leads=[{"email": "ada@initech.example"}], **settings))
        expected += buys
        assert posts(server) == expected, settings


@pytest.mark.slow
def test_a_miss_is_asked_again_when_it_is_old_and_an_erased_person_never(
    pipeline: dlt.Pipeline, server: SandboxServer, source: Callable[..., Any]
) -> None:
    missed, removed = "notfound1@initech.example", "removed1@initech.example"
    leads = [{"email": email} for email in (missed, removed)]
    pipeline.run(source(leads=leads))
    pipeline.run(source(leads=leads))
    assert posts(server) == 1
    pipeline.run(source(leads=leads, retry_not_found_after="0s", refresh_after="0s"))
    submitted = server.sandbox.submitted("people")
    assert (submitted[f"email={missed}"], submitted[f"email={removed}"]) == (2, 1)


def test_lineage_leads_from_a_person_to_the_request_and_the_input_row(
    pipeline: dlt.Pipeline, source: Callable[..., Any]
) -> None:
    pipeline.run(source(leads=[{"email": "ada@initech.example", "external_id": "crm-7"}]))
    assert rows(
        pipeline,
        "SELECT l.external_id, q.status, q.lead_count FROM people p "
        "JOIN enrichment_results r ON r.person_id = p.id "
        "JOIN leads l USING (kind, lead_key) "
        "JOIN enrichment_requests q ON q.request_id = p.enrichment_request_id",
    ) == [("crm-7", "completed", 1)]


def test_the_schema_can_be_read_and_drawn(
    pipeline: dlt.Pipeline, source: Callable[..., Any]
) -> None:
    pipeline.run(source(leads=[{"email": "ada@initech.example"}]))
    schema = pipeline.default_schema
    assert schema.name == "amplemarket"
    assert "people__experiences" in schema.to_mermaid()
    assert "people__experiences" in schema.to_dbml()
    assert schema.tables["people"]["columns"]["email"]["x-annotation-pii"] is True  # type: ignore[typeddict-item]
    assert pipeline.dataset().people.select("id").arrow().num_rows == 1


def test_the_source_takes_every_setting_and_what_is_not_given_comes_from_the_settings() -> None:
    parameters = inspect.signature(amplemarket).parameters
    for name in set(Settings.get_resolvable_fields()) - {"schema_contract"}:
        assert parameters[name].default is None, name
