"""Every table has a row for a key, whatever comes twice: nothing looks for doubles after us."""

from __future__ import annotations

from amplemarket_source.sandbox.faults import Fault
from amplemarket_source.schema.tables import TABLES
from tests.support.deployment import Deployment, email_leads


def _keys_there_twice(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    for table in TABLES.values():
        keys = ", ".join(table.key)
        found[table.name] = deployment.rows(
            f"SELECT {keys} FROM {table.name} GROUP BY {keys} HAVING count(*) > 1"
        )
    return {name: rows for name, rows in found.items() if rows}


def test_no_table_has_a_key_twice(deployment: Deployment) -> None:
    leads = email_leads("ada", "bob", "eve", "notfound1")
    spelt_otherwise = [{**lead, "email": lead["email"].upper()} for lead in leads]
    of_two_lists = [{**lead, "external_id": f"second {at}"} for at, lead in enumerate(leads)]
    bad = [{"email": "not an address", "external_id": "bad"}] * 2
    everything = [*leads, *leads, *spelt_otherwise, *of_two_lists, *bad]
    deployment.run(everything, leads_per_request=2)
    assert _keys_there_twice(deployment) == {}
    deployment.sandbox.set_faults(Fault("rows_duplicated"))
    deployment.clock.advance(3_600)
    deployment.run(everything, leads_per_request=4, refresh_after="0s")
    assert deployment.people() == 3
    assert deployment.rows("SELECT count(*) FROM rejects")[0][0] > 0
    assert _keys_there_twice(deployment) == {}
