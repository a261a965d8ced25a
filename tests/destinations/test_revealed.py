"""What was revealed stays where the merge is the warehouse's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.groups import on
from tests.destinations.warehouses import TestedWarehouse
from tests.support.deployment import email_leads

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("warehouse", on("duckdb", "postgres"), indirect=True)
def test_an_answer_that_did_not_ask_keeps_what_was_revealed(
    warehouse: TestedWarehouse, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        leads = email_leads("ada", "bob")
        deployment.run(leads, reveal_email=True, reveal_phone_numbers=True)
        phones = sorted(row["number"] for row in deployment.table("people__phone_numbers"))
        deployment.sandbox.configure(generation=1, children="fewer")
        deployment.run([*leads, *email_leads("cy")], refresh_after="0s")
        emails = {row["first_name"]: row["email"] for row in deployment.table("people")}
        assert emails == {"Ada": "ada@ada.example", "Bob": "bob@bob.example", "Cy": None}
        kept = sorted(row["number"] for row in deployment.table("people__phone_numbers"))
        assert (kept, len(phones)) == (phones, 2)
        assert len(deployment.table("people__experiences")) == 3 * 3
