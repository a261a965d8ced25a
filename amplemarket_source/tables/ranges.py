"""0, 1, 2, ... as an Arrow array."""

from __future__ import annotations

from functools import lru_cache

import pyarrow as pa

__all__ = ["indices"]


def indices(count: int) -> pa.Int64Array:
    """The integers from 0 to ``count - 1``; a view of one that is kept."""
    return _up_to(1 << count.bit_length()).slice(0, count)


@lru_cache(maxsize=4)
def _up_to(power_of_two: int) -> pa.Int64Array:
    return pa.array(range(power_of_two), pa.int64())
