"""Which tests run on which destination, and all of one destination's on the same worker."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["on"]


def on(*warehouses: str) -> list[Any]:
    """Parameters of the fixture ``warehouse``; xdist starts each destination once (``loadgroup``).

    Example::

        @pytest.mark.parametrize("warehouse", on("bigquery"), indirect=True)
    """
    return [
        pytest.param(warehouse, marks=pytest.mark.xdist_group(warehouse))
        for warehouse in warehouses
    ]
