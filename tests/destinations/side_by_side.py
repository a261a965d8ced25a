"""What ``information_schema`` says of the three warehouses, side by side.

    python -m tests.destinations.side_by_side

Loads a list into each and prints a line for each column, with the type each warehouse gives it; a
line that is not the same contract in all ends with ``!``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.destinations.deployment import WarehouseDeployment
from tests.destinations.scenario import Scenario
from tests.destinations.type_names import types_of
from tests.destinations.warehouses import WAREHOUSES, TestedWarehouse, opened

__all__ = ["as_contract"]

Columns = dict[str, dict[str, str]]
Contract = dict[tuple[str, str], str]


def as_contract(warehouse: TestedWarehouse, columns: Columns) -> Contract:
    """The contract's name of each column's type, by table and column, without dlt's own tables."""
    names = {theirs: ours for ours, theirs in types_of(warehouse).items()}
    return {
        (table, column): names.get(theirs, theirs)
        for table, found in columns.items()
        if not table.startswith("_")
        for column, theirs in found.items()
    }


def main() -> int:
    """Returns: 0 when the warehouses have the same tables, columns and types."""
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")
    found: dict[str, Columns] = {}
    contracts: dict[str, Contract] = {}
    for name in WAREHOUSES:
        with (
            tempfile.TemporaryDirectory() as folder,
            opened(name) as warehouse,
            WarehouseDeployment.settled(warehouse, Path(folder)) as deployment,
        ):
            found[name] = Scenario(deployment).after("nothing").notes["columns"]
            contracts[name] = as_contract(warehouse, found[name])
    differing = 0
    print(f"{'table.column':<62}" + "".join(f"{name:<26}" for name in WAREHOUSES))
    for table, column in sorted(set().union(*contracts.values())):
        theirs = [found[name].get(table, {}).get(column, "-") for name in WAREHOUSES]
        same = len({contracts[name].get((table, column)) for name in WAREHOUSES}) == 1
        differing += not same
        line = f"{table}.{column:<{61 - len(table)}}" + "".join(f"{text:<26}" for text in theirs)
        print(line.rstrip() + ("" if same else "  !"))
    print(f"{len(contracts[WAREHOUSES[0]])} columns, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
