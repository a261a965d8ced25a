"""Keys that meet the tables at the destination: what comes back is about them alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from amplemarket_source.warehouse import client
from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.warehouses import TestedWarehouse
from tests.support.steps import open_ledger

pytestmark = pytest.mark.timeout(400)

_ODD = ["it's", 'a "quote"', "\\n", "Zoë", "%s", "[1]"]


@pytest.mark.guarantee("a list meets the ledger at the destination")
def test_keys_meet_the_tables_in_portions(
    warehouse: TestedWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WarehouseDeployment.settled(warehouse, tmp_path) as deployment:
        rows = [{"email": f"ada{n}@ada.example", "external_id": e} for n, e in enumerate(_ODD)]
        deployment.run([*rows, {"email": "other@ada.example", "external_id": "other"}])
        with open_ledger(deployment.pipeline()) as ledger:
            sql = f"SELECT external_id FROM {ledger.warehouse.name('leads')} WHERE external_id IN "

            def found() -> list[str]:
                keys = pa.chunked_array([[*_ODD, "nobody"]])
                chunks = ledger.warehouse.read_for(f"{sql}({{keys}})", keys)
                return sorted(value for chunk in chunks for value in chunk.column(0).to_pylist())

            assert found() == sorted(_ODD)
            monkeypatch.setattr(client, "_KEYS_AT_ONCE", 2)
            assert found() == sorted(_ODD)
            # As where nobody has looked for a function that makes rows of JSON.
            monkeypatch.setattr(client, "_KEYS_OF_JSON", {})
            assert found() == sorted(_ODD)
