"""Every guarantee on every destination: each test is a row of the table that
``python -m tests.destinations`` prints, named by its marker."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from amplemarket_source.clock import SystemClock
from amplemarket_source.errors import Busy, DestinationError
from amplemarket_source.report_page.figures import Spent
from amplemarket_source.run.doctor import examine
from amplemarket_source.schema.tables import TABLES
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.scenario import FORGOTTEN, Scenario
from tests.destinations.type_names import types_of
from tests.destinations.warehouses import TestedWarehouse
from tests.support.steps import SteppedRun, open_ledger

pytestmark = pytest.mark.timeout(400)

PEOPLE_CHILDREN = [name for name in TABLES if name.startswith("people__")]


@pytest.mark.guarantee("empty first load makes every table and column")
def test_a_first_load_of_nulls_makes_every_table_with_every_column_and_type(
    scenario: Scenario,
) -> None:
    seen = scenario.after("nothing")
    types = types_of(scenario.deployment.warehouse)
    for name, table in TABLES.items():
        declared = {column.name: types[column.data_type] for column in table.columns}
        assert seen.notes["columns"][name] == declared, name
    filled = {name: count for name, count in seen.counts.items() if count}
    assert filled == {
        "people": 5,
        "companies": 6,
        "people_history": 5,
        "email_validations": 2,
        "companies_history": 6,
        "email_validations_history": 2,
        "leads": 10,
        "enrichment_results": 10,
        "enrichment_requests": 3,
        "rejects": 1,
        "erasures": 1,
    }


@pytest.mark.guarantee("values and row counts equal the API's answers")
def test_every_value_is_the_one_that_the_server_handed_out(scenario: Scenario) -> None:
    seen = scenario.after("resumed")
    assert seen.wrong == []
    assert seen.counts["people"] == 5
    # Runs are recorded where a user starts one (`tests.destinations.test_lists`).
    assert all(seen.counts[name] > 0 for name in TABLES if name != "enrichment_runs")


@pytest.mark.guarantee("resumed on an empty disk, nothing bought twice")
def test_another_machine_goes_on_with_what_the_first_one_bought(scenario: Scenario) -> None:
    seen = scenario.after("resumed")
    assert seen.notes["in_flight"] not in ("completed", "held")
    assert seen.posts == seen.notes["posts"]
    assert seen.report.requests_loaded == 1
    # dlt's own schema and state came back from the destination into an empty folder.
    assert set(TABLES) <= seen.notes["restored"]


@pytest.mark.guarantee("fewer and no children follow the latest answer")
def test_children_follow_the_latest_answer_also_to_none(scenario: Scenario) -> None:
    full, fewer, none = (scenario.after(name) for name in ("resumed", "fewer", "none"))
    for name in ("people__experiences", "people__languages"):
        assert full.counts[name] > fewer.counts[name] > none.counts[name] == 0, name
    assert {none.counts[name] for name in PEOPLE_CHILDREN} == {0}
    assert (fewer.wrong, none.wrong) == ([], [])


@pytest.mark.guarantee("new fields become typed columns, at every level")
def test_new_fields_become_columns_of_their_type_and_keep_it_on_another_machine(
    scenario: Scenario,
) -> None:
    fewer, none = scenario.after("fewer"), scenario.after("none")
    types = types_of(scenario.deployment.warehouse)
    new = {
        "people": {
            "pronouns": "text",
            "score": "double",
            "created_at": "text",
            "social__github__stars": "bigint",
            "location_details__postal_code": "text",
        },
        "people__experiences": {"seniority": "text", "details__remote": "bool"},
        "companies": {"ticker": "text"},
        "companies__locations": {"timezone": "text"},
    }
    for table, columns in new.items():
        found = fewer.notes["columns"][table]
        assert {name: found.get(name) for name in columns} == {
            name: types[data_type] for name, data_type in columns.items()
        }
        assert none.notes["columns"][table] == found
    assert set(fewer.report.new_fields) >= {
        f"{table}.{name}" for table, columns in new.items() for name in columns
    }
    assert none.report.new_fields == {}


@pytest.mark.guarantee("known outcomes are not bought again")
def test_a_list_that_is_known_sends_no_request(scenario: Scenario) -> None:
    before, again = scenario.after("none"), scenario.after("again")
    assert (again.posts, again.counts) == (before.posts, before.counts)
    assert again.report.exit_code == 0


@pytest.mark.guarantee("an unknowable POST is held, never resent")
def test_a_request_whose_outcome_nobody_knows_is_held(scenario: Scenario) -> None:
    seen = scenario.after("held")
    assert seen.notes["first"] == 5
    assert seen.posts == seen.notes["posts"]
    with open_ledger(scenario.deployment.pipeline()) as ledger:
        held = [r for r in ledger.open_requests() if r.status == "held"]
    assert [r.lead_count for r in held] == [1]


@pytest.mark.guarantee("the report counts what the tables hold")
def test_the_report_is_read_through_the_destination_and_says_the_same(scenario: Scenario) -> None:
    seen = scenario.after("held")
    found = seen.notes["figures"]
    assert {name: found.rows[name] for name in TABLES if name != "rejects"} == {
        name: seen.counts[name] for name in TABLES if name != "rejects"
    }
    (held,) = found.needs_a_person
    assert (held.lead_count, held.status, held.credits_at_stake) == (1, "held", 0.5)
    assert found.in_flight == ()
    assert found.leads_by_input("people")["email"] == {
        "enriched": 4,
        "not_found": 1,
        "gdpr_removed": 2,
    }
    assert found.leads_by_input("companies") == {"domain": {"enriched": 1}}
    assert found.verdicts == {"deliverable": 1, "risky": 1}
    assert sum(found.ages["people"].values()) == found.rows["people"]
    # (0.5 for each found once in 24 hours, by the vendor's rules.)
    spent = sum(found.spent().values(), Spent())
    assert spent.phone_credits == 0 or spent.phone_credits >= 4
    assert {one.reason for one in found.rejects} >= {"email_malformed"}
    assert {f"{one.table}.{one.column}" for one in found.new_fields} >= {
        "people.pronouns",
        "people__experiences.seniority",
    }
    assert all(one.first_at is not None for one in found.new_fields)


@pytest.mark.guarantee("erased from every table, by the API and by hand")
def test_an_erased_person_is_in_no_table_and_is_not_bought_again(scenario: Scenario) -> None:
    removed, forgotten = scenario.after("none"), scenario.after("forgotten")
    assert removed.counts["people"] == 4
    assert forgotten.counts["people"] == 3
    assert forgotten.counts["email_validations"] == 1
    assert forgotten.notes["mentions"] == []
    assert forgotten.posts == scenario.after("held").posts
    left = scenario.deployment.table("enrichment_results")
    erased = [row for row in left if row["status"] == "gdpr_removed"]
    assert {row["person_id"] for row in erased} == {None}
    assert len(erased) >= 3  # at once, later, and by hand
    assert FORGOTTEN not in repr(left)


@pytest.mark.guarantee("a bad row is a reject, the rest lands")
def test_an_input_row_that_identifies_nobody_is_a_reject(scenario: Scenario) -> None:
    seen = scenario.after("nothing")
    rejects = scenario.deployment.table("rejects")
    assert seen.counts["rejects"] == 1
    assert [(row["stage"], row["reason"]) for row in rejects] == [("lead", "email_malformed")]


@pytest.mark.guarantee("a load killed half-way ends right")
def test_a_load_that_was_killed_in_the_middle_is_right_after_the_next_run(
    scenario: Scenario,
) -> None:
    seen = scenario.after("killed")
    assert seen.wrong == []
    assert seen.counts["people"] == 3
    assert seen.counts["people__experiences"] == 15
    assert seen.posts == seen.notes["posts"]


@pytest.mark.guarantee("two runs exclude each other")
def test_a_second_run_from_another_machine_is_refused(scenario: Scenario) -> None:
    scenario.after("nothing")
    deployment = scenario.deployment
    if deployment.warehouse.name == "duckdb":
        pytest.skip("DuckDB itself keeps a second process out: tests/run/test_two_runs.py")
    other = dlt.pipeline(
        "amplemarket",
        destination=deployment.warehouse.destination(deployment.folder),
        dataset_name=deployment.dataset,
        pipelines_dir=str(deployment.folder / "another machine"),
    )
    with deployment.opened(), pytest.raises(Busy, match="another machine"):
        SteppedRun(other, deployment.settings(), deployment.clock).__enter__()
    with SteppedRun(other, deployment.settings(), deployment.clock) as second:
        second.session.ledger.open_requests()


@pytest.mark.guarantee("a failing statement is seen to fail")
def test_a_statement_that_must_fail_fails(scenario: Scenario) -> None:
    scenario.after("nothing")
    with open_ledger(scenario.deployment.pipeline()) as ledger:
        people = ledger.warehouse.name("people")
        before = ledger.warehouse.rows(f"SELECT count(*) FROM {people}")
        for statement in (
            f"INSERT INTO {people} (id, no_such_column) VALUES ('x', 'y')",
            f"UPDATE {people} SET no_such_column = 'x' WHERE 1 = 1",
            "SELECT FROM WHERE",
        ):
            with pytest.raises(DestinationError):
                ledger.warehouse.rows(statement)
        assert ledger.warehouse.rows(f"SELECT count(*) FROM {people}") == before


@pytest.mark.guarantee("doctor finds it usable and leaves nothing behind")
def test_doctor_writes_reads_and_leaves_nothing(warehouse: TestedWarehouse, tmp_path: Path) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        # Where the API is not asked, the rest is checked all the same.
        found = {
            check.name: check
            for check in examine(
                deployment.pipeline,
                {"api_key": "sandbox-key", "base_url": deployment.server.url},
                SystemClock(),
            )
        }
        assert found["destination"].state == "ok", found["destination"].text
        with deployment.pipeline().sql_client() as client:
            assert not client.has_dataset()
            with client.with_staging_dataset():
                assert not client.has_dataset()


@pytest.mark.guarantee("an earlier version's dataset is completed, nothing bought")
def test_what_an_earlier_version_did_not_record_is_filled_once(scenario: Scenario) -> None:
    killed, seen = scenario.after("killed"), scenario.after("earlier")
    deployment, before = scenario.deployment, seen.notes["before"]
    assert seen.posts == killed.posts
    for entity, key in (("people", "person_id"), ("companies", "company_id")):
        rows = {row["id"]: row for row in deployment.table(entity)}
        assert rows == {row["id"]: row for row in before[entity]}
        history = deployment.table(f"{entity}_history")
        assert {row[key]: row["request_key"] for row in history} == {
            entity_id: row["request_key"] for entity_id, row in rows.items()
        }
        assert len(history) == len(rows)
        assert {row["enriched_at"] for row in history} == {r["enriched_at"] for r in rows.values()}
    people = {row["id"]: row for row in deployment.table("people")}
    reached = {row["person_id"] for row in deployment.table("people__phone_numbers")}
    for row in deployment.table("people_history"):
        assert row["has_phone"] == (row["person_id"] in reached)
        assert row["has_email"] == (people[row["person_id"]]["email"] is not None)
        assert row["headline"] == people[row["person_id"]]["headline"]
    for name in ("leads", "enrichment_results"):
        erased = {row["lead_key"] for row in before[name] if row["erased_at"] is not None}
        assert erased == {r["lead_key"] for r in deployment.table(name) if r["erased_at"]}
        assert erased
    assert all(row["first_rejected_at"] for row in deployment.table("rejects"))
