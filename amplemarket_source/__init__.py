"""dlt source for Amplemarket: leads in, typed people and companies tables out.

Example::

    import dlt
    from amplemarket_source import amplemarket

    pipeline = dlt.pipeline("amplemarket", destination="duckdb", dataset_name="amplemarket_data")
    pipeline.run(amplemarket(leads="leads.csv"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amplemarket_source.errors import AmplemarketError
    from amplemarket_source.source import amplemarket

__all__ = ["AmplemarketError", "amplemarket"]


def __getattr__(name: str) -> Any:
    # dlt takes a second to import; the command's help and the bundled server do without it.
    if name == "amplemarket":
        from amplemarket_source.source import amplemarket

        return amplemarket
    if name == "AmplemarketError":
        from amplemarket_source.errors import AmplemarketError

        return AmplemarketError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
