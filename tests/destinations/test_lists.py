"""A list of leads that is a view at the destination, as a dbt model is."""

from __future__ import annotations

from pathlib import Path

import pytest

from amplemarket_source.errors import InputError
from amplemarket_source.kinds import PEOPLE
from amplemarket_source.leads.databases import DestinationLeads
from amplemarket_source.run.enrichment import Enrichment
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.warehouses import TestedWarehouse
from tests.support.deployment import email_leads
from tests.support.steps import run_to_the_end

pytestmark = pytest.mark.timeout(400)


def test_a_dataset_made_anew_beside_an_old_folder_gets_every_table(
    warehouse: TestedWarehouse, tmp_path: Path
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        deployment.run(email_leads("ada"))
        assert isinstance(deployment, WarehouseDeployment)
        deployment.drop()
        with deployment.client() as client:
            # Whoever makes the lead list, dbt for one, is there before the first run.
            client.create_dataset()
        assert deployment.run(email_leads("ada")).exit_code == 0
        assert deployment.outcomes() == {"ada": "enriched"}
        assert deployment.run(email_leads("ada", "grace")).exit_code == 0
        assert deployment.people() == 2


@pytest.mark.guarantee("a table of the destination is a lead list")
def test_a_view_goes_in_and_people_come_out(warehouse: TestedWarehouse, tmp_path: Path) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        deployment.run([{"email": "ada@site.example"}])
        pipeline = deployment.pipeline()
        with deployment.client() as client:
            view = client.make_qualified_table_name("stg_leads")
            digits = " CROSS JOIN ".join(
                f"(SELECT {' AS n UNION ALL SELECT '.join(map(str, range(10)))} AS n) d{place}"
                for place in range(2)
            )
            client.execute_sql(
                f"CREATE VIEW {view} AS SELECT CASE WHEN d0.n = 0 AND d1.n < 3 THEN "
                "CASE d1.n WHEN 0 THEN 'grace@site.example' WHEN 1 THEN 'n/a' ELSE NULL END "
                "ELSE 'ada@site.example' END AS work_email, "
                "d0.n * 10 + d1.n AS record_id, CURRENT_DATE AS since "
                f"FROM {digits}"
            )
        report = Enrichment(
            pipeline,
            deployment.settings(label="dbt"),
            {PEOPLE: DestinationLeads(pipeline, table="stg_leads")},
        ).run()
        [plan] = report.plan.kinds
        assert (plan.read, plan.invalid, plan.to_buy, plan.fresh) == (100, 2, 1, 1)
        columns = {name.lower(): [n.lower() for n in names] for name, names in plan.columns.items()}
        assert columns == {"email": ["work_email"], "external_id": ["record_id"]}
        assert report.outcomes == {"enriched": 1}
        [(ids,)] = deployment.rows("SELECT count(DISTINCT external_id) FROM leads")
        assert ids == 98
        rejects = deployment.rows("SELECT external_id, reason, source FROM rejects ORDER BY 1")
        assert rejects == [
            ("1", "email_malformed", "stg_leads"),
            ("2", "not_enough_to_identify", "stg_leads"),
        ]
        assert deployment.rows(
            "SELECT r.label, r.command, r.exit_code, r.leads_read, r.leads_bought, q.label "
            "FROM enrichment_runs r JOIN enrichment_requests q ON q.run_key = r.run_key "
            "WHERE r.finished_at >= r.started_at"
        ) == [("dbt", "run", 0, 100, 1, "dbt")]
        nobody = DestinationLeads(pipeline, f"SELECT * FROM {view} WHERE record_id < 0")
        report = run_to_the_end(pipeline, deployment.settings(), {PEOPLE: nobody}, deployment.clock)
        assert (report.exit_code, report.plan.kinds[0].read) == (0, 0)
        with pytest.raises(InputError, match=r"^nothing: the query failed"):
            list(DestinationLeads(pipeline, table="nothing"))
        cast = f"SELECT CAST(work_email AS INTEGER) AS email FROM {view}"
        with pytest.raises(InputError, match=r"^query: the query failed") as caught:
            list(DestinationLeads(pipeline, cast))
        assert "site.example" not in str(caught.value)
