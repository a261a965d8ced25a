"""Which tests run on which destination, and all of one destination's on the same worker."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["on"]


def on(*homes: str) -> list[Any]:
    """Parameters of the fixture ``home``; xdist starts each destination once (``loadgroup``).

    Example::

        @pytest.mark.parametrize("home", on("bigquery"), indirect=True)
    """
    return [pytest.param(home, marks=pytest.mark.xdist_group(home)) for home in homes]
