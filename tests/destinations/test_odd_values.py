"""Values that a warehouse refuses do not stop a load, nor the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from amplemarket_source.sandbox import Fault
from amplemarket_source.schema.bookkeeping import ENRICHMENT_REQUESTS
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import TestedWarehouse
from tests.support.deployment import email_leads
from tests.support.steps import open_ledger

pytestmark = pytest.mark.timeout(400)
both = pytest.mark.parametrize("warehouse", on("duckdb", "postgres"), indirect=True)

HALF = "\ud83d"


def _odd(person: dict[str, Any]) -> dict[str, Any]:
    return {
        **person,
        "about": "a\x00b",
        "k\x00y": "v\x00w",
        HALF: HALF,
        "nested": {"\x00": ["\x00", HALF]},
    }


@both
def test_nul_and_half_pairs_are_cleaned_wherever_they_come_from(
    warehouse: TestedWarehouse, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        deployment.sandbox.set_faults(Fault("row_patch", _odd))
        leads = [{"email": "ada@ada.example", "external_id": "a\x00b"}, *email_leads("bob")]
        assert deployment.run(leads).exit_code == 0
        assert deployment.outcomes() == {r"a\u0000b": "enriched", "bob": "enriched"}
        assert {row["about"] for row in deployment.table("people")} == {"ab"}
        assert len(deployment.table("rejects")) > 0
        assert deployment.run(leads).exit_code == 0
        assert deployment.posts() == 1


@both
def test_nul_in_the_api_s_errors_is_recorded_and_the_next_run_goes_on(
    warehouse: TestedWarehouse, tmp_path: Path
) -> None:
    problem = {"code": "c\x00", "detail": "d\x00", "title": "t\x00"}
    failed = Fault(
        "page_set", {"status": "error", "results": [], "_errors": [problem]}, None, "GET"
    )
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        deployment.sandbox.set_faults(failed)
        assert deployment.run(email_leads("ada")).exit_code == 5
        (request,) = deployment.table("enrichment_requests")
        assert (request["error_code"], request["error_detail"]) == (None, "error without a code")
        deployment.sandbox.set_faults()
        assert deployment.run(email_leads("ada")).exit_code == 0


@both
def test_a_statement_escapes_what_its_texts_cannot_say(
    warehouse: TestedWarehouse, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        with open_ledger(deployment.pipeline()) as ledger:
            row = {"request_key": "k\x00", "kind": "people", "status": HALF, "_dlt_id": "k"}
            ledger.warehouse.insert(ENRICHMENT_REQUESTS, row)
            ledger.update("k\x00", error_detail=f"\x00{HALF}")
        (request,) = deployment.table("enrichment_requests")
        assert (request["request_key"], request["status"]) == (r"k\u0000", r"\ud83d")
        assert request["error_detail"] == r"\u0000\ud83d"


@pytest.mark.parametrize("length", [1, 24, 25, 3_000])
@pytest.mark.parametrize("warehouse", on("postgres"), indirect=True)
def test_more_fields_than_a_row_can_hold_leave_the_person_and_are_in_rejects(
    warehouse: TestedWarehouse, tmp_path: Path, length: int
) -> None:
    many = {f"new_field_{number:03}": "x" * length for number in range(900)}
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        fault = Fault("row_patch", {"patch": many, "index": 0})
        deployment.sandbox.set_faults(fault)
        report = deployment.run(email_leads("ada", "bob"))
        assert report.exit_code == 0
        people = deployment.table("people")
        assert len(people) == 2
        held = [name for name in many if people[0].get(name) or people[1].get(name)]
        refused = [name for name in many if report.new_fields[f"people.{name}"] == "in rejects"]
        assert len(held) + len(refused) == 900
        assert len(deployment.table("rejects")) == len(refused)
        assert len(refused) > 600
        assert deployment.run(email_leads("ada", "bob", "cy")).exit_code == 0
