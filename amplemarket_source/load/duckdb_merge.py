"""Where `amplemarket_source.destination.duckdb` was before it was public.

dlt keeps the import path of a destination's class in a pipeline's state, so a working folder of an
older version asks for this one.
"""

from amplemarket_source.destination import duckdb

__all__ = ["duckdb"]
